"""Finds foreign matter in one RGB image of fibres or of a fabric's surface. Classical, deterministic.

Two cues, each of them a hysteresis: a region grows from pixels that are certain over pixels that are
probable. *Opaque*: lint, dust and hair let little light through in any colour, whereas a dyed fibre
stays bright in the colour that it shows. *Outlying*: on an even surface, a pixel far outside the
spread of its surroundings. Opaque matter hides the fabric and is filled before inference; what is
outlying but lets light through tints the fabric: a stain, to be reported and not to be painted over.
docs/virtual_mill.md has what was measured.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DebrisLimits:
    """Limits of both cues. Brightness is relative to the median of the surroundings.

    Attributes:
        opaque_ratio: at or below this brightness a dark pixel is certainly debris.
        opaque_edge_ratio: up to this brightness it belongs to a region that has a certain pixel.
        opaque_score: robust standard deviations below the surroundings that it must have as well.
        outlying_score: robust standard deviations at which a pixel of an even surface is certain.
        outlying_edge_score: and at which it may belong to a region.
        outlying_edge_share: a region ends where the score falls below this share of its highest one, so
            that a strong stain has no halo.
        min_area_px: smaller regions are noise.
        max_opaque_regions: more dark patches than this are the fabric's own structure.
    """

    opaque_ratio: float = 0.50
    opaque_edge_ratio: float = 0.62
    opaque_score: float = 2.5
    outlying_score: float = 8.0
    outlying_edge_score: float = 3.5
    outlying_edge_share: float = 0.25
    min_area_px: int = 100
    max_opaque_regions: int = 12


def find_debris(pixels: NDArray[np.uint8], limits: DebrisLimits | None = None) -> Mask:
    """Return (height, width) bool, True where anything foreign lies in (height, width, 3) RGB."""
    limits = limits or DebrisLimits()
    brightest = _brightest(pixels)
    return _opaque(brightest, limits) | _outlying(brightest, limits)


def find_opaque_debris(pixels: NDArray[np.uint8], limits: DebrisLimits | None = None) -> Mask:
    """Return (height, width) bool, True where debris hides the fabric."""
    return _opaque(_brightest(pixels), limits or DebrisLimits())


def find_stains(pixels: NDArray[np.uint8], limits: DebrisLimits | None = None) -> Mask:
    """Return (height, width) bool, True where an even surface is tinted."""
    limits = limits or DebrisLimits()
    brightest = _brightest(pixels)
    return _outlying(brightest, limits) & ~_opaque(brightest, limits)


# Side of the window whose median stands for the surroundings, and the reduction at which it is
# computed: debris is much smaller than the window, so detail does not matter there.
_WINDOW_PX, _REDUCTION = 101, 4
_DISC_3 = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
_DISC_5 = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))


def _brightest(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels.max(axis=2))


def _opaque(brightest: NDArray[np.uint8], limits: DebrisLimits) -> Mask:
    smooth, around = _surroundings(brightest, blur_px=1.5)
    ratio, score = smooth / np.maximum(around, 1.0), _robust_score(around - smooth)
    probable = (ratio < limits.opaque_edge_ratio) & (score > limits.opaque_score - 1.0)
    certain = (ratio < limits.opaque_ratio) & (score > limits.opaque_score)
    labels = _grown(probable, certain, limits.min_area_px)
    if np.count_nonzero(np.unique(labels)) > limits.max_opaque_regions:
        return np.zeros(brightest.shape, dtype=np.bool_)
    return _dilated(labels > 0, _DISC_3)


def _outlying(brightest: NDArray[np.uint8], limits: DebrisLimits) -> Mask:
    smooth, around = _surroundings(brightest, blur_px=2.0)
    score = _robust_score(around - smooth)
    probable, certain = score > limits.outlying_edge_score, score > limits.outlying_score
    labels = _grown(probable, certain, limits.min_area_px)
    highest = np.zeros(int(labels.max()) + 1, np.float32)
    np.maximum.at(highest, labels, score)
    inside = (labels > 0) & (score > limits.outlying_edge_share * highest[labels])
    return _dilated(inside, _DISC_5)


def _surroundings(brightest: NDArray[np.uint8], blur_px: float) -> tuple[Floats, Floats]:
    """Return the smoothed image and the median of its surroundings, (height, width) each."""
    height, width = brightest.shape
    smooth = cv2.GaussianBlur(brightest, (0, 0), blur_px)
    small_size = (max(width // _REDUCTION, 1), max(height // _REDUCTION, 1))
    small = cv2.resize(smooth, small_size, interpolation=cv2.INTER_AREA)
    median = cv2.medianBlur(small, _WINDOW_PX // _REDUCTION | 1)
    around = cv2.resize(median, (width, height), interpolation=cv2.INTER_LINEAR)
    return smooth.astype(np.float32), around.astype(np.float32)


def _robust_score(difference: Floats) -> Floats:
    """Return the difference in units of its median absolute deviation, as a standard deviation.

    One grey level is the least unit: below it the median absolute deviation counts quantisation.
    """
    spread = 1.4826 * float(np.median(np.abs(difference - np.median(difference))))
    return difference / np.float32(max(spread, 1.0))


def _grown(probable: Mask, certain: Mask, min_area_px: int) -> NDArray[np.int32]:
    """Return (height, width) labels of probable regions that are certain somewhere and large enough."""
    opened = cv2.morphologyEx(probable.astype(np.uint8), cv2.MORPH_OPEN, _DISC_3)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    kept = np.zeros(count, dtype=np.bool_)
    kept[np.unique(labels[certain])] = True
    kept &= stats[:, cv2.CC_STAT_AREA] >= min_area_px
    kept[0] = False
    return np.where(kept[labels], labels, 0).astype(np.int32)


def _dilated(mask: Mask, disc: NDArray[Any]) -> Mask:
    grown: Mask = cv2.dilate(mask.astype(np.uint8), disc) > 0
    return grown
