"""Linear unmixing: which non-negative amounts of the pure fibres' spectra add up to this one?

The endmember of a fibre is the mean derivative spectrum of its pure specimens. A fibre without a
pure specimen gets the endmember that explains the known blends best, by least squares, after what
the other fibres contribute. Nothing is fitted to errors of the shares, so blends that were never
trained on are no extrapolation.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from models.baselines.known_spectra import KnownSpectra, pooled
from models.baselines.method import Answers, Reads, answers_from
from models.baselines.pretreatment import snv_derivative
from models.training.examples import Examples

_PURE = 0.999  # share above which a specimen counts as pure


class Unmixing:
    """Implements `Method`."""

    name = "Unmixing"
    reads: Reads = "signal"

    def fit(self, training: Examples, validation: Examples, seed: int) -> None:
        """Take the endmembers from both parts; nothing is drawn, so `seed` is without effect."""
        del seed
        self._endmembers = endmembers(pooled(training, validation))

    def answer(self, examples: Examples) -> Answers:
        """Return non-negative amounts scaled to sum to 1; the main fibre is the largest."""
        mixing = LinearRegression(fit_intercept=False, positive=True)
        fitted = mixing.fit(self._endmembers.T, snv_derivative(examples.absorbance).T)
        return answers_from(fitted.coef_.reshape(len(examples), -1))


def endmembers(known: KnownSpectra) -> NDArray[np.float64]:
    """Return (k, bands) derivative spectra of the fibres; zero for a fibre that never occurs."""
    spectra, shares = _specimen_means(known)
    pure = shares > _PURE
    found = np.zeros((shares.shape[1], spectra.shape[1]))
    for fibre in np.flatnonzero(pure.any(axis=0)):
        found[fibre] = spectra[pure[:, fibre]].mean(axis=0)
    lacking = np.flatnonzero(~pure.any(axis=0))
    unexplained = spectra - shares @ found
    found[lacking] = np.linalg.lstsq(shares[:, lacking], unexplained, rcond=None)[0]
    return found


def _specimen_means(known: KnownSpectra) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean derivative spectrum and the mean shares of each specimen."""
    names, inverse = np.unique(known.specimens, return_inverse=True)
    weights = np.eye(len(names))[:, inverse]
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ snv_derivative(known.absorbance), weights @ known.shares
