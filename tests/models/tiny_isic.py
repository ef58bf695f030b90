"""A small world for the tests of ISiC-Net: three made-up fibres, and checkpoints trained on them."""

import fcntl
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.checkpoint import Checkpoint, TrainingRecord, load_checkpoint
from models.isic_net_config import CELL_PX, IsicNetConfig
from models.preprocessing import ImageScale, SpectrumGrid
from models.training.dataset import Dataset
from models.training.datasets import write_dataset
from models.training.examples import CROP_MARGIN_PX, Examples

FIBRES = ("hemp", "jute", "silk")
AXIS_NM = np.linspace(1000.0, 1800.0, 90)
SHARED: list[Path] = []  # the folder of the test run, which conftest.py fills in
SCALE = ImageScale(side_px=64, um_per_pixel=1.0, min_um_per_pixel=0.5, max_um_per_pixel=1.5)


def tiny_config(**parts: bool) -> IsicNetConfig:
    """The network at its smallest, for 40 bands and 64 pixels."""
    return IsicNetConfig(
        fibres=3, bands=40, windows=8, image_px=64, width=16, heads=2, regions_kept=2, windows_per_region=3,
        **parts,
    )  # fmt: skip


def absorbance_of(shares: np.ndarray, axis_nm: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(n, bands): each fibre has two bands of its own; a sloping baseline and noise differ by row."""
    centres = np.array([[1150.0, 1500.0], [1250.0, 1600.0], [1350.0, 1700.0]])
    pure = np.exp(-(((axis_nm[None, None] - centres[..., None]) / 30.0) ** 2)).sum(axis=1)
    slope = generator.normal(0.0, 0.02, (len(shares), 1)) * np.linspace(-1, 1, len(axis_nm))
    noise = generator.normal(0.0, 5e-4, (len(shares), len(axis_nm)))
    return 0.2 + 0.15 * shares @ pure + slope + noise


def drawn_shares(specimens: int, generator: np.random.Generator) -> np.ndarray:
    """(n, 3): by turns pure and blended."""
    shares = generator.dirichlet(np.ones(3), specimens)
    shares[::2] = np.eye(3)[np.arange(len(shares[::2])) % 3]
    return shares


def write_folder(folder: Path, specimens: int = 48, seed: int = 0) -> Dataset:
    """Write and return a dataset folder with two spectra a specimen and no images."""
    generator = np.random.default_rng(seed)
    shares = np.repeat(drawn_shares(specimens, generator), 2, axis=0)
    n = len(shares)
    dataset = Dataset(
        folder=folder,
        wavelength_nm=AXIS_NM,
        absorbance=absorbance_of(shares, AXIS_NM, generator),
        fibres=FIBRES,
        shares=shares,
        specimens=tuple(f"piece-{row // 2}" for row in range(n)),
        conditions=("",) * n,
        image_paths=(None,) * n,
        um_per_pixel=np.full(n, np.nan),
        sample_counts=None,
        reference_counts=None,
    )
    write_dataset(dataset)
    return dataset


def tiny_examples(specimens: int = 48, seed: int = 0) -> Examples:
    """Examples with images whose stripes lie as the main fibre decides."""
    generator = np.random.default_rng(seed)
    grid = SpectrumGrid(1010.0, 1790.0, 40)
    shares = drawn_shares(specimens, generator)
    side = SCALE.side_px + CROP_MARGIN_PX
    period = 4.0 + 4.0 * shares.argmax(axis=1)[:, None, None]
    wave = np.sin(2 * np.pi * np.arange(side)[None, None, :] / period) * np.ones((1, side, 1))
    images = np.clip(128 + 60 * wave + generator.normal(0, 5, (specimens, side, side)), 0, 255)
    return Examples(
        fibres=FIBRES,
        grid=grid,
        absorbance=absorbance_of(shares, AXIS_NM, generator) @ grid.resampling(AXIS_NM).T,
        shares=shares,
        specimens=tuple(f"piece-{row}" for row in range(specimens)),
        sources=np.zeros(specimens, dtype=np.intp),
        images=images.astype(np.uint8),
        covers=covers_of(shares, side // CELL_PX),
        image_of=np.arange(specimens),
    )


def covers_of(shares: NDArray[np.float64], cells: int) -> NDArray[np.uint8]:
    """Cells (n, cells, cells, k) that fibres cover to four fifths, each by its share."""
    percent = np.broadcast_to(80.0 * shares[:, None, None, :], (len(shares), cells, cells, shares.shape[1]))
    return percent.astype(np.uint8)


@cache
def tiny_checkpoint() -> Checkpoint:
    """A checkpoint with every part of the network, barely trained; written once a test run."""
    (shared,) = SHARED
    folder = shared / "tiny"
    with (shared / "tiny.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process of the run may be writing it
        return load_checkpoint(folder) if folder.exists() else _write_tiny_checkpoint(folder)


def _write_tiny_checkpoint(folder: Path) -> Checkpoint:
    from models.isic_net import IsicNet
    from models.mindspore_import import ms
    from models.training.drawn_fits import drawn_anchor
    from models.training.isic_checkpoint import Origin, write_isic_checkpoint
    from models.training.isic_fitting import place_anchor
    from models.training.seen_range import seen_range

    ms.set_seed(5)
    net = IsicNet(tiny_config(window_evidence=True))
    examples = tiny_examples()
    place_anchor(net, drawn_anchor(examples, 0))
    record = TrainingRecord(
        ("made up: 48 specimens, 48 spectra",), (0.3, 0.3, 0.3), "48 others", 48, 0, 0, 0.1
    )
    held = tiny_examples(seed=1)
    return write_isic_checkpoint(
        folder, net, examples, held, Origin("dry mass", SCALE, record, seen_range(examples))
    )
