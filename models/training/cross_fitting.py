"""Errors on specimens that were left out in turn, for data sets too small to hold any back for good.

The linear calibration and the subspace of the known are fitted anew without each fold; the network
starts from the one and is judged by the other, so what they say of unseen specimens is what can be
said of it without training it many times over.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from models.preprocessing import signal_channels
from models.training.drawn_fits import drawn_anchor, drawn_subspace
from models.training.examples import Examples

_FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """What was said of rows whose specimens had no part in it.

    Attributes:
        rows: (m,) row numbers; a specimen that is the only one of its main fibre is not among them.
        shares: (m, k).
        residual: (m,) outside the subspace of the known.
    """

    rows: NDArray[np.intp]
    shares: NDArray[np.float64]
    residual: NDArray[np.float64]


def leave_specimens_out(examples: Examples, seed: int) -> LeftOut:
    """Return shares and residuals for specimens left out, a fifth of them at a time."""
    parts = [_said_of(examples, fitted, left_out, seed) for fitted, left_out in _folds(examples)]
    return LeftOut(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.shares for part in parts]),
        np.concatenate([part.residual for part in parts]),
    )


def _folds(examples: Examples) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield fitted and left-out row numbers; what is left out has another specimen of its main fibre."""
    names = np.array(examples.specimens)
    main = examples.shares.argmax(axis=1)
    count = min(_FOLDS, len(set(examples.specimens)))
    for fitted, left_out in GroupKFold(count).split(names, groups=names):
        known = np.isin(main[left_out], main[fitted])
        if known.any():
            yield fitted, left_out[known]


def _said_of(examples: Examples, fitted: NDArray[np.intp], left_out: NDArray[np.intp], seed: int) -> LeftOut:
    training = examples.take(fitted)
    inputs = signal_channels(examples.absorbance[left_out]).reshape(len(left_out), -1).astype(np.float64)
    shares = drawn_anchor(training, seed).shares(inputs)
    return LeftOut(left_out, shares, drawn_subspace(training, seed).residual(inputs))
