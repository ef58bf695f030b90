"""Rows of one or more datasets on the model's grid, and the batches that training draws from them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.isic_net_config import CELL_PX
from models.preprocessing import ImageScale, SpectrumGrid, grey, rescaled, signal_channels, standardised
from models.training.augmentation import blended, other_unit
from models.training.dataset import Dataset
from models.training.image_files import decoded_rgb
from models.validity import instrument_type
from qc_daemon.domain.errors import DatasetError

CROP_MARGIN_PX = (
    32  # whole cells; stored images are this much larger than the network's field, for random crops
)
BLEND_SHARE = 0.4  # of the spectra of a batch
UNTOUCHED_SHARE = 0.15  # of the spectra of a batch that are neither blended nor varied


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Spectra with shares, and micrographs where there are some.

    Attributes:
        absorbance: (n, bands) on `grid`.
        shares: (n, k), each row sums to 1.
        specimens: n names, unique across datasets.
        sources: (n,) number of the dataset that a row is from.
        images: (m, side, side) uint8 grey at the model's scale.
        covers: (m, cells, cells, k) uint8 percent of each cell of the image that each fibre covers; zeros
            where that is not known.
        image_of: (n,) index into `images`, or -1.
        background: (b, bands) absorbance without a specimen, on `grid`, whatever rows are taken.
        instruments: n types of instruments, "" if not stated; none is stated unless they are given.
    """

    fibres: tuple[str, ...]
    grid: SpectrumGrid
    absorbance: NDArray[np.float64]
    shares: NDArray[np.float64]
    specimens: tuple[str, ...]
    sources: NDArray[np.intp]
    images: NDArray[np.uint8]
    covers: NDArray[np.uint8]
    image_of: NDArray[np.intp]
    background: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    instruments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "instruments", self.instruments or ("",) * len(self))

    def __len__(self) -> int:
        return len(self.absorbance)

    def take(self, rows: NDArray[np.intp]) -> "Examples":
        """Return the examples of `rows`; images are shared, not copied."""
        return replace(
            self,
            absorbance=self.absorbance[rows],
            shares=self.shares[rows],
            specimens=tuple(self.specimens[row] for row in rows),
            sources=self.sources[rows],
            image_of=self.image_of[rows],
            instruments=tuple(self.instruments[row] for row in rows),
        )

    @property
    def with_image(self) -> NDArray[np.intp]:
        """Rows that have a micrograph."""
        return np.flatnonzero(self.image_of >= 0)


def common_grid(datasets: Sequence[Dataset], bands: int) -> SpectrumGrid:
    """Return the grid over the range that all datasets cover, drawn in by a thousandth at each end.

    Raises:
        DatasetError: two datasets have no wavelength in common.
    """
    first = max(float(dataset.wavelength_nm[0]) for dataset in datasets)
    last = min(float(dataset.wavelength_nm[-1]) for dataset in datasets)
    if first >= last:
        names = ", ".join(str(dataset.folder) for dataset in datasets)
        raise DatasetError(f"{names}: no common wavelength range; expected axes that overlap")
    inset = 1e-3 * (last - first)
    return SpectrumGrid(first + inset, last - inset, bands)


def gather(datasets: Sequence[Dataset], grid: SpectrumGrid, scale: ImageScale | None) -> Examples:
    """Pool the rows that hold a specimen; a fibre that a dataset does not name is absent from its rows.

    Rows without a specimen are pooled as the background.

    Raises:
        DatasetError: no row holds a specimen.
    """
    fibres = tuple(dict.fromkeys(fibre for dataset in datasets for fibre in dataset.fibres))
    images: list[NDArray[np.uint8]] = []
    covers: list[NDArray[np.uint8]] = []
    parts = [
        _part(dataset, number, fibres, grid, scale, images, covers) for number, dataset in enumerate(datasets)
    ]
    side = (scale.side_px + CROP_MARGIN_PX) if scale else 0
    cells = side // CELL_PX
    examples = Examples(
        fibres,
        grid,
        np.concatenate([part.absorbance for part in parts]),
        np.concatenate([part.shares for part in parts]),
        tuple(name for part in parts for name in part.specimens),
        np.concatenate([part.sources for part in parts]),
        np.array(images, dtype=np.uint8).reshape(len(images), side, side),
        np.array(covers, dtype=np.uint8).reshape(len(covers), cells, cells, len(fibres)),
        np.concatenate([part.image_of for part in parts]),
        np.concatenate([part.background for part in parts]),
        tuple(name for part in parts for name in part.instruments),
    )
    if len(examples) == 0 or not fibres:
        names = ", ".join(str(dataset.folder) for dataset in datasets)
        raise DatasetError(f"{names}: no row with fibre shares; expected at least one specimen")
    return examples


def _part(
    dataset: Dataset,
    number: int,
    fibres: tuple[str, ...],
    grid: SpectrumGrid,
    scale: ImageScale | None,
    images: list[NDArray[np.uint8]],
    covers: list[NDArray[np.uint8]],
) -> Examples:
    absorbance = dataset.absorbance @ grid.resampling(dataset.wavelength_nm).T
    held = np.flatnonzero(dataset.shares.sum(axis=1) > 0)
    empty = np.flatnonzero((dataset.shares.sum(axis=1) == 0) & bool(dataset.fibres))
    shares = np.zeros((len(held), len(fibres)))
    columns = [fibres.index(fibre) for fibre in dataset.fibres]
    shares[:, columns] = dataset.shares[held]
    image_of = np.full(len(held), -1, dtype=np.intp)
    for place, row in enumerate(held):
        plane = _image_plane(dataset.micrograph_path(row), float(dataset.um_per_pixel[row]), scale)
        if plane is not None:
            image_of[place] = len(images)
            images.append(plane)
            cover = np.zeros((len(plane) // CELL_PX, len(plane) // CELL_PX, len(fibres)), np.uint8)
            known = None if dataset.fibre_cover is None else dataset.fibre_cover[row]
            same_scale = scale is not None and dataset.um_per_pixel[row] == scale.um_per_pixel
            if known is not None and same_scale and known.shape[:2] == cover.shape[:2]:
                cover[..., columns] = known
            covers.append(cover)
    return Examples(
        fibres,
        grid,
        absorbance[held],
        shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-9),
        tuple(f"{number}/{dataset.specimens[row]}" for row in held),
        np.full(len(held), number, dtype=np.intp),
        np.zeros((0, 0, 0), dtype=np.uint8),
        np.zeros((0, 0, 0, 0), dtype=np.uint8),
        image_of,
        absorbance[empty],
        tuple(instrument_type(dataset.instruments[row]) for row in held),
    )


def _image_plane(
    path: Path | None, um_per_pixel: float, scale: ImageScale | None
) -> NDArray[np.uint8] | None:
    """Return the grey centre of a micrograph at the model's scale, or None if it has none to give."""
    if path is None or scale is None:
        return None
    if not scale.min_um_per_pixel <= um_per_pixel <= scale.max_um_per_pixel:
        return None
    levels = grey(rescaled(decoded_rgb(path, path.read_bytes()), um_per_pixel / scale.um_per_pixel))
    side = scale.side_px + CROP_MARGIN_PX
    if min(levels.shape) < scale.side_px:
        return None
    short = [max(0, side - length) for length in levels.shape]
    levels = np.pad(levels, [(lack // 2, lack - lack // 2) for lack in short], mode="reflect")
    top, left = (levels.shape[0] - side) // 2, (levels.shape[1] - side) // 2
    return np.asarray(np.rint(levels[top : top + side, left : left + side]), dtype=np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One step's inputs; the first `len(image)` signals are those of the images.

    Attributes:
        signal: (n, 2, bands).
        shares: (n, k).
        image: (m, 1, side, side); m = 0 without images.
        cover: (m, cells, k) how much of each cell each fibre covers.
    """

    signal: NDArray[np.float32]
    shares: NDArray[np.float32]
    image: NDArray[np.float32]
    cover: NDArray[np.float32]


def row_weights(examples: Examples) -> NDArray[np.float64]:
    """Return (n,) probabilities of drawing a row: specimens equal, datasets by the cube root of their size.

    Thousands of simulated specimens would otherwise drown a few dozen real ones.
    """
    weights = np.zeros(len(examples))
    names = np.array(examples.specimens)
    for source in np.unique(examples.sources):
        rows = np.flatnonzero(examples.sources == source)
        _, inverse, counts = np.unique(names[rows], return_inverse=True, return_counts=True)
        weights[rows] = len(counts) ** (1.0 / 3.0) / (len(counts) * counts[inverse])
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def draw_batch(
    examples: Examples,
    weights: NDArray[np.float64],
    signals: int,
    paired: int,
    generator: np.random.Generator,
) -> Batch:
    """Draw `paired` rows with their images and `signals` rows without, blended and varied."""
    step_nm = examples.grid.step_nm
    rows = generator.choice(len(examples), signals, p=weights)
    absorbance, shares = vary(examples, rows, weights, generator)
    images, cover = np.zeros((0, 1, 1, 1), np.float32), np.zeros((0, 1, 1), np.float32)
    if paired:
        chosen = generator.choice(examples.with_image, paired)
        varied = other_unit(examples.absorbance[chosen], step_nm, generator)
        absorbance = np.concatenate([varied, absorbance])
        shares = np.concatenate([examples.shares[chosen], shares])
        shown = examples.image_of[chosen]
        images, cover = random_crops(examples.images[shown], examples.covers[shown], generator)
    return Batch(signal_channels(absorbance), shares.astype(np.float32), images, cover)


def vary(
    examples: Examples, rows: NDArray[np.intp], weights: NDArray[np.float64], generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return absorbance (n, bands) and shares (n, k) of `rows`, some blended, most varied."""
    absorbance, shares = examples.absorbance[rows].copy(), examples.shares[rows].copy()
    mix = np.flatnonzero(generator.random(len(rows)) < BLEND_SHARE)
    partners = generator.choice(len(examples), len(mix), p=weights)
    absorbance[mix], shares[mix] = blended(
        absorbance[mix], shares[mix], examples.absorbance[partners], examples.shares[partners], generator
    )
    varied = other_unit(absorbance, examples.grid.step_nm, generator)
    touched = generator.random((len(rows), 1)) >= UNTOUCHED_SHARE
    return np.where(touched, varied, absorbance), shares


def random_crops(
    images: NDArray[np.uint8], covers: NDArray[np.uint8], generator: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (n, 1, side - margin, side - margin): turned, mirrored, standardised, a little noisy.

    And (n, cells, k) how much of each cell each fibre covers. Crops begin at whole cells.
    """
    side = images.shape[1] - CROP_MARGIN_PX
    rows = side // CELL_PX
    crops = np.empty((len(images), 1, side, side), dtype=np.float32)
    cover = np.empty((len(images), rows * rows, covers.shape[-1]), dtype=np.float32)
    for number, (image, cells) in enumerate(zip(images, covers, strict=True)):
        top, left = generator.integers(0, CROP_MARGIN_PX // CELL_PX + 1, 2)
        y, x = top * CELL_PX, left * CELL_PX
        turns, mirrored = int(generator.integers(4)), generator.random() < 0.5
        crop = np.rot90(image[y : y + side, x : x + side], turns)
        part = np.rot90(cells[top : top + rows, left : left + rows], turns)
        if mirrored:
            crop, part = crop[:, ::-1], part[:, ::-1]
        crops[number, 0] = standardised(crop.astype(np.float32))
        cover[number] = part.reshape(rows * rows, -1) / 100.0
    noise = generator.uniform(0.0, 0.15, (len(images), 1, 1, 1)).astype(np.float32)
    return crops + noise * generator.standard_normal(crops.shape, dtype=np.float32), cover


def centre_crops(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (n, 1, side - margin, side - margin): what the station would show the network."""
    edge = CROP_MARGIN_PX // 2
    return standardised(images[:, edge:-edge, edge:-edge].astype(np.float32))[:, None]
