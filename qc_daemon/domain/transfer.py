"""Making the spectra of one spectrometer look like those of another, from specimens that both have measured.

Each band of the target unit is a linear function of a window of bands of the source unit: piecewise direct
standardisation (Wang, Veltkamp and Kowalski, Analytical Chemistry 63 (1991) 2750). A window of one band is
bias and slope, band by band.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.arrays import frozen_array, require_ascending
from qc_daemon.domain.spectrum import Spectrum

# Directions of a window that carry less than this share of its strongest one are noise to a regression.
_LEAST_SINGULAR_SHARE = 1e-6


@dataclass(frozen=True, slots=True)
class TransferMethod:
    """How many bands a window has to each side of its own, and how many directions of it are used."""

    half_window: int
    components: int

    @property
    def name(self) -> str:
        """What people call it."""
        if self.half_window == 0:
            return "bias and slope"
        return f"PDS, {2 * self.half_window + 1} bands, {self.components} components"


BIAS_SLOPE = TransferMethod(0, 1)
PDS_METHODS = tuple(TransferMethod(half, rank) for half in (1, 2, 4) for rank in (1, 2, 3))


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """A correction of the absorbance of one unit, band by band on the axis of another.

    Attributes:
        source_serial: the unit whose spectra are corrected.
        target_serial: the unit that they shall look like.
        method: its name.
        wavelength_nm: (n,) axis of the target unit.
        offset: (n,) absorbance that is added to each band.
        coefficients: (n, 2h + 1) weight of each band of a window; 0 beyond the ends of the axis.
        digest: SHA-256 of the file that it was read from, or "" before it is written.
    """

    source_serial: str
    target_serial: str
    method: str
    wavelength_nm: NDArray[np.float64]
    offset: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    digest: str = ""

    def __post_init__(self) -> None:
        axis_nm = frozen_array(self.wavelength_nm, np.float64, (None,), "wavelength_nm")
        require_ascending(axis_nm, "wavelength_nm")
        object.__setattr__(self, "wavelength_nm", axis_nm)
        for name, shape in (("offset", axis_nm.shape), ("coefficients", (len(axis_nm), None))):
            array = frozen_array(getattr(self, name), np.float64, shape, name)
            if not np.all(np.isfinite(array)):
                raise ValueError(f"{name} must be finite")
            object.__setattr__(self, name, array)
        if self.coefficients.shape[1] % 2 != 1:
            raise ValueError(
                f"coefficients has windows of {self.coefficients.shape[1]}, expected an odd number"
            )


def transferred(spectrum: Spectrum, transfer: Transfer) -> Spectrum:
    """Return a spectrum of the source unit as the target unit would see it, on the target's axis.

    A band is valid if all bands that it is made of are.
    """
    inside = spectrum.valid
    axis_nm = transfer.wavelength_nm
    if np.count_nonzero(inside) < 2:
        return Spectrum(axis_nm, np.full(axis_nm.shape, np.nan), np.zeros(axis_nm.shape, bool))
    moved = resampled(spectrum.wavelength_nm[inside], spectrum.absorbance[inside][None, :], axis_nm)
    gap = np.interp(axis_nm, spectrum.wavelength_nm, (~inside).astype(float), left=1.0, right=1.0)
    usable = np.isfinite(moved[0]) & (gap == 0.0)
    half = transfer.coefficients.shape[1] // 2
    absorbance = transfer.offset + np.sum(
        transfer.coefficients * _windows(np.where(usable, moved[0], 0.0)[None, :], half)[0], axis=1
    )
    needed = (transfer.coefficients != 0.0) & ~_windows(usable[None, :].astype(float), half)[0].astype(bool)
    valid = usable & ~np.any(needed, axis=1)
    return Spectrum(axis_nm, np.where(valid, absorbance, np.nan), valid)


def resampled(
    wavelength_nm: NDArray[np.float64], absorbance: NDArray[np.float64], axis_nm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return absorbance (s, m) at wavelength_nm (m,), linearly at axis_nm (n,); NaN outside."""
    return np.stack([np.interp(axis_nm, wavelength_nm, row, left=np.nan, right=np.nan) for row in absorbance])


def estimate(
    source: NDArray[np.float64], target: NDArray[np.float64], method: TransferMethod
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return offset (n,) and coefficients (n, 2h + 1) that turn source (s, n) into target (s, n).

    Principal-component regression of each band of the target on the window of the source around it; both
    are centred, so the means of the two units agree whatever the number of components.
    """
    windows = _windows(source, method.half_window)
    exists = _windows(np.ones((1, source.shape[1])), method.half_window)[0]
    means, target_mean = windows.mean(axis=0), target.mean(axis=0)
    weights = [
        _regression(windows[:, band] - means[band], target[:, band] - target_mean[band], method.components)
        for band in range(source.shape[1])
    ]
    coefficients = np.stack(weights) * exists  # what rounding left beyond the ends
    return target_mean - np.sum(coefficients * means, axis=1), coefficients


def left_out_error(source: NDArray[np.float64], target: NDArray[np.float64], method: TransferMethod) -> float:
    """Return the root mean square difference of absorbance when each specimen in turn is left out."""
    squares = []
    for left_out in range(len(source)):
        kept = np.arange(len(source)) != left_out
        offset, coefficients = estimate(source[kept], target[kept], method)
        window = _windows(source[left_out : left_out + 1], method.half_window)[0]
        squares.append(np.mean((offset + np.sum(coefficients * window, axis=1) - target[left_out]) ** 2))
    return float(np.sqrt(np.mean(squares)))


def _regression(x: NDArray[np.float64], y: NDArray[np.float64], components: int) -> NDArray[np.float64]:
    """Return the weights (w,) of centred x (s, w) for centred y (s,) by its strongest components."""
    left, strengths, right = np.linalg.svd(x, full_matrices=False)
    used = min(components, int(np.count_nonzero(strengths > _LEAST_SINGULAR_SHARE * strengths[0])))
    weights: NDArray[np.float64] = right[:used].T @ ((left[:, :used].T @ y) / strengths[:used])
    return weights


def _windows(values: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    """Return (s, n, 2h + 1) values of the bands around each of (s, n); 0 beyond the ends."""
    padded = np.pad(values, ((0, 0), (half, half)))
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=1)
