"""Fills holes with the few waves that the known pixels around them consist of. Classical, deterministic.

A weave is a sum of few plane waves, and so, less strictly, are fibres. In overlapping tapered windows
the Fourier coefficients are shrunk by a threshold that falls from the strongest coefficient to almost
nothing, and after each step the known pixels are put back (projection onto convex sets with a falling
threshold: A. Papoulis, IEEE Trans. Circuits Syst. 22 (1975) 735; R. Abma and N. Kabir, Geophysics 71
(2006) E91). Strong waves are thus settled first, from all known pixels of the window, and continue
through the hole. What lies beyond the edge of the image is one more hole. docs/inpainting.md has what
was measured.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def fill_sparse(pixels: Floats, known: Mask) -> Floats:
    """Return an image with its unknown pixels filled; known pixels stay as they are.

    Args:
        pixels: (height, width) float32, 0..1; what it holds at unknown pixels does not matter.
        known: (height, width) bool.

    Returns:
        (height, width) float32, 0..1.

    Raises:
        ValueError: nothing is known, or the shapes differ.
    """
    if pixels.shape != known.shape:
        raise ValueError(f"pixels are {pixels.shape}, known is {known.shape}; expected the same shape")
    if not known.any():
        raise ValueError("no pixel is known, so there is nothing to fill from")
    filled = pixels.astype(np.float32)
    if known.all():
        return filled
    mean = float(filled[known].mean(dtype=np.float64))
    deviation = np.where(known, filled - np.float32(mean), np.float32(0.0))
    fills = [_filled_at_scale(deviation, known, window_px) for window_px in _WINDOWS_PX]
    mixed = np.clip(np.mean(fills, axis=0, dtype=np.float32) + np.float32(mean), 0.0, 1.0)
    filled[~known] = mixed[~known]
    return filled


# Large windows hold more periods of a weave, small ones follow fibres; the mean of both is better than
# either on fibres and nearly as good as the larger one on fabric.
_WINDOWS_PX = (128, 64)
_STEPS = 30
# Between the first and the last step the threshold falls to this share of the strongest coefficient.
_LAST_THRESHOLD = 0.01
# Threshold at a frequency of f cycles a pixel, over that at 0: 1 + this * f. Fine waves need to be
# stronger to be believed, as in nature they are weaker.
_FREQUENCY_PENALTY = 20.0
# So many windows are worked on at a time; it bounds the memory and has no influence on the result.
_BATCH = 32


def _filled_at_scale(deviation: Floats, known: Mask, window_px: int) -> Floats:
    """Return (height, width) deviations from the mean, those of the holes continued from the known ones."""
    height, width = known.shape
    step_px = window_px // 2
    margins = [_margins(length, window_px, step_px) for length in known.shape]
    padded, padded_known = np.pad(deviation, margins), np.pad(known, margins)
    wanted = np.pad(~known, margins)
    taper = _taper(window_px)
    total, weight = np.zeros_like(padded), np.zeros_like(padded)
    for corners in _batches(wanted, window_px, step_px):
        places = [np.s_[row : row + window_px, column : column + window_px] for row, column in corners]
        windows = np.stack([padded[place] for place in places]) * taper
        continued = _continued(windows, np.stack([padded_known[place] for place in places]))
        for place, window in zip(places, continued, strict=True):
            total[place] += window * taper
            weight[place] += taper * taper
    (above, _), (left, _) = margins
    inside = np.s_[above : above + height, left : left + width]
    return np.asarray(total[inside] / np.maximum(weight[inside], np.float32(1e-6)), dtype=np.float32)


def _margins(length: int, window_px: int, step_px: int) -> tuple[int, int]:
    """Return by how much to pad before and after, so that windows fit and none is cut by an edge.

    A quarter of a window at least, for the taper lets an image's edge count for nothing otherwise.
    """
    least = length + window_px // 2
    whole = max(window_px, window_px + -(-(least - window_px) // step_px) * step_px)
    before = (whole - length) // 2
    return before, whole - length - before


def _batches(wanted: Mask, window_px: int, step_px: int) -> Iterator[list[tuple[int, int]]]:
    """Yield the corners of the windows that hold a hole, some at a time."""
    rows, columns = (range(0, length - window_px + 1, step_px) for length in wanted.shape)
    corners = [
        (row, column)
        for row in rows
        for column in columns
        if wanted[row : row + window_px, column : column + window_px].any()
    ]
    for first in range(0, len(corners), _BATCH):
        yield corners[first : first + _BATCH]


def _continued(windows: Floats, known: Mask) -> Floats:
    """Return (n, size, size) tapered windows with their unknown pixels continued from the known ones."""
    size = windows.shape[-1]
    penalty = _penalty(size)
    current = windows
    thresholds = np.geomspace(1.0, _LAST_THRESHOLD, _STEPS, dtype=np.float32)
    strongest: Any = None
    for threshold in thresholds:
        spectrum = fft.rfft2(current)
        strength = np.abs(spectrum) / penalty
        if strongest is None:
            strongest = np.maximum(strength.max(axis=(1, 2), keepdims=True), np.float32(1e-6))
        ratio = threshold * strongest / np.maximum(strength, np.float32(1e-9))
        # Garrote: nothing of what is below the threshold, nearly all of what is far above it.
        spectrum *= np.maximum(np.float32(0.0), np.float32(1.0) - ratio * ratio)
        current = np.where(known, windows, fft.irfft2(spectrum, s=(size, size)))
    return np.asarray(current, dtype=np.float32)


def _taper(size: int) -> Floats:
    """Return (size, size) half sine waves: with half overlap the squares add up to one."""
    half_wave = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)
    return np.outer(half_wave, half_wave)


def _penalty(size: int) -> Floats:
    """Return (size, size / 2 + 1) factors by which a coefficient's strength is divided."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    return (1.0 + _FREQUENCY_PENALTY * frequency).astype(np.float32)
