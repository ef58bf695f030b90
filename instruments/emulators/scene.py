"""What lies in front of an emulated spectrometer: a row of a tape, the white tile, or nothing."""

import math

import numpy as np
from numpy.typing import NDArray

from instruments.emulators.tape import Tape

# Against its white reference, a recorded view into an empty room reads 1.04 to 1.62.
_EMPTY_ABSORBANCE = 1.3


class Scene:
    """A tape in front of the window: one of its rows, the white tile, or nothing (at first)."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.row = 0
        self.shows_row = False
        self.counts = self._empty_counts()

    def show_row(self, row: int) -> str:
        """Lay a specimen of the tape in front of the window; return its name.

        Raises:
            IndexError: the tape has no such row.
        """
        if not 0 <= row < len(self.tape.names):
            raise IndexError(f"row {row} is not on the tape; expected 0 to {len(self.tape.names) - 1}")
        self.row, self.shows_row = row, True
        self.counts = self.tape.sample_counts[row]
        return self.tape.names[row]

    def show_white(self) -> None:
        """Lay the white tile in front of the window: the reference of the row that was shown last."""
        self.shows_row = False
        self.counts = self.white_counts()

    def show_nothing(self) -> None:
        """Take everything away from the window."""
        self.shows_row = False
        self.counts = self._empty_counts()

    def white_counts(self) -> NDArray[np.int64]:
        """Return the (b,) counts of the white reference that belongs to the row."""
        counts: NDArray[np.int64] = self.tape.reference_counts[self.tape.reference_index[self.row]]
        return counts

    def _empty_counts(self) -> NDArray[np.int64]:
        counts: NDArray[np.int64] = np.rint(self.white_counts() * 10.0**-_EMPTY_ABSORBANCE).astype(np.int64)
        return counts


def warming_c(powered_s: float) -> float:
    """Return the temperature `powered_s` after switching on: as recorded, 30.5 to 33.6 °C in 12 minutes."""
    return 30.5 + 3.1 * (1.0 - math.exp(-powered_s / 240.0))
