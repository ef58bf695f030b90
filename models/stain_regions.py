"""Finds regions of a surface that are darker than their surroundings, and measures what tells a stain.

A region grows from pixels far outside the spread of their surroundings over those that are probable, and
ends where it has faded to a share of its own peak, so that a strong stain has no halo and a weak one is
whole. Folds, seams and shade do so as well: nine measures of a region and a logistic model tell them from
stains. `models/training/stain_regions.py` fits the model; docs/virtual_mill.md has what was measured.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Place = tuple[slice, slice]

STAIN_WEIGHTS = Path(__file__).parent / "weights" / "stain_regions.json"
# Regions are looked for at this scale; lengths below are pixels of it. Coarser pictures keep their pixels.
WORKING_UM = 2.0
# Of the root of a region's area, and pixels at most.
_RIM, _MAX_RIM_PX = 0.11, 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A dark region: its mask inside a crop, where the crop lies, and the nine measures of `MEASURES`."""

    inside: Mask
    place: Place
    measures: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StainModel:
    """A logistic model of a region's measures, and the probability from which a region is a stain."""

    weights: tuple[float, ...]
    bias: float
    limit: float

    def is_stain(self, region: Region) -> bool:
        """Tell whether a region is a stain."""
        logit = float(region.measures @ np.asarray(self.weights)) + self.bias
        return logit > float(np.log(self.limit / (1.0 - self.limit)))


MEASURES = (
    "log_peak_score",  # robust standard deviations below the surroundings, at its darkest
    "peak_share",  # of the highest score in the picture
    "log_area_px",
    "log_contrast",  # mean darkening relative to the surroundings' brightness
    "log_edge",  # gradient along its edge relative to the picture's median gradient
    "log_elongation",
    "touches_border",  # 0 or 1
    "darkest_side",  # score of the darkest octant outside, relative to the peak: a fold goes on there
    "extent",  # share of its bounding box
)


@cache
def released_model() -> StainModel:
    """Return the model of this version."""
    content = json.loads(STAIN_WEIGHTS.read_text())
    weights = tuple(float(content["weights"][name]) for name in MEASURES)
    return StainModel(weights, float(content["bias"]), float(content["limit"]))


def stained(brightness: Pixels, um_per_pixel: float, *, rim: bool) -> Mask:
    """Return (height, width) bool, True inside stains, of the (height, width) brightness of a picture.

    With a `rim` as people draw stains; without it where they end, to be measured.
    """
    model = released_model()
    seen = at_working_scale(brightness, um_per_pixel)
    found = [region for region in dark_regions(seen) if model.is_stain(region)]
    stains = drawn(found, seen.shape, _RIM if rim else 0.0)
    if seen.shape == brightness.shape:
        return stains
    size = brightness.shape[::-1]
    return cv2.resize(stains.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0


def at_working_scale(brightness: Pixels, um_per_pixel: float) -> Pixels:
    """Return a picture reduced to the working scale if it is finer."""
    factor = um_per_pixel / WORKING_UM
    if factor >= 1.0:
        return brightness
    height, width = (max(round(side * factor), 1) for side in brightness.shape)
    return np.asarray(cv2.resize(brightness, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def dark_regions(brightness: Pixels) -> list[Region]:
    """Return the regions of a picture at the working scale that may be stains."""
    smooth: Floats = np.asarray(cv2.GaussianBlur(brightness.astype(np.float32), (0, 0), _BLUR_PX), np.float32)
    around = _surroundings(smooth)
    score = (around - smooth) / _spread(around - smooth)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(_cores(score))
    gradient = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)) / 8.0
    picture = _Picture(score, smooth, around, gradient, float(score.max()), float(np.median(gradient)))
    return [
        _measured(picture, labels, label, stats[label])
        for label in range(1, count)
        if stats[label, cv2.CC_STAT_AREA] >= _MIN_INSIDE_PX
    ]


def drawn(regions: Sequence[Region], shape: tuple[int, ...], rim: float = _RIM) -> Mask:
    """Return (height, width) bool, True inside the regions and a rim, a share of the root of their area."""
    mask = np.zeros(shape, np.bool_)
    for region in regions:
        radius_px = np.clip(rim * np.sqrt(np.count_nonzero(region.inside)), 1.0, _MAX_RIM_PX)
        disc = _disc(2 * round(float(radius_px)) + 1)
        mask[region.place] |= cv2.dilate(region.inside.astype(np.uint8), disc) > 0
    return mask


_BLUR_PX = 2.0
_WINDOW_PX, _REDUCTION = 160, 4
_PROBABLE_SCORE, _CERTAIN_SCORE, _END_SHARE = 2.5, 5.0, 0.3
_NECK_PX, _MIN_CORE_PX, _MIN_INSIDE_PX = 3, 60, 20
_MARGIN_PX = 24


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    score: Floats
    smooth: Floats
    around: Floats
    gradient: Floats
    highest_score: float
    usual_gradient: float


def _surroundings(smooth: Floats) -> Floats:
    height, width = smooth.shape
    small_size = (max(width // _REDUCTION, 1), max(height // _REDUCTION, 1))
    small = cv2.resize(smooth, small_size, interpolation=cv2.INTER_AREA).clip(0, 255).astype(np.uint8)
    median = cv2.medianBlur(small, _WINDOW_PX // _REDUCTION | 1).astype(np.float32)
    return np.asarray(cv2.resize(median, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _spread(difference: Floats) -> np.float32:
    """Return the median absolute deviation as a standard deviation; a grey level is the least."""
    return np.float32(max(1.4826 * float(np.median(np.abs(difference - np.median(difference)))), 1.0))


def _cores(score: Floats) -> NDArray[np.uint8]:
    probable = cv2.morphologyEx((score > _PROBABLE_SCORE).astype(np.uint8), cv2.MORPH_OPEN, _disc(_NECK_PX))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(probable)
    peak = np.zeros(count, np.float32)
    np.maximum.at(peak, labels.ravel().astype(np.intp), score.ravel())
    kept = (peak > _CERTAIN_SCORE) & (stats[:, cv2.CC_STAT_AREA] >= _MIN_CORE_PX)
    kept[0] = False
    inside: Mask = kept[labels] & (score > _END_SHARE * peak[labels])
    return inside.astype(np.uint8)


def _measured(picture: _Picture, labels: NDArray[Any], label: int, stats: NDArray[np.int32]) -> Region:
    left, top, width, height, area = (int(value) for value in stats)
    place = (_span(top, height), _span(left, width))
    inside: Mask = labels[place] == label
    score = picture.score[place]
    peak = float(score[inside].max())
    darkening = float((picture.around[place] - picture.smooth[place])[inside].mean())
    edge = _ring(inside, 5, -3)
    measures = (
        np.log(peak),
        peak / picture.highest_score,
        np.log(area),
        np.log(max(darkening, 0.0) / max(float(picture.around[place][inside].mean()), 8.0) + 0.01),
        np.log(float(picture.gradient[place][edge].mean()) / (picture.usual_gradient + 0.1)),
        _log_elongation(inside),
        float(left == 0 or top == 0 or left + width == labels.shape[1] or top + height == labels.shape[0]),
        _darkest_side(inside, score) / peak,
        area / (width * height),
    )
    return Region(inside, place, np.array(measures, np.float64))


def _span(first: int, length: int) -> slice:
    return slice(max(first - _MARGIN_PX, 0), first + length + _MARGIN_PX)


def _ring(inside: Mask, outer_px: int, inner_px: int) -> Mask:
    """Return what lies between the region grown by two discs; a negative one shrinks it."""
    pixels = inside.astype(np.uint8)
    inner = cv2.erode(pixels, _disc(-inner_px)) if inner_px < 0 else cv2.dilate(pixels, _disc(inner_px))
    ring: Mask = (cv2.dilate(pixels, _disc(outer_px)) > 0) & (inner == 0)
    return ring


def _log_elongation(inside: Mask) -> float:
    spread = np.linalg.eigvalsh(np.cov(np.stack(np.nonzero(inside))) + 0.5 * np.eye(2))
    return 0.5 * float(np.log(spread[1] / spread[0]))


def _darkest_side(inside: Mask, score: Floats) -> float:
    """Return the highest mean score of the octants of a ring outside; 0 if the picture ends there."""
    middle = [float(axis.mean()) for axis in np.nonzero(inside)]
    ring = _ring(inside, 21, 9)
    rows, columns = np.nonzero(ring)
    angle = np.arctan2(rows - middle[0], columns - middle[1])
    octant = ((angle + np.pi) / (2.0 * np.pi) * 8.0).astype(int) % 8
    counts = np.bincount(octant, minlength=8)
    sums = np.bincount(octant, weights=score[ring], minlength=8)
    seen = counts > 3
    return float((sums[seen] / counts[seen]).max()) if seen.any() else 0.0


def _disc(diameter_px: int) -> NDArray[Any]:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter_px, diameter_px))
