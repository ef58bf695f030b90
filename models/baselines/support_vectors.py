"""Support vector machines with a Gaussian kernel: one names the main fibre, one a fibre gives shares."""

from collections import Counter

import numpy as np
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, SVR

from models.baselines.grouped_choice import choose_settings
from models.baselines.known_spectra import KnownSpectra, pooled
from models.baselines.method import Answers, Reads, answers_from
from models.baselines.pretreatment import pretreated
from models.training.examples import Examples

# Squared distances of derivative spectra are about 0.1 within a fibre and 3 between fibres.
_GAMMAS = (0.03, 0.3, 3.0)
_PENALTIES = (1.0, 10.0, 100.0)
_TOLERATED = 0.01  # share; an error below it costs nothing


class SupportVectors:
    """Implements `Method`; penalty and kernel width are chosen over specimens."""

    name = "SVM"
    reads: Reads = "signal"

    def fit(self, training: Examples, validation: Examples, seed: int) -> None:
        """Learn from both parts."""
        known = pooled(training, validation)
        shares = pretreated(MultiOutputRegressor(SVR(epsilon=_TOLERATED)))
        grid = {"estimator__C": _PENALTIES, "estimator__gamma": _GAMMAS}
        self._shares = choose_settings(shares, grid, known, seed).fit(known.absorbance, known.shares)
        self._main = _fitted_classifier(known, seed) if _has_classes(known) else None

    def answer(self, examples: Examples) -> Answers:
        """Return shares, cut at 0, and the class; without classes the largest share is the main fibre."""
        by_share = answers_from(self._shares.predict(examples.absorbance))
        if self._main is None:
            return by_share
        return Answers(self._main.predict(examples.absorbance), by_share.shares)


def _fitted_classifier(known: KnownSpectra, seed: int) -> Pipeline:
    grid = {"C": _PENALTIES, "gamma": _GAMMAS}
    chosen = choose_settings(pretreated(SVC()), grid, known, seed, by_class=True)
    return chosen.fit(known.absorbance, known.main)


def _has_classes(known: KnownSpectra) -> bool:
    """Tell whether two main fibres have two specimens each, so that every fold is left with both."""
    _, first = np.unique(known.specimens, return_index=True)
    return sum(count > 1 for count in Counter(known.main[first].tolist()).values()) > 1
