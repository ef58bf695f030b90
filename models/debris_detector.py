"""Finds foreign matter in one RGB image of fibres or of a fabric's surface. Deterministic.

*Opaque* matter, lint, dust and hair, lets little light through in any colour, whereas a dyed fibre stays
bright in the colour that it shows: a hysteresis on brightness relative to the surroundings finds it. Small
grains, and matter brighter than the cloth, stand out from all else (`models/debris_spots.py`). Both hide the
fabric and are filled before inference. What is darker than its surroundings but lets light
through tints the fabric: a stain (`models/stain_regions.py`), to be reported and not to be painted over.
Sizes are those on the fabric, so that the answer does not depend on the camera's scale.
docs/inpainting.md has what was measured.
"""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.debris_spots import SpotLimits, find_spots
from models.stain_regions import stained

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

# What a picture without a scale is taken for; it is the scale of the images that the limits were set on.
UNKNOWN_SCALE_UM = 2.0


@dataclass(frozen=True, slots=True)
class DebrisLimits:
    """Limits of opaque matter. Brightness is relative to the median of the surroundings.

    Attributes:
        opaque_ratio: at or below this brightness a dark pixel is certainly debris.
        opaque_edge_ratio: up to this brightness it belongs to a region that has a certain pixel.
        opaque_score: robust standard deviations below the surroundings that it must have as well.
        min_opaque_um2: smaller dark regions are crossings of fibres; a grain of 16 µm is as large.
        max_opaque_regions: more dark patches than this are the fabric's own structure.
        spots: what small grains and bright matter are told by.
    """

    opaque_ratio: float = 0.50
    opaque_edge_ratio: float = 0.62
    opaque_score: float = 2.5
    min_opaque_um2: float = 200.0
    max_opaque_regions: int = 12
    spots: SpotLimits = field(default_factory=SpotLimits)


def find_debris(
    pixels: Pixels, um_per_pixel: float = UNKNOWN_SCALE_UM, limits: DebrisLimits | None = None
) -> Mask:
    """Return (height, width) bool, True where anything foreign lies in (height, width, 3) RGB."""
    opaque = find_opaque_debris(pixels, um_per_pixel, limits)
    return opaque | stained(_brightest(pixels), um_per_pixel, rim=True)


def find_opaque_debris(
    pixels: Pixels, um_per_pixel: float = UNKNOWN_SCALE_UM, limits: DebrisLimits | None = None
) -> Mask:
    """Return (height, width) bool, True where debris hides the fabric, darker or brighter than it."""
    limits = limits or DebrisLimits()
    return _opaque(_brightest(pixels), um_per_pixel, limits) | find_spots(pixels, um_per_pixel, limits.spots)


def find_stains(
    pixels: Pixels, um_per_pixel: float = UNKNOWN_SCALE_UM, limits: DebrisLimits | None = None
) -> Mask:
    """Return (height, width) bool, True where an even surface is tinted."""
    brightest = _brightest(pixels)
    opaque = _opaque(brightest, um_per_pixel, limits or DebrisLimits())
    return stained(brightest, um_per_pixel, rim=False) & ~opaque


# The median of a window of 0.2 mm stands for the surroundings. It is taken of an image reduced to
# 8 µm a pixel: debris is much smaller than the window, so detail does not matter there.
_WINDOW_PX, _REDUCED_UM = 25, 8.0
_OPAQUE_BLUR_UM = 3.0
# Necks that are cut, and the fringe that is added around a region.
_NECK_UM, _OPAQUE_FRINGE_UM = 6.0, 6.0


def _brightest(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(pixels.max(axis=2))


def _opaque(brightest: Pixels, um_per_pixel: float, limits: DebrisLimits) -> Mask:
    smooth, around = _surroundings(brightest, um_per_pixel, _OPAQUE_BLUR_UM)
    ratio, score = smooth / np.maximum(around, 1.0), _robust_score(around - smooth)
    probable = (ratio < limits.opaque_edge_ratio) & (score > limits.opaque_score - 1.0)
    certain = (ratio < limits.opaque_ratio) & (score > limits.opaque_score)
    labels = _grown(probable, certain, um_per_pixel, limits.min_opaque_um2)
    if np.count_nonzero(np.unique(labels)) > limits.max_opaque_regions:
        return np.zeros(brightest.shape, dtype=np.bool_)
    return _dilated(labels > 0, _disc(_OPAQUE_FRINGE_UM, um_per_pixel))


def _surroundings(brightest: Pixels, um_per_pixel: float, blur_um: float) -> tuple[Floats, Floats]:
    """Return the smoothed image and the median of its surroundings, (height, width) each."""
    height, width = brightest.shape
    smooth = cv2.GaussianBlur(brightest, (0, 0), blur_um / um_per_pixel)
    reduction = max(_REDUCED_UM / um_per_pixel, 1.0)
    small_size = (max(int(width / reduction), 1), max(int(height / reduction), 1))
    small = cv2.resize(smooth, small_size, interpolation=cv2.INTER_AREA)
    median = cv2.medianBlur(small, _WINDOW_PX)
    around = cv2.resize(median, (width, height), interpolation=cv2.INTER_LINEAR)
    return smooth.astype(np.float32), around.astype(np.float32)


def _robust_score(difference: Floats) -> Floats:
    """Return the difference in units of its median absolute deviation, as a standard deviation.

    One grey level is the least unit: below it the median absolute deviation counts quantisation.
    """
    spread = 1.4826 * float(np.median(np.abs(difference - np.median(difference))))
    return difference / np.float32(max(spread, 1.0))


def _grown(probable: Mask, certain: Mask, um_per_pixel: float, min_area_um2: float) -> NDArray[np.int32]:
    """Return (height, width) labels of probable regions that are certain somewhere and large enough."""
    opened = cv2.morphologyEx(probable.astype(np.uint8), cv2.MORPH_OPEN, _disc(_NECK_UM, um_per_pixel))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    kept = np.zeros(count, dtype=np.bool_)
    kept[np.unique(labels[certain])] = True
    kept &= stats[:, cv2.CC_STAT_AREA] >= min_area_um2 / um_per_pixel**2
    kept[0] = False
    return np.where(kept[labels], labels, 0).astype(np.int32)


def _disc(diameter_um: float, um_per_pixel: float) -> NDArray[Any]:
    """Return a disc whose diameter is the next odd number of pixels, 3 at least."""
    diameter_px = max(round(diameter_um / um_per_pixel) | 1, 3)
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter_px, diameter_px))


def _dilated(mask: Mask, disc: NDArray[Any]) -> Mask:
    grown: Mask = cv2.dilate(mask.astype(np.uint8), disc) > 0
    return grown
