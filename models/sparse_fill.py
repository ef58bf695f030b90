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
from dataclasses import dataclass

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
    coarse = _refilled(deviation, known, _COARSE)
    fine = _refilled(coarse, known, _FINE)
    mixed = coarse + np.float32(_FINE_SHARE) * (fine - coarse)
    filled[~known] = np.clip(mixed + np.float32(mean), 0.0, 1.0)[~known]
    return filled


@dataclass(frozen=True, slots=True)
class _Pass:
    """One pass over the image: its windows, and how the threshold falls.

    Attributes:
        window_px: side of a window; neighbours overlap by half of it.
        first_threshold: of the strongest coefficient, at the first step.
        steps: until `_LAST_THRESHOLD`, by equal factors.
    """

    window_px: int
    first_threshold: float
    steps: int


# Large windows hold more periods of a weave; small ones, which begin at what the large ones found, follow
# fibres. The mixture is better than either on fibres and as good as the large ones alone on fabric.
_COARSE = _Pass(window_px=128, first_threshold=1.0, steps=40)
_FINE = _Pass(window_px=64, first_threshold=0.1, steps=10)
_FINE_SHARE = 0.6
_LAST_THRESHOLD = 0.005
# Threshold at a frequency of f cycles a pixel, over that at 0: 1 + this * f. Fine waves need to be
# stronger to be believed, as in nature they are weaker.
_FREQUENCY_PENALTY = 20.0
# So many windows are worked on at a time; it bounds the memory and has no influence on the result.
_BATCH = 32


def _refilled(deviation: Floats, known: Mask, how: _Pass) -> Floats:
    """Return (height, width) deviations from the mean, those in holes by one more pass.

    Args:
        deviation: (height, width); in holes what they were filled with so far.
        known: (height, width) bool.
        how: the pass.
    """
    window_px = how.window_px
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
        continued = _continued(windows, np.stack([padded_known[place] for place in places]), how)
        for place, window in zip(places, continued, strict=True):
            total[place] += window * taper
            weight[place] += taper * taper
    (above, _), (left, _) = margins
    inside = np.s_[above : above + height, left : left + width]
    refilled = np.divide(
        total[inside], weight[inside], out=np.zeros_like(deviation), where=weight[inside] > 0
    )
    return np.where(known, deviation, refilled)


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


def _continued(windows: Floats, known: Mask, how: _Pass) -> Floats:
    """Return (n, size, size) tapered windows with their unknown pixels continued from the known ones."""
    size = how.window_px
    penalty = _penalty(size)
    strongest = (np.abs(fft.rfft2(windows)) / penalty).max(axis=(1, 2), keepdims=True)
    current = windows
    for threshold in np.geomspace(how.first_threshold, _LAST_THRESHOLD, how.steps, dtype=np.float32):
        spectrum = fft.rfft2(current)
        ratio = threshold * strongest * penalty / np.maximum(np.abs(spectrum), np.float32(1e-9))
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
