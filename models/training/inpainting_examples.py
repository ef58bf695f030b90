"""Examples to learn filling from: tiles of images, holes drawn on them, and the guides of each, made once.

Guides cost more than a training step, so a pool of tiles is made first and kept; every step cuts
crops from it, turned and mirrored.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.pmpn_inputs import Guides, make_guides, network_inputs, sketch
from models.training.free_form_masks import free_form_mask
from models.training.inpainting_images import ImageFile, read_grey

Floats = NDArray[np.float32]

TILE_PX = 256  # of the pool, as in service
CROP_PX = 128  # of a training step
_LEAST_HOLE, _MOST_HOLE = 0.02, 0.70  # share of a tile
_LEAST_IN_CROP = 0.02  # a crop with fewer holes teaches nothing
_COARSEST = 0.5  # images are shown at a scale drawn between this and 1, where they stay large enough
_FIELDS = ("truth", "known", "fill", "second", "scale")


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Tiles with holes and their guides.

    Attributes:
        truth: (n, side, side) float16, 0..1, the whole tiles.
        known: (n, side, side) bool.
        fill, second: (n, side, side) float16, 0..1, the guides.
        scale: (n, 2) mean and deviation of the known pixels.
    """

    truth: NDArray[np.float16]
    known: NDArray[np.bool_]
    fill: NDArray[np.float16]
    second: NDArray[np.float16]
    scale: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.truth)

    def tile(self, index: int) -> tuple[Floats, NDArray[np.bool_], Guides]:
        """Return a tile, which of it is known, and its guides."""
        mean, deviation = self.scale[index]
        fill, second = (array[index].astype(np.float32) for array in (self.fill, self.second))
        return self.truth[index].astype(np.float32), self.known[index], Guides(fill, second, mean, deviation)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What a step learns from: inputs of the network, the truth and the sketch of it, (B, 1, side, side)."""

    known: Floats
    mask: Floats
    guides: Floats
    truth: Floats
    sketch: Floats


def make_pool(images: Sequence[ImageFile], count: int, seed: int, processes: int = 2) -> Pool:
    """Return a pool of `count` tiles; an image's folder is drawn by the root of its size, then the image.

    Raises:
        DatasetError: an image cannot be read.
    """
    drawn = _drawn(images, count, np.random.default_rng([seed, 12]))
    jobs = [(path, seed, number) for number, path in enumerate(drawn)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as executor:
        tiles = list(executor.map(_tile, jobs, chunksize=16))
    return Pool(*(np.stack(column) for column in zip(*tiles, strict=True)))


def save_pool(pool: Pool, path: Path) -> None:
    """Write a pool to a file."""
    np.savez(path, **{field: getattr(pool, field) for field in _FIELDS})


def load_pool(path: Path) -> Pool:
    """Read a pool from a file."""
    with np.load(path, allow_pickle=False) as archive:
        return Pool(*(archive[field] for field in _FIELDS))


def draw_batch(pool: Pool, size: int, generator: np.random.Generator) -> Batch:
    """Return crops from a pool, turned and mirrored."""
    return stacked([_crop(pool, generator) for _ in range(size)])


def stacked(examples: Sequence[tuple[dict[str, Floats], Floats]]) -> Batch:
    """Return examples, each inputs by name and a normalised truth (side, side), as one batch."""
    joined = {name: np.concatenate([inputs[name] for inputs, _ in examples]) for name in examples[0][0]}
    truth = np.stack([truth[None] for _, truth in examples])
    sketches = np.stack([sketch(truth)[None] for _, truth in examples])
    return Batch(joined["known"], joined["mask"], joined["guides"], truth, sketches)


def whole_tiles(pool: Pool) -> list[tuple[dict[str, Floats], Floats]]:
    """Return every tile of a pool as an example."""
    return [_example(*pool.tile(index)) for index in range(len(pool))]


def _example(truth: Floats, known: NDArray[np.bool_], guides: Guides) -> tuple[dict[str, Floats], Floats]:
    return network_inputs(truth, known, guides), guides.normalised(truth)


def _crop(pool: Pool, generator: np.random.Generator) -> tuple[dict[str, Floats], Floats]:
    while True:
        index = int(generator.integers(len(pool)))
        row, column = generator.integers(0, TILE_PX - CROP_PX + 1, 2)
        place = np.s_[row : row + CROP_PX, column : column + CROP_PX]
        if not pool.known[index][place].mean() <= 1.0 - _LEAST_IN_CROP:
            continue
        truth, known, guides = pool.tile(index)
        turn, mirror = int(generator.integers(4)), bool(generator.integers(2))
        cut = [_turned(array[place], turn, mirror) for array in (truth, known, guides.fill, guides.second)]
        return _example(cut[0], cut[1], Guides(cut[2], cut[3], guides.mean, guides.deviation))


def _turned(array: NDArray[Any], turn: int, mirror: bool) -> NDArray[Any]:
    turned = np.rot90(array[:, ::-1] if mirror else array, turn)
    return np.ascontiguousarray(turned)


def _drawn(images: Sequence[ImageFile], count: int, generator: np.random.Generator) -> list[Path]:
    folders = sorted({image.folder for image in images})
    paths = [[image.path for image in images if image.folder == folder] for folder in folders]
    sizes = np.array([np.sqrt(sum(read_grey(path).size for path in some)) for some in paths])
    chosen = generator.choice(len(folders), size=count, p=sizes / sizes.sum())
    return [paths[folder][generator.integers(len(paths[folder]))] for folder in chosen]


def _tile(job: tuple[Path, int, int]) -> tuple[NDArray[np.generic], ...]:
    path, seed, number = job
    cv2.setNumThreads(1)
    generator = np.random.default_rng([seed, 13, number])
    truth = _cut(read_grey(path), generator)
    known = ~free_form_mask(TILE_PX, _LEAST_HOLE, _MOST_HOLE, generator)
    guides = make_guides(truth, known)
    small = [array.astype(np.float16) for array in (truth, guides.fill, guides.second)]
    return small[0], known, small[1], small[2], np.array([guides.mean, guides.deviation])


def _cut(image: Floats, generator: np.random.Generator) -> Floats:
    """Return a square of a tile's side at a drawn scale; small images are mirrored at their edges."""
    scale = max(generator.uniform(_COARSEST, 1.0), TILE_PX / min(image.shape))
    if generator.random() < 0.5 and scale < 1.0:
        resized = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        image = resized.astype(np.float32)
    beyond = [(0, max(0, TILE_PX - length)) for length in image.shape]
    image = np.pad(image, beyond, mode="symmetric")
    row, column = (int(generator.integers(0, length - TILE_PX + 1)) for length in image.shape)
    return image[row : row + TILE_PX, column : column + TILE_PX]
