"""Fills holes with the likeliest picture of a stationary texture that agrees with all known pixels.

A weave, and a field of fibres, is described by how brightness goes together at a distance: its
autocovariance. Of a Gaussian field with that autocovariance the likeliest picture in the holes is a
linear function of the known pixels (kriging; for textures B. Galerne and A. Leclaire, SIAM J. Imaging
Sci. 10 (2017) 1446). It is found here by conjugate gradients on the holes, from the sparse fill, which
also serves to estimate the autocovariance. What lies beyond the edge of the image is one more hole.
docs/inpainting.md has what was measured.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from models.sparse_fill import fill_sparse

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_REACH_PX = 64  # beyond this distance pixels are taken as unrelated; it falls off smoothly
_FLOOR = 0.1  # of the variance: the least power of a frequency, as white noise would have it
_STEPS = 40


def fill_gaussian(pixels: Floats, known: Mask) -> Floats:
    """Return an image with its unknown pixels filled; known pixels stay as they are.

    Args:
        pixels: (height, width) float32, 0..1; what it holds at unknown pixels does not matter.
        known: (height, width) bool.

    Returns:
        (height, width) float32, 0..1.

    Raises:
        ValueError: nothing is known, or the shapes differ.
    """
    return likeliest_fill(fill_sparse(pixels, known), known)


def likeliest_fill(start: Floats, known: Mask) -> Floats:
    """Return what `fill_gaussian` does, from a fill (height, width) 0..1 that is there already."""
    if known.all():
        return start
    height, width = known.shape
    mean = np.float32(start[known].mean(dtype=np.float64))
    deviation = start - mean
    torus = tuple(fft.next_fast_len(length + _REACH_PX, real=True) for length in known.shape)
    power = _power(deviation, (torus[0], torus[1]))
    if power is None:
        return start
    beyond = [(0, size - length) for size, length in zip(torus, known.shape, strict=True)]
    unknown = np.pad((~known).astype(np.float32), beyond, constant_values=1.0)
    likeliest = _likeliest(np.pad(deviation, beyond), unknown, power)[:height, :width]
    filled = np.clip(likeliest + mean, np.float32(0.0), np.float32(1.0))
    return np.where(known, start, filled).astype(np.float32)


def _power(deviation: Floats, torus: tuple[int, int]) -> Floats | None:
    """Return the power of each frequency on the torus over the least allowed, or None for a flat image."""
    doubled = [fft.next_fast_len(2 * length, real=True) for length in deviation.shape]
    sums, pairs = (_correlation(array, doubled) for array in (deviation, np.ones_like(deviation)))
    rows, columns = (_lags(size) for size in torus)
    least_pairs = 0.05 * deviation.size  # at long distances few pairs are left, whose mean means little
    near = np.ix_(rows % doubled[0], columns % doubled[1])
    covariance = sums[near] / np.maximum(pairs[near], least_pairs)
    covariance *= _fading(rows, deviation.shape[0])[:, None] * _fading(columns, deviation.shape[1])
    variance = float(covariance[0, 0])
    if variance <= 0.0:
        return None
    spectrum = fft.rfft2(covariance).real / (_FLOOR * variance)
    power: Floats = np.maximum(spectrum, 1.0).astype(np.float32)
    return power


def _correlation(array: Floats, size: list[int]) -> Floats:
    correlation: Floats = fft.irfft2(np.abs(fft.rfft2(array, size)) ** 2, size)
    return correlation


def _lags(size: int) -> NDArray[np.intp]:
    """Return the signed distance that each place of a torus of this size stands for."""
    places = np.arange(size)
    return np.where(places <= size // 2, places, places - size)


def _fading(lags: NDArray[np.intp], length: int) -> Floats:
    """Return 1 at no distance, falling to 0 at the reach, or at the image's length if that is shorter."""
    reach = min(_REACH_PX, length)
    distance = np.abs(lags)
    return np.where(distance < reach, np.cos(0.5 * np.pi * distance / reach) ** 2, 0.0).astype(np.float32)


def _likeliest(picture: Floats, unknown: Floats, power: Floats) -> Floats:
    """Minimise Σ |spectrum|² / power over the unknown pixels, by conjugate gradients from `picture`."""
    precision = _convolution(1.0 / power, (picture.shape[0], picture.shape[1]))
    residual = -precision(picture) * unknown
    direction, size = residual, _dot(residual, residual)
    for _ in range(_STEPS):
        turned = precision(direction) * unknown
        curvature = _dot(direction, turned)
        if curvature <= 0.0 or size <= 0.0:
            break  # the likeliest picture is reached
        step = np.float32(size / curvature)
        picture = picture + step * direction
        residual = residual - step * turned
        smaller = _dot(residual, residual)
        direction = residual + np.float32(smaller / size) * direction
        size = smaller
    return picture


def _convolution(factors: Floats, shape: tuple[int, int]) -> Callable[[Floats], Floats]:
    def convolve(picture: Floats) -> Floats:
        convolved: Floats = fft.irfft2(fft.rfft2(picture) * factors, shape)
        return convolved

    return convolve


def _dot(first: Floats, second: Floats) -> float:
    return float(np.sum(first * second, dtype=np.float64))
