"""Spectra of known shares, as the methods that read nothing else take them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.training.examples import Examples


@dataclass(frozen=True, slots=True, eq=False)
class KnownSpectra:
    """Spectra to learn from.

    Attributes:
        absorbance: (n, bands).
        shares: (n, k), each row sums to 1.
        specimens: (n,) names: the groups that stay whole.
    """

    absorbance: NDArray[np.float64]
    shares: NDArray[np.float64]
    specimens: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.absorbance)

    @property
    def main(self) -> NDArray[np.intp]:
        """(n,) index of the fibre with the largest share."""
        return np.asarray(self.shares.argmax(axis=1))

    def take(self, rows: NDArray[np.intp]) -> "KnownSpectra":
        """Return the spectra of `rows`."""
        return KnownSpectra(self.absorbance[rows], self.shares[rows], self.specimens[rows])


def pooled(training: Examples, validation: Examples) -> KnownSpectra:
    """Return all rows of both: who chooses settings inside the training needs no other validation."""
    return KnownSpectra(
        np.concatenate([training.absorbance, validation.absorbance]),
        np.concatenate([training.shares, validation.shares]),
        np.array([*training.specimens, *validation.specimens]),
    )
