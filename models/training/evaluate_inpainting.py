"""Measure PMPN on a folder of images, beside the fill that it corrects and two fills from a library.

Every image is cut to its middle, of at most a tile, and gets one mask a bin, drawn from its name and a
fixed seed, so that a figure can be repeated and all methods see the same holes.
"""

import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.filling_methods import fill_fsr, fill_telea
from models.gaussian_fill import fill_gaussian
from models.pmpn_fill import PmpnFill
from models.training.fill_scores import FillScore, score_fill
from models.training.free_form_masks import BINS, free_form_mask
from models.training.inpainting_images import find_images, read_grey
from qc_daemon.domain.errors import DatasetError

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Fill = Callable[[Floats, Mask], Floats]

_SEED = 20264
_LEAST_SIDE_PX = 32  # a smaller image has no room for the holes of every bin


@dataclass(frozen=True, slots=True)
class FillingRow:
    """One line of the table: a method on the holes of one bin; means over images.

    Attributes:
        model: "pmpn", "gaussian" (the fill that it corrects), "fsr" or "telea".
        split: share of the image that is holes, "(0, 30] %" and so on.
        composite_psnr_db, ssim: of the whole picture.
        hole_psnr_db: of the filled pixels alone.
        seconds: of wall time, of one image.
    """

    model: str
    split: str
    composite_psnr_db: float
    ssim: float
    hole_psnr_db: float
    seconds: float
    n_images: int


def evaluate_filling(network: PmpnFill, folder: Path, tell: Callable[[str], None]) -> list[FillingRow]:
    """Return a row a method and bin.

    Args:
        network: whose checkpoint is measured.
        folder: of images, searched with the folders in it.
        tell: is told of each image that is done.

    Raises:
        DatasetError: there is no image, or one cannot be read or is smaller than 32 px.
    """
    methods: Mapping[str, Fill] = {
        "pmpn": network.fill,
        "gaussian": lambda plane, hole: fill_gaussian(plane, ~hole),
        "fsr": fill_fsr,
        "telea": fill_telea,
    }
    images = find_images(folder)
    found: dict[tuple[str, int], list[tuple[FillScore, float]]] = {}
    for number, image in enumerate(images):
        for index, truth, hole in _cases(image.path, network.largest_px):
            plane = np.where(hole, 0, truth).astype(np.float32) / np.float32(255.0)
            for name, fill in methods.items():
                started = time.perf_counter()
                answer = fill(plane, hole)
                seconds = time.perf_counter() - started
                found.setdefault((name, index), []).append((score_fill(truth, hole, answer), seconds))
        tell(f"{number + 1} of {len(images)} images")
    return [_row(name, index, found[name, index]) for name in methods for index in range(len(BINS))]


def _cases(path: Path, most_px: int) -> Iterator[tuple[int, NDArray[np.uint8], Mask]]:
    """Yield the bin, the middle of the image, and its holes."""
    grey = read_grey(path)
    side = min(*grey.shape, most_px)
    if side < _LEAST_SIDE_PX:
        raise DatasetError(f"{path}: is {grey.shape}; expected sides of {_LEAST_SIDE_PX} pixels or more")
    row, column = ((length - side) // 2 for length in grey.shape)
    truth = np.rint(grey[row : row + side, column : column + side] * 255.0).astype(np.uint8)
    for index, (least, most) in enumerate(BINS):
        generator = np.random.default_rng([_SEED, index, zlib.crc32(path.name.encode())])
        yield index, truth, free_form_mask(side, least, most, generator)


def _row(name: str, index: int, scores: Sequence[tuple[FillScore, float]]) -> FillingRow:
    least, most = BINS[index]
    return FillingRow(
        model=name,
        split=f"({100 * least:.0f}, {100 * most:.0f}] %",
        composite_psnr_db=float(np.mean([score.composite_psnr_db for score, _ in scores])),
        ssim=float(np.mean([score.ssim for score, _ in scores])),
        hole_psnr_db=float(np.mean([score.hole_psnr_db for score, _ in scores])),
        seconds=float(np.mean([seconds for _, seconds in scores])),
        n_images=len(scores),
    )
