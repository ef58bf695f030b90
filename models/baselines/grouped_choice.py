"""Choose the settings of an estimator by cross-validation in which specimens stay whole.

With single spectra left out, the other scans of the same piece of fabric would stay behind and
every setting that remembers the fabric would win.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from models.baselines.known_spectra import KnownSpectra
from models.baselines.pretreatment import NARROW, WIDE
from models.training.splitting import split_by_specimen

FOLDS = 5
_MOST_ROWS = 1500  # that settings are chosen on; the estimator itself is fitted on all


def choose_settings(
    model: Pipeline,
    grid: Mapping[str, Sequence[Any]],
    known: KnownSpectra,
    seed: int,
    *,
    by_class: bool = False,
) -> Pipeline:
    """Return `model`, unfitted, with the best of `grid` and of two smoothing windows.

    Args:
        model: from `pretreated`.
        grid: values to try, by the name of the setting of the estimator.
        known: fewer than three specimens leave the model as it is.
        seed: of the deal into folds.
        by_class: judge by the accuracy of the main fibre instead of the mean error of the shares.
    """
    some = _thinned(known, seed)
    if len(set(some.specimens)) < 3:
        return model
    windows = [{"window": NARROW}, {"window": WIDE}]
    choices = {"pretreatment__kw_args": windows} | {f"method__{name}": list(grid[name]) for name in grid}
    scoring = "accuracy" if by_class else "neg_mean_absolute_error"
    search = GridSearchCV(model, choices, scoring=scoring, cv=grouped_folds(some, seed), refit=False)
    search.fit(some.absorbance, some.main if by_class else some.shares)
    return model.set_params(**search.best_params_)


def grouped_folds(known: KnownSpectra, seed: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return (fitted, left out) row numbers: whole specimens, each main fibre spread over the folds."""
    parts = min(FOLDS, len(set(known.specimens)))
    strata = [str(main) for main in known.main]
    left_out = split_by_specimen(list(known.specimens), (1.0 / parts,) * parts, seed, strata)
    return [(np.setdiff1d(np.arange(len(known)), rows), rows) for rows in left_out]


def _thinned(known: KnownSpectra, seed: int) -> KnownSpectra:
    """Return whole specimens, drawn until there are about enough rows."""
    if len(known) <= _MOST_ROWS:
        return known
    names = np.random.default_rng(seed).permutation(np.unique(known.specimens))
    kept = names[: max(3, len(names) * _MOST_ROWS // len(known))]
    return known.take(np.flatnonzero(np.isin(known.specimens, kept)))
