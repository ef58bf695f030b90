"""What is wrong between the fabric and the sensor of an emulated camera: light, focus, dirt, format."""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from instruments.emulators.faults import ActiveFaults

Pixels = NDArray[np.uint8]

_DEBRIS_SEED = 5
_DEBRIS_GREY = 8  # lint in transmitted light


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
    """Lay some long pieces of lint across the field, always the same way, until they cover the share."""
    rng, (height, width) = np.random.default_rng(_DEBRIS_SEED), pixels.shape[:2]
    lint = np.zeros((height, width), np.uint8)
    thickness_px = max(2, min(height, width) // 16)
    while 100.0 * np.mean(lint > 0) < min(percent, 95.0):
        ends = rng.integers(0, (width, height), (2, 2))
        cv2.line(lint, ends[0].tolist(), ends[1].tolist(), (255,), thickness_px)
    soiled = pixels.copy()
    soiled[lint > 0] = _DEBRIS_GREY
    return soiled


def _resized(pixels: Pixels, factor: float) -> Pixels:
    return _uint8(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def _uint8(values: Any) -> Pixels:
    return np.asarray(values).astype(np.uint8)


# name: what it does, and VALUE if none is given
OPTICAL_FAULTS: Mapping[str, tuple[str, float]] = {
    "debris": ("lint covers VALUE percent of the field (40)", 40.0),
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
