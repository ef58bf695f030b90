"""Sizes and parts of PMPN, apart from the network so that serving can read them without MindSpore."""

from dataclasses import dataclass

GUIDES = 3  # pictures without holes that the network starts from: two classical fills and a sketch
INPUTS = ("known", "mask", "guides")
OUTPUT = "filled"
WIDEST = 4  # the deepest maps have so many times `width` channels
CROSSED_LEVELS = 4  # encoder levels that Bi-CSP lets look at one another
STREAMS = (1, 2)


@dataclass(frozen=True, slots=True)
class PmpnConfig:
    """Sizes and parts of the network.

    Attributes:
        width: channels at the first level.
        levels: of each encoder; every level halves the image.
        streams: 2 for texture and structure; 1 for a plain U-Net of partial convolutions, to compare with.
        cpi: the colour prior: a coarse picture of brightness that is put into the last layers.
        bicsp: the bi-directional cross-stage perception of the two encoders.
        cca: the channel-wise cross-attention where the decoders take what the encoders kept.
        cfa: the contextual feature aggregation of CTSDG: costly, and of no use for thin dirt.
    """

    width: int = 16
    levels: int = 5
    streams: int = 2
    cpi: bool = True
    bicsp: bool = True
    cca: bool = True
    cfa: bool = False

    def __post_init__(self) -> None:
        if self.streams not in STREAMS or self.levels < CROSSED_LEVELS:
            raise ValueError(
                f"streams {self.streams}, levels {self.levels}: expected 1 or 2, {CROSSED_LEVELS} or more"
            )
        if self.streams == 1 and self.bicsp:
            raise ValueError("bicsp needs two streams")

    @property
    def stride(self) -> int:
        """Pixels that the sides of an image are a multiple of."""
        return 1 << self.levels

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the encoder levels, from the finest."""
        return tuple(self.width * min(2**level, WIDEST) for level in range(self.levels))


def input_shapes(side_px: int, batch: int = 1) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the graph's inputs by name, for square tiles."""
    channels = dict(zip(INPUTS, (1, 1, GUIDES), strict=True))
    return {name: (batch, count, side_px, side_px) for name, count in channels.items()}
