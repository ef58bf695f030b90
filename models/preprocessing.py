"""From records to the network's inputs; training and the station go through the same functions.

Spectra: resampled to the model's grid, SNV, first derivative. Images: grey, the model's scale,
centre crop, zero mean and unit spread. NumPy and OpenCV only.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.spectrum import Spectrum

# Fabric seen through a window has a spread of 0.006 or more (thin nylon, USGS); below this floor
# there is only noise, which SNV would blow up.
MIN_SPREAD = 2e-3
DERIVATIVE_SCALE = 4.0  # brings the derivative of an SNV spectrum to about the spectrum's own spread
_GREY_WEIGHTS = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
_FINE_POINTS = 8  # interpolated points that are averaged into one band


@dataclass(frozen=True, slots=True)
class SpectrumGrid:
    """The model's wavelength axis: `bands` equal steps from `first_nm` to `last_nm`, inclusive."""

    first_nm: float
    last_nm: float
    bands: int

    @property
    def wavelength_nm(self) -> NDArray[np.float64]:
        """(bands,) centres of the bands."""
        return np.linspace(self.first_nm, self.last_nm, self.bands)

    @property
    def step_nm(self) -> float:
        """Distance of two bands."""
        return (self.last_nm - self.first_nm) / (self.bands - 1)

    def covered_by(self, wavelength_nm: NDArray[np.float64]) -> bool:
        """Tell whether an ascending axis reaches both ends, to within one step."""
        low, high = float(wavelength_nm[0]), float(wavelength_nm[-1])
        return low <= self.first_nm + self.step_nm and high >= self.last_nm - self.step_nm

    def resampling(self, wavelength_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (bands, n): the matrix that takes values on an ascending axis (n,) to this grid.

        Each band is the mean of the linear interpolation across it, so a finer axis is averaged
        and a coarser one interpolated. It is kept, read-only: an instrument has one axis for its life.
        """
        return _resampling(self, np.ascontiguousarray(wavelength_nm, dtype=np.float64).tobytes())


@lru_cache(maxsize=8)
def _resampling(grid: SpectrumGrid, axis: bytes) -> NDArray[np.float64]:
    wavelength_nm = np.frombuffer(axis, dtype=np.float64)
    offsets = (np.arange(_FINE_POINTS) - (_FINE_POINTS - 1) / 2) / _FINE_POINTS * grid.step_nm
    fine = np.clip((grid.wavelength_nm[:, None] + offsets).ravel(), wavelength_nm[0], wavelength_nm[-1])
    left = np.clip(np.searchsorted(wavelength_nm, fine) - 1, 0, len(wavelength_nm) - 2)
    share = (fine - wavelength_nm[left]) / (wavelength_nm[left + 1] - wavelength_nm[left])
    matrix: NDArray[np.float64] = np.zeros((len(fine), len(wavelength_nm)))
    rows = np.arange(len(fine))
    matrix[rows, left] = 1.0 - share
    matrix[rows, left + 1] += share
    averaged: NDArray[np.float64] = matrix.reshape(grid.bands, _FINE_POINTS, -1).mean(axis=1)
    averaged.flags.writeable = False
    return averaged


@dataclass(frozen=True, slots=True)
class ImageScale:
    """What the network sees of a micrograph.

    Attributes:
        side_px: side of the square it reads.
        um_per_pixel: scale it was trained at; images are resampled to it.
        min_um_per_pixel, max_um_per_pixel: scales of a camera from which that is possible.
    """

    side_px: int
    um_per_pixel: float
    min_um_per_pixel: float
    max_um_per_pixel: float


def signal_channels(absorbance: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (n, 2, bands): SNV and its scaled first derivative, of (n, bands) absorbance on the grid."""
    spectra = snv(absorbance)
    derivative = DERIVATIVE_SCALE * np.gradient(spectra, axis=1)
    # A three-point mean: the central difference passes the noise of single bands.
    padded = np.concatenate([derivative[:, :1], derivative, derivative[:, -1:]], axis=1)
    smooth = (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3.0
    channels: NDArray[np.float32] = np.stack([spectra, smooth], axis=1).astype(np.float32)
    return channels


def snv(absorbance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, bands) with the mean of each row taken off and divided by its spread (SNV).

    Barnes, Dhanoa and Lister, Applied Spectroscopy 43 (1989) 772; the spread has a floor.
    """
    centred = absorbance - absorbance.mean(axis=1, keepdims=True)
    spread = np.maximum(centred.std(axis=1, keepdims=True), MIN_SPREAD)
    scaled: NDArray[np.float64] = centred / spread
    return scaled


def on_grid(spectrum: Spectrum, grid: SpectrumGrid) -> NDArray[np.float64]:
    """Return (1, bands) absorbance; bands without a value are interpolated from their neighbours."""
    valid = spectrum.valid
    filled = np.interp(spectrum.wavelength_nm, spectrum.wavelength_nm[valid], spectrum.absorbance[valid])
    # Not @: BLAS would wake a second thread for so little, which takes longer than the work.
    resampled: NDArray[np.float64] = np.einsum("bn,n->b", grid.resampling(spectrum.wavelength_nm), filled)
    return resampled[None]


def image_plane(image: CleanedImage, scale: ImageScale) -> NDArray[np.float32] | None:
    """Return (1, 1, side, side), or None if the image's scale or field does not allow it."""
    if not scale.min_um_per_pixel <= image.um_per_pixel <= scale.max_um_per_pixel:
        return None
    pixels = rescaled(image.pixels, image.um_per_pixel / scale.um_per_pixel)
    height, width = pixels.shape[:2]
    if min(height, width) < scale.side_px:
        return None
    top, left = (height - scale.side_px) // 2, (width - scale.side_px) // 2
    crop = pixels[top : top + scale.side_px, left : left + scale.side_px]
    return standardised(grey(crop))[None, None]


def rescaled(pixels: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """Return the image resampled by `factor`; shrinking averages, so that no pattern appears."""
    if abs(factor - 1.0) < 0.01:
        return pixels
    way = cv2.INTER_AREA if factor < 1.0 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=way), dtype=np.uint8)


def grey(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (..., height, width) luma 0..255: the dye's colour says nothing about the fibre."""
    luma: NDArray[np.float32] = pixels.astype(np.float32) @ _GREY_WEIGHTS
    return luma


def standardised(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (..., height, width) with zero mean and unit spread: exposure and contrast taken out."""
    centred = levels - levels.mean(axis=(-2, -1), keepdims=True)
    spread = np.maximum(centred.std(axis=(-2, -1), keepdims=True), 1.0)
    return np.asarray(centred / spread, dtype=np.float32)
