"""Finds spots and threads that stand out from all else: small grains, and matter brighter than the cloth.

Fibres, crossings and yarns stand out as well, some more than others. How far a picture's own structure goes
is told by the strongest response in each of many tiles: the weaker half of them, which debris in few places
does not change, says how the strongest of all is distributed if all is fabric (after Gumbel). What lies
beyond is foreign. Darker matter is looked for in the brightest colour and brighter matter in the darkest,
for what is opaque is dark, or bright, in all of them. docs/inpainting.md has what was measured.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SpotLimits:
    """Limits of spots and threads. Brightness is relative to the median of the surroundings.

    Attributes:
        false_alarms: findings expected in a picture of nothing but fabric, of each sign and scale.
        dark_ratio: brightness that a dark grain has at most.
        bright_ratio: brightness that bright matter has at least.
        max_grain_um2: what is dark and larger is left to the detector of opaque matter, or is a stain.
        max_bright_width_um: what is bright and wider is an opening: pores between yarns are 100 µm wide and
            more. Lint, hair and dust are narrower.
    """

    false_alarms: float = 0.01
    dark_ratio: float = 0.62
    bright_ratio: float = 1.4
    max_grain_um2: float = 500.0
    max_bright_width_um: float = 100.0


def find_spots(pixels: Pixels, um_per_pixel: float, limits: SpotLimits) -> Mask:
    """Return (height, width) bool, True where something small stands out in (height, width, 3) RGB."""
    scale_um = max(um_per_pixel, _WORKING_UM)
    seen = _scaled(pixels, um_per_pixel / scale_um)
    grains = _spots(-_log(_extreme(seen, cv2.max)), -float(np.log(limits.dark_ratio)), limits.false_alarms)
    grains = _not_larger(grains, limits.max_grain_um2 / scale_um**2)
    brightness = _log(_extreme(seen, cv2.min))
    contrast = float(np.log(limits.bright_ratio))
    matter = _spots(brightness, contrast, limits.false_alarms)
    if matter.any():
        matter = _apart_from(matter, _openings(brightness, contrast, limits.max_bright_width_um / scale_um))
    found = (
        cv2.dilate((grains | matter).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    )  # the edge is blurred
    return _stretched(found, pixels.shape)


# Finer pictures are reduced to this scale: what is smaller than some 6 µm is not looked for.
_WORKING_UM = 2.0
# A blur of 1.5 pixels at the working scale, at half and at a quarter of it: 3, 6 and 12 µm.
_LEVELS, _BLUR_PX = 3, 1.5
_TILE_PX = 50  # at the working scale, of 0.1 mm
_WINDOW_PX = 25  # at a quarter of it, of 0.2 mm
_FLOOR = 4.0  # grey levels, below which there is noise
_END_SHARE = 0.4  # of its own strongest response where a spot ends


def _spots(signed: Floats, contrast: float, false_alarms: float) -> Mask:
    """Return what stands out at any level, positive, in (rows, columns) logarithms of brightness."""
    found = np.zeros(signed.shape, np.bool_)
    around = _surroundings(signed)
    for level in range(_LEVELS):
        factor = 0.5**level
        spots = _outstanding(_scaled(signed, factor), _scaled(around, factor), level, contrast, false_alarms)
        found |= _stretched(spots, found.shape)
    return found


def _outstanding(signed: Floats, around: Floats, level: int, contrast: float, false_alarms: float) -> Mask:
    smooth = cv2.GaussianBlur(signed, (0, 0), _BLUR_PX)
    response = smooth - cv2.GaussianBlur(signed, (0, 0), 2.0 * _BLUR_PX)
    limit = _limit(response, _TILE_PX >> level, false_alarms)
    strong = (response > limit) & (smooth - around > contrast)
    if not strong.any():
        return np.zeros(response.shape, np.bool_)
    count, labels = cv2.connectedComponents((response > _END_SHARE * limit).astype(np.uint8))
    peak = np.zeros(count, np.float32)
    np.maximum.at(peak, labels.ravel().astype(np.intp), response.ravel())
    kept = np.zeros(count, np.bool_)
    kept[np.unique(labels[strong])] = True
    spots: Mask = kept[labels] & (response > _END_SHARE * peak[labels])
    return spots


def _limit(response: Floats, tile_px: int, false_alarms: float) -> float:
    """Return what the strongest response of so many tiles of nothing but fabric hardly ever exceeds."""
    rows, columns = (max(side // tile_px, 1) for side in response.shape)
    whole = response[: rows * tile_px, : columns * tile_px]
    height, width = whole.shape
    tiles = whole.reshape(rows, height // rows, columns, width // columns).max(axis=(1, 3))
    quarter, half = np.quantile(tiles, (0.25, 0.5))
    scale = (half - quarter) / (np.log(-np.log(0.25)) - np.log(-np.log(0.5)))
    mode = half + scale * np.log(-np.log(0.5))
    return float(mode + scale * np.log(tiles.size / false_alarms))


def _surroundings(signed: Floats) -> Floats:
    """Return (rows, columns) the median of a wide window around each pixel."""
    small = _scaled(signed, 0.25)
    lowest, highest = float(small.min()), float(small.max())
    step = max(highest - lowest, 1e-6) / 255.0
    steps = np.rint((small - lowest) / step).astype(np.uint8)  # a median of a wide window wants bytes
    median = cv2.medianBlur(steps, _WINDOW_PX).astype(np.float32) * step + lowest
    return np.asarray(cv2.resize(median, signed.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _not_larger(mask: Mask, area_px: float) -> Mask:
    """Return the connected regions of a mask that are not larger."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    kept = stats[:, cv2.CC_STAT_AREA] <= area_px
    kept[0] = False
    small: Mask = kept[labels]
    return small


def _openings(brightness: Floats, contrast: float, width_px: float) -> Mask:
    """Return bright regions into which a circle of that diameter fits: there the ground is seen."""
    bright = (brightness > np.median(brightness) + 0.5 * contrast).astype(np.uint8)
    count, labels = cv2.connectedComponents(bright)
    room = np.zeros(count, np.float32)
    np.maximum.at(room, labels.ravel().astype(np.intp), cv2.distanceTransform(bright, cv2.DIST_L2, 5).ravel())
    wide = room > 0.5 * width_px
    wide[0] = False
    openings: Mask = wide[labels]
    return openings


def _apart_from(mask: Mask, others: Mask) -> Mask:
    """Return the connected regions of a mask that touch nothing of another one."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    kept = np.ones(count, np.bool_)
    kept[np.unique(labels[others])] = False
    kept[0] = False
    apart: Mask = kept[labels]
    return apart


def _extreme(pixels: Pixels, of: Any) -> Pixels:
    """Return (height, width) the brightest or the darkest colour of each pixel."""
    return np.asarray(of(of(pixels[..., 0], pixels[..., 1]), pixels[..., 2]))


def _log(levels: Pixels) -> Floats:
    return np.asarray(np.log(levels.astype(np.float32) + np.float32(_FLOOR)), np.float32)


def _scaled(values: NDArray[Any], factor: float) -> NDArray[Any]:
    if factor >= 1.0:
        return values
    height, width = (max(round(side * factor), 1) for side in values.shape[:2])
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)


def _stretched(mask: Mask, shape: tuple[int, ...]) -> Mask:
    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)
