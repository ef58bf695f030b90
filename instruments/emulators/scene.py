"""What lies in front of an emulated spectrometer: a row of a tape, a tile, a standard, or nothing."""

import math

import numpy as np
from numpy.typing import NDArray

from instruments.emulators.tape import Tape
from qc_daemon.domain.errors import ConfigError

# Against its white reference, a recorded view into an empty room reads 1.04 to 1.62.
_EMPTY_ABSORBANCE = 1.3
GREY_REFLECTANCE = 0.5
# Where on the axis the emulated wavelength standard absorbs, as shares of its range, and how.
_PEAK_PLACES = (0.15, 0.35, 0.6, 0.85)
_PEAK_ABSORBANCE, _PEAK_SIGMA_NM, _STANDARD_ABSORBANCE = 0.4, 10.0, 0.1


class Scene:
    """A tape in front of the window: one of its rows, a tile, a standard, or nothing (at first)."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.row = 0
        self.shows_row = False
        self.counts = self._empty_counts()

    def show_row(self, row: int) -> str:
        """Lay a specimen of the tape in front of the window; return its name.

        Raises:
            ConfigError: the tape has no such row.
        """
        if not 0 <= row < len(self.tape.names):
            raise ConfigError(f"row {row} is not on the tape; expected 0 to {len(self.tape.names) - 1}")
        self.row, self.shows_row = row, True
        self.counts = self.tape.sample_counts[row]
        return self.tape.names[row]

    def show_white(self) -> None:
        """Lay the white tile in front of the window: the reference of the row that was shown last."""
        self.shows_row = False
        self.counts = self.white_counts()

    def show_grey(self) -> None:
        """Lay a grey tile in front of the window that reflects half of what the white one does."""
        self._show_absorbance(np.full(self.tape.wavelength_nm.shape, -math.log10(GREY_REFLECTANCE)))

    def show_standard(self) -> None:
        """Lay a wavelength standard in front of the window, with peaks at `standard_peaks_nm`."""
        axis_nm = self.tape.wavelength_nm
        distance = (axis_nm[:, None] - standard_peaks_nm(axis_nm)) / _PEAK_SIGMA_NM
        peaks = _PEAK_ABSORBANCE * np.exp(-0.5 * distance**2).sum(axis=1)
        self._show_absorbance(_STANDARD_ABSORBANCE + peaks)

    def show_nothing(self) -> None:
        """Take everything away from the window."""
        self.shows_row = False
        self.counts = self._empty_counts()

    def white_counts(self) -> NDArray[np.int64]:
        """Return the (b,) counts of the white reference that belongs to the row."""
        counts: NDArray[np.int64] = self.tape.reference_counts[self.tape.reference_index[self.row]]
        return counts

    def _show_absorbance(self, absorbance: NDArray[np.float64]) -> None:
        self.shows_row = False
        self.counts = np.rint(self.white_counts() * 10.0**-absorbance).astype(np.int64)

    def _empty_counts(self) -> NDArray[np.int64]:
        counts: NDArray[np.int64] = np.rint(self.white_counts() * 10.0**-_EMPTY_ABSORBANCE).astype(np.int64)
        return counts


def standard_peaks_nm(axis_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (4,) absorbance maxima of the emulated wavelength standard on an axis (n,), in nm."""
    peaks_nm: NDArray[np.float64] = axis_nm[0] + np.array(_PEAK_PLACES) * (axis_nm[-1] - axis_nm[0])
    return peaks_nm


def warming_c(powered_s: float) -> float:
    """Return the temperature `powered_s` after switching on: as recorded, 30.5 to 33.6 °C in 12 minutes."""
    return 30.5 + 3.1 * (1.0 - math.exp(-powered_s / 240.0))
