"""How sharp a frame is, by a measure that neither exposure nor sensor noise can raise.

The usual measure, the variance of the Laplacian, is higher for an even grey field with noise than for
sharp fabric without it. Three things are done about that: the picture is smoothed before; the variance
that white noise would still have is taken off, with the noise of the frame itself; and the mean, squared,
divides the rest, which takes exposure out. Sharpness depends on what is looked at: compare figures only
between frames of the same article.
"""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

# Gaussian of σ = 2 px. The Laplacian of white noise falls with σ⁻⁶, that of fibres, which are several
# pixels wide, hardly at all.
_SMOOTHING = np.exp(-0.5 * (np.arange(-6, 7) / 2.0) ** 2)
_SMOOTHING /= _SMOOTHING.sum()
_TILES = 4
# Standard deviation of white noise of σ = 1 in the response of Immerkær's mask (1, -2, 1)ᵀ(1, -2, 1), which
# is blind to planes and edges (Computer Vision and Image Understanding 64, 1996); and the median of the
# absolute value of a standard normal number.
_MASK_GAIN, _NORMAL_MEDIAN = 6.0, 0.6745
# A frame is clearly less sharp than its article's others below a quarter of their median, or further below it
# than 2.5 of their own standard deviations (of the logarithm): fields of one fabric differ by a factor of two
# either way, of an uneven one by ten, and a blur of 2 pixels leaves a tenth to a quarter.
_FEWEST_FRAMES = 5
_CLEAR_FACTOR, _CLEAR_DEVIATIONS = 4.0, 2.5


def grey_levels(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return (height, width) luma 0..255 of (height, width, 3) RGB (ITU-R BT.601 weights)."""
    weights = np.array([0.299, 0.587, 0.114])
    levels: NDArray[np.float64] = np.rint(pixels.astype(np.float64) @ weights)
    return levels


def focus_measure(grey: NDArray[np.float64]) -> float:
    """Return the sharpness of (height, width) grey levels: the median over 4 x 4 tiles, without unit.

    The median keeps a single sharp fibre in a blurred field from passing for focus. 0 if the frame has no
    more detail than its own noise.
    """
    smooth = _smoothed(_smoothed(grey).T).T
    parts = zip(_tiles(_laplacian(smooth)), _tiles(smooth[1:-1, 1:-1]), _tiles(grey), strict=True)
    return float(np.median([_sharpness(detail, level, raw) for detail, level, raw in parts]))


def least_usual_focus(usual: Collection[float]) -> float:
    """Return below which focus measure a frame is clearly less sharp than others of its article.

    0 if fewer than five are known. Rounded to a power of the square root of 2, so that it seldom changes.

    Args:
        usual: focus measures of frames of the article that were in focus, all above 0.
    """
    if len(usual) < _FEWEST_FRAMES:
        return 0.0
    logarithms = np.log(np.array(usual))
    middle = np.median(logarithms)
    deviation = np.median(np.abs(logarithms - middle)) / _NORMAL_MEDIAN
    least = middle - max(np.log(_CLEAR_FACTOR), _CLEAR_DEVIATIONS * deviation)
    return float(2.0 ** (round(2.0 * least / np.log(2.0)) / 2.0))


def noise_level(grey: NDArray[np.float64]) -> float:
    """Return the standard deviation of the sensor noise in (height, width) grey levels, robustly."""
    second = grey[:-2] - 2.0 * grey[1:-1] + grey[2:]
    response = second[:, :-2] - 2.0 * second[:, 1:-1] + second[:, 2:]
    return float(np.median(np.abs(response))) / (_NORMAL_MEDIAN * _MASK_GAIN)


def _sharpness(detail: NDArray[np.float64], level: NDArray[np.float64], raw: NDArray[np.float64]) -> float:
    noise = _NOISE_GAIN * noise_level(raw) ** 2
    return max(float(detail.var()) - noise, 0.0) / max(float(level.mean()), 1.0) ** 2


def _laplacian(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    sides = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    response: NDArray[np.float64] = sides - 4.0 * grey[1:-1, 1:-1]
    return response


def _smoothed(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    length = max(grey.shape[1] - len(_SMOOTHING) + 1, 1)
    total = np.zeros((grey.shape[0], length))
    for offset, weight in enumerate(_SMOOTHING):
        total += weight * grey[:, offset : offset + length]
    return total


def _tiles(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [
        tile
        for band in np.array_split(values, _TILES, axis=0)
        for tile in np.array_split(band, _TILES, axis=1)
    ]


def _noise_gain() -> float:
    """Return what is left of the variance of white noise after smoothing and Laplacian."""
    point = np.zeros((33, 33))
    point[16, 16] = 1.0
    return float((_laplacian(_smoothed(_smoothed(point).T).T) ** 2).sum())


_NOISE_GAIN = _noise_gain()
