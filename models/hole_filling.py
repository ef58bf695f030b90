"""Fills holes of images of any size and depth: crops around them, at native resolution, pasted back.

Filled pixels are a picture, not data: the mask goes with them everywhere. Known pixels are never written.
"""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.filling_methods import TELEA, FillMethod

Pixels = NDArray[Any]  # uint8 or uint16
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def fill_holes(pixels: Pixels, mask: Mask, method: FillMethod, max_px: int | None = None) -> Pixels:
    """Return a copy of an image with its holes filled.

    Args:
        pixels: (height, width) grey or (height, width, channels), uint8 or uint16; the fourth channel, if
            there is one, is opacity and is kept.
        mask: (height, width), True where there is a hole.
        method: what fills them.
        max_px: at most so many pixels by this method, smallest regions first, and the rest by diffusion;
            None for all.

    Raises:
        ValueError: nothing is known.
    """
    if mask.size and mask.all():
        raise ValueError("the whole image is a hole, so nothing is known to fill it from")
    filled = pixels.copy()
    if not mask.any():
        return filled
    everywhere = np.s_[0 : mask.shape[0], 0 : mask.shape[1]]
    _fill_region(filled, pixels, mask, mask, everywhere, TELEA)
    if method.name == TELEA.name:
        return filled
    left_px = mask.size if max_px is None else max_px
    for region, place in _regions(mask, method):
        left_px -= int(np.count_nonzero(region))
        if left_px < 0:
            break
        _fill_region(filled, pixels, mask, region, place, method)
    return filled


# Smaller specks hold no texture that could be continued.
_MIN_TEXTURE_PX = 12
# Of a tile's side: neighbours share so much, and are blended there.
_OVERLAP = 0.25

Place = tuple[slice, slice]


def _regions(mask: Mask, method: FillMethod) -> Iterator[tuple[Mask, Place]]:
    """Yield groups of holes that share surroundings, small ones first.

    Each is the mask of its holes inside its crop, and the crop's rows and columns.
    """
    reach = method.margin_px + 1
    near = cv2.dilate(mask.astype(np.uint8), np.ones((reach, reach), np.uint8))
    count, labels = cv2.connectedComponents(near)
    labels = np.where(mask, labels, 0)
    areas = np.bincount(labels.ravel(), minlength=count)
    for label in sorted(range(1, count), key=lambda label: (areas[label], label)):
        if areas[label] >= _MIN_TEXTURE_PX:
            places = np.nonzero(labels == label)
            rows, columns = (
                _span(places[axis], mask.shape[axis], method.margin_px, method.block_px) for axis in (0, 1)
            )
            yield labels[rows, columns] == label, (rows, columns)


def _span(places: NDArray[np.intp], length: int, margin_px: int, block_px: int) -> slice:
    """Return whole blocks around the places, cut at the image's end."""
    first = max(int(places.min()) - margin_px, 0) // block_px * block_px
    last = -(-(int(places.max()) + 1 + margin_px) // block_px) * block_px
    return slice(first, min(last, length))


def _fill_region(
    filled: Pixels, pixels: Pixels, mask: Mask, region: Mask, place: Place, method: FillMethod
) -> None:
    """Write a region's pixels of every colour plane; planes that are alike are filled once."""
    highest = np.float32(np.iinfo(pixels.dtype).max)
    crop = pixels[place] if pixels.ndim == 3 else pixels[place][..., np.newaxis]
    into = filled[place] if pixels.ndim == 3 else filled[place][..., np.newaxis]
    holes = mask[place]
    done: list[tuple[Pixels, Pixels]] = []
    for channel in range(min(crop.shape[2], 3)):
        plane = np.where(holes, 0, crop[..., channel])
        found = next((values for seen, values in done if np.array_equal(seen, plane)), None)
        if found is None:
            # Diffusion's fill lies below, for tiles in which nothing is known.
            shown = into[..., channel].astype(np.float32) / highest
            values = _filled_in_tiles(shown, holes, method)
            found = np.rint(values.clip(0.0, 1.0) * highest).astype(pixels.dtype)
            done.append((plane, found))
        into[..., channel][region] = found[region]


def _filled_in_tiles(plane: Floats, holes: Mask, method: FillMethod) -> Floats:
    """Return a plane filled, by overlapping tiles where it is larger than what the method takes at once."""
    if max(plane.shape) <= method.tile_px:
        return method.fill(plane, holes)
    total, weight = np.zeros_like(plane), np.zeros_like(plane)
    for rows, row_weight in _tiles(plane.shape[0], method):
        for columns, column_weight in _tiles(plane.shape[1], method):
            tile, tile_holes = plane[rows, columns], holes[rows, columns]
            fillable = tile_holes.any() and not tile_holes.all()
            share = np.outer(row_weight, column_weight)
            total[rows, columns] += share * (method.fill(tile, tile_holes) if fillable else tile)
            weight[rows, columns] += share
    return total / weight


def _tiles(length: int, method: FillMethod) -> list[tuple[slice, Floats]]:
    """Return where tiles lie along an axis and how much each counts there: less towards its ends."""
    side = min(method.tile_px, length)
    step = max(round(side * (1.0 - _OVERLAP)) // method.block_px, 1) * method.block_px
    starts = [*range(0, max(length - side, 0), step), length - side]
    ramp = np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1))
    counts = np.minimum(ramp / (side * _OVERLAP), 1.0).astype(np.float32)
    return [(slice(start, start + side), counts) for start in starts]
