"""What is wrong between the fabric and the sensor of an emulated camera: light, focus, dirt, format."""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from instruments.emulators.faults import ActiveFaults

Pixels = NDArray[np.uint8]

_DEBRIS_SEED = 5
_DEBRIS_GREY = 8  # lint and dust in transmitted light


def through_the_lens(pixels: Pixels, faults: ActiveFaults) -> Pixels:
    """Return (height, width, 3) RGB as the light that reaches the sensor shows it, without its noise."""
    for name, change in _OPTICS.items():
        value = faults.value(name, OPTICAL_FAULTS[name][1])
        if value is not None:
            pixels = change(pixels, value)
    return pixels


def _defocused(pixels: Pixels, sigma_px: float) -> Pixels:
    return _uint8(cv2.GaussianBlur(pixels, (0, 0), max(sigma_px, 0.1)))


def _exposed(pixels: Pixels, factor: float) -> Pixels:
    return _uint8(np.clip(np.rint(pixels * factor), 0, 255))


def _soiled(pixels: Pixels, percent: float) -> Pixels:
    """Lay round specks on the field until they cover the share, always at the same places."""
    rng, (height, width) = np.random.default_rng(_DEBRIS_SEED), pixels.shape[:2]
    radius_px = max(2, min(height, width) // 16)
    speck = np.zeros((height, width), np.uint8)
    while 100.0 * np.mean(speck > 0) < min(percent, 95.0):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        cv2.circle(speck, (x, y), radius_px, (255,), -1)
    soiled = pixels.copy()
    soiled[speck > 0] = _DEBRIS_GREY
    return soiled


def _resized(pixels: Pixels, factor: float) -> Pixels:
    return _uint8(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def _uint8(values: Any) -> Pixels:
    return np.asarray(values).astype(np.uint8)


# name: what it does, and VALUE if none is given
OPTICAL_FAULTS: Mapping[str, tuple[str, float]] = {
    "debris": ("lint and dust cover VALUE percent of the field (40)", 40.0),
    "defocused": ("a blur of VALUE pixels (8)", 8.0),
    "underexposed": ("VALUE times the light (0.1)", 0.1),
    "overexposed": ("VALUE times the light (3)", 3.0),
    "wrong_size": ("frames VALUE times as wide and high (0.5)", 0.5),
}
_OPTICS: Mapping[str, Callable[[Pixels, float], Pixels]] = {
    "debris": _soiled,
    "defocused": _defocused,
    "underexposed": _exposed,
    "overexposed": _exposed,
    "wrong_size": _resized,
}
