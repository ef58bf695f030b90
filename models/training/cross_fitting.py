"""Errors on specimens that were left out in turn, for data sets too small to hold any back for good.

The calibration, the subspace and the cone of the known are fitted anew without each fold; the network starts
from the one and is judged by the other, so what they say of unseen specimens is what can be said of
it without training it many times over. Where blends of few compositions make up the data, whole
compositions are left out: most specimens to come are of none of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.preprocessing import signal_channels
from models.training.cone_fitting import known_cone
from models.training.drawn_fits import drawn_subspace
from models.training.examples import Examples
from models.training.small_anchor import Recipe, choose_recipe, fit_recipe, folds, groupings


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """What was said of rows whose specimens had no part in it.

    Attributes:
        rows: (m,) row numbers; a specimen that is the only one of one of its fibres is not among them.
        shares: (m, k).
        residual: (m,) outside the subspace of the known.
        outside_cone: (m,) part outside the cone of the known.
    """

    rows: NDArray[np.intp]
    shares: NDArray[np.float64]
    residual: NDArray[np.float64]
    outside_cone: NDArray[np.float64]


def leave_specimens_out(examples: Examples, seed: int) -> LeftOut:
    """Return shares and residuals for specimens left out, a sixth of them at a time; maybe of none."""
    recipe = choose_recipe(examples, seed)
    parts = [_said_of(examples, recipe, fitted, left_out, seed) for fitted, left_out in _folds(examples)]
    empty = LeftOut(np.zeros(0, np.intp), np.zeros((0, examples.shares.shape[1])), np.zeros(0), np.zeros(0))
    return LeftOut(
        np.concatenate([part.rows for part in (empty, *parts)]),
        np.concatenate([part.shares for part in (empty, *parts)]),
        np.concatenate([part.residual for part in (empty, *parts)]),
        np.concatenate([part.outside_cone for part in (empty, *parts)]),
    )


def _folds(examples: Examples) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Leave out by the strictest grouping; if that leaves fibres unknown, by specimens."""
    for groups in reversed(groupings(examples)):
        parts = list(folds(examples, groups))
        if parts:
            yield from parts
            return


def _said_of(
    examples: Examples, recipe: Recipe, fitted: NDArray[np.intp], left_out: NDArray[np.intp], seed: int
) -> LeftOut:
    training = examples.take(fitted)
    inputs = signal_channels(examples.absorbance[left_out]).reshape(len(left_out), -1).astype(np.float64)
    shares = fit_recipe(recipe, training, seed).shares(inputs)
    subspace, cone = drawn_subspace(training, seed), known_cone(training, seed)
    return LeftOut(left_out, shares, subspace.residual(inputs), cone.residual(inputs))
