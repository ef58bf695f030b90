"""Sizes and parts of ISiC-Net, apart from the network so that serving can read them without MindSpore."""

from dataclasses import dataclass

CHANNELS = 2  # the SNV spectrum and its first derivative
IMAGE_STRIDE = 32  # pixels of an image region, each way
CELL_PX = 16  # pixels of a cell, each way: of what the network says which fibres it shows


@dataclass(frozen=True, slots=True)
class IsicNetConfig:
    """Sizes and parts of the network.

    Attributes:
        fibres: K, the classes and the shares.
        bands: points of the spectrum; a multiple of `windows`.
        windows: n, the wavelength windows.
        image_px: side of the square grey image, a multiple of 32; regions N = (image_px / 32)².
        width: d, features of a region and of a window.
        regions_kept: k of RG, at most N.
        windows_per_region: how many windows speak for a region in RG and ISiCA, at most `windows`.
        image, region_generation, cross_attention, reconstruction: the parts; RG and ISiCA need `image`.
        window_evidence: also return how far each window and each region moves the answer, and ISiCA's
            attention; False in checkpoints that were written before the network could.
        memory: places at which the anchor's shares are corrected, see `models.training.memory`; 0 for none.
    """

    fibres: int
    bands: int = 160
    windows: int = 20
    image_px: int = 448
    width: int = 96
    heads: int = 4
    signal_blocks: int = 1
    image_blocks: int = 1
    regions_kept: int = 64
    windows_per_region: int = 6
    image: bool = True
    region_generation: bool = True
    cross_attention: bool = True
    reconstruction: bool = True
    window_evidence: bool = False
    memory: int = 0

    def __post_init__(self) -> None:
        if self.bands % self.windows or self.image_px % IMAGE_STRIDE or self.width % self.heads:
            raise ValueError(
                f"bands {self.bands}, image_px {self.image_px}, width {self.width}: expected multiples of "
                f"windows {self.windows}, {IMAGE_STRIDE} and heads {self.heads}"
            )
        if not self.image and (self.region_generation or self.cross_attention):
            raise ValueError("region_generation and cross_attention need image, which is off")
        if self.regions_kept > self.regions or self.windows_per_region > self.windows:
            raise ValueError(
                f"regions_kept {self.regions_kept} and windows_per_region {self.windows_per_region}: "
                f"expected at most {self.regions} and {self.windows}"
            )

    @property
    def region_rows(self) -> int:
        """Regions along one side of the image."""
        return self.image_px // IMAGE_STRIDE

    @property
    def regions(self) -> int:
        """N, all regions of the image."""
        return self.region_rows**2


def output_names(config: IsicNetConfig) -> tuple[str, ...]:
    """Return the names of the tensors that the network returns, in order."""
    names = ["class_logits", "shares", "presence", "spread", "window_weights"]
    names += ["region_scores", "region_kept"] if config.image else []
    names += ["reconstruction"] if config.reconstruction else []
    names += ["window_influence"] if config.window_evidence else []
    names += ["window_attention"] if config.window_evidence and config.cross_attention else []
    names += ["region_influence"] if config.window_evidence and config.region_generation else []
    return tuple(names)


def input_shapes(config: IsicNetConfig) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the exported graph's inputs by name, for one specimen."""
    shapes: dict[str, tuple[int, ...]] = {"signal": (1, CHANNELS, config.bands)}
    if config.image:
        shapes |= {"image": (1, 1, config.image_px, config.image_px), "image_present": (1, 1)}
    return shapes
