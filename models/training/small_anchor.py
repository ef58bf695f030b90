"""The calibration that the network starts from where specimens are few, and how its kind is chosen.

The plainest kind (unmixing of smoothed second derivatives, a memory of short reach) is kept unless
another one is better by far more than chance on specimens left out. Where blends of a few compositions
make up the data it must also be better on whole compositions left out: there, a specimen left out still
has its fabric in training, and a model that knows fabrics by heart would win.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from models.preprocessing import signal_channels
from models.training.augmentation import blended, other_unit
from models.training.background import with_background
from models.training.examples import Examples
from models.training.linear_anchor import LinearAnchor
from models.training.memory import (
    Memory,
    RememberingAnchor,
    linear_shares,
    squared_distances,
)
from models.training.unmixing import Unmixing, fit_unmixing, specimen_weights

Floats = NDArray[np.float64]

CENTRES = 600  # of the memory, at most half of them measured spectra, the others drawn
_FOLDS = 6
# Compositions of blends are left out whole where there are at least so many, with so many specimens each.
_FEW_COMPOSITIONS, _EACH = 4, 1.5
_STANDARD_ERRORS = 3.0  # by which to beat the plainest: with twenty to choose from, two are luck
_DRAWN, _MISTAKE = 0.5, 0.5  # what an error on drawn blends, and a wrong main fibre, count beside a share's


@dataclass(frozen=True, slots=True)
class Reach:
    """Of the memory: how far a known spectrum speaks, in median distances, and how noisy it is held to be."""

    distance: float
    noise: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """A kind of calibration; `reach` is None for the linear one alone."""

    unmixing: Unmixing
    reach: Reach | None


PLAINEST = Recipe(Unmixing((9, 13, 17), None), Reach(0.1, 0.3))
_UNMIXINGS = (PLAINEST.unmixing, Unmixing((), 1.0), Unmixing((), 0.1), Unmixing((), 0.01))
_REACHES = (PLAINEST.reach, None, Reach(0.25, 0.1), Reach(0.5, 0.1), Reach(1.0, 0.01))
_RECIPES = tuple(Recipe(*pair) for pair in product(_UNMIXINGS, _REACHES))


def small_anchor(examples: Examples, seed: int) -> RememberingAnchor:
    """Return the calibration of the kind that the examples call for."""
    return fit_recipe(choose_recipe(examples, seed), examples, seed)


def fit_recipe(recipe: Recipe, examples: Examples, seed: int) -> RememberingAnchor:
    """Return a calibration of this kind."""
    return _fit([recipe], examples, seed)[recipe]


def choose_recipe(examples: Examples, seed: int) -> Recipe:
    """Return the kind that is better than the plainest on everything left out, or the plainest."""
    advantages, errors = [], []
    for groups in groupings(examples):
        of_group = _errors_left_out(examples, groups, seed)  # (recipes, groups)
        if of_group.shape[1] < 3:
            return PLAINEST
        gained = of_group[_RECIPES.index(PLAINEST)] - of_group
        chance = gained.std(axis=1, ddof=1) / np.sqrt(gained.shape[1])
        advantages.append(gained.mean(axis=1) / np.maximum(chance, 1e-9))
        errors.append(of_group.mean(axis=1) / of_group.mean(axis=1).min())
    better = np.min(advantages, axis=0) > _STANDARD_ERRORS
    error = np.where(better, np.mean(errors, axis=0), np.inf)
    return _RECIPES[int(error.argmin())] if better.any() else PLAINEST


def groupings(examples: Examples) -> list[Sequence[str]]:
    """Return what to leave out by: n specimens, and n compositions where these are few and blended."""
    _, inverse = np.unique(examples.shares.round(3), axis=0, return_inverse=True)
    of_row = inverse.ravel()
    blended_rows = np.flatnonzero(examples.shares.max(axis=1) < 0.999)
    compositions = len(set(of_row[blended_rows]))
    specimens = len({examples.specimens[row] for row in blended_rows})
    if compositions < _FEW_COMPOSITIONS or specimens < _EACH * compositions:
        return [examples.specimens]
    return [examples.specimens, tuple(str(number) for number in of_row)]


def folds(examples: Examples, groups: Sequence[str]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield fitted and left-out row numbers.

    What is left out has no fibre that is not in what is fitted, and its main fibre is main there, too.
    """
    main = examples.shares.argmax(axis=1)
    count = min(_FOLDS, len(set(groups)))
    if count < 2:
        return
    for fitted, left_out in GroupKFold(count).split(examples.shares, groups=groups):
        unknown = examples.shares[fitted].max(axis=0) == 0.0
        known = examples.shares[left_out][:, unknown].sum(axis=1) == 0.0
        known &= np.isin(main[left_out], main[fitted])
        if known.any():
            yield fitted, left_out[known]


def _errors_left_out(examples: Examples, groups: Sequence[str], seed: int) -> Floats:
    """Return (recipes, groups) errors of rows left out, and of blends drawn from them."""
    names = np.array(groups)
    columns = []
    for fitted, left_out in folds(examples, groups):
        anchors = _fit(_RECIPES, examples.take(fitted), seed)
        generator = np.random.default_rng([seed, 3])
        rows = np.resize(left_out, max(len(left_out), 100))
        partners = generator.choice(np.concatenate([fitted, left_out]), len(rows))
        drawn, drawn_shares = _blends(examples, rows, partners, generator)
        own, mixed = _inputs(examples.absorbance[left_out]), _inputs(drawn)
        errors = []
        for recipe in _RECIPES:
            said, truth = anchors[recipe].shares(own), examples.shares[left_out]
            wrong = said.argmax(axis=1) != truth.argmax(axis=1)
            error = 0.5 * np.abs(said - truth).sum(axis=1) + _MISTAKE * wrong
            of_blends = 0.5 * np.abs(anchors[recipe].shares(mixed) - drawn_shares).sum(axis=1)
            errors.append([
                error[names[left_out] == group].mean() + _DRAWN * of_blends[names[rows] == group].mean()
                for group in np.unique(names[left_out])
            ])  # fmt: skip
        columns.append(np.array(errors))
    return np.concatenate(columns, axis=1) if columns else np.zeros((len(_RECIPES), 0))


def _fit(recipes: Sequence[Recipe], examples: Examples, seed: int) -> dict[Recipe, RememberingAnchor]:
    """Fit several kinds at once: those of one reach share the expensive part."""
    linear = {how: _unmixing(how, examples) for how in {recipe.unmixing: None for recipe in recipes}}
    places, shares, weights = _places(examples, seed)
    offset = places.mean(axis=0)
    distances = squared_distances(places - offset, places - offset)
    median = max(float(np.median(distances)), 1e-6)
    left = np.concatenate([shares - linear_shares(one, places) for one in linear.values()], axis=1)
    anchors = {}
    for reach in {recipe.reach: None for recipe in recipes}:
        scale, solved = _remember(distances, median, reach, weights, left)
        parts = np.split(solved, len(linear), axis=1)
        for (how, line), part in zip(linear.items(), parts, strict=True):
            memory = Memory(offset, scale, (places - offset) * scale, part)
            anchors[Recipe(how, reach)] = RememberingAnchor(line, memory)
    return anchors


def _unmixing(how: Unmixing, examples: Examples) -> LinearAnchor:
    """Return the map to the fibres' shares; what the background adds is found, and left out of them."""
    seen = with_background(examples)
    inputs, spreads = _inputs(seen.absorbance), seen.absorbance.std(axis=1)
    line = fit_unmixing(how, inputs, spreads, seen.shares, seen.specimens)
    fibres = len(examples.fibres)
    return LinearAnchor(line.weight[:fibres], line.bias[:fibres], 0)


def _remember(
    distances: Floats, median: float, reach: Reach | None, weights: Floats, left: Floats
) -> tuple[float, Floats]:
    """Return the scale of the inputs and the weights (M, r) that take off what is `left` (M, r)."""
    if reach is None:
        return 1.0, np.zeros_like(left)
    scale = 1.0 / np.sqrt(2.0 * reach.distance**2 * median)
    kernel = np.exp(-distances * scale**2)
    return float(scale), np.linalg.solve(kernel + np.diag(reach.noise / weights), left)


def _places(examples: Examples, seed: int) -> tuple[Floats, Floats, Floats]:
    """Return inputs (M, m), shares (M, k) and weights (M,) of what is remembered.

    Measured spectra, and blends of them as another unit would have seen them, which keep the memory from
    making pure fabrics of blends.
    """
    generator = np.random.default_rng([seed, 4])
    weights = specimen_weights(examples.specimens)
    rows = np.arange(len(examples))
    if len(rows) > CENTRES // 2:
        rows = np.sort(generator.choice(len(examples), CENTRES // 2, replace=False, p=weights))
    drawn = CENTRES - len(rows)
    first, second = (generator.choice(len(examples), drawn, p=weights) for _ in range(2))
    mixed, mixed_shares = _blends(examples, first, second, generator)
    varied = other_unit(mixed, examples.grid.step_nm, generator)
    own = specimen_weights([examples.specimens[row] for row in rows]) * len(rows)
    return (
        _inputs(np.concatenate([examples.absorbance[rows], varied])),
        np.concatenate([examples.shares[rows], mixed_shares]),
        np.concatenate([own, np.ones(drawn)]),
    )


def _blends(
    examples: Examples, rows: NDArray[np.intp], partners: NDArray[np.intp], generator: np.random.Generator
) -> tuple[Floats, Floats]:
    return blended(
        examples.absorbance[rows],
        examples.shares[rows],
        examples.absorbance[partners],
        examples.shares[partners],
        generator,
    )


def _inputs(absorbance: Floats) -> Floats:
    """Return (n, 2 bands) of (n, bands): the network's channels in one row."""
    return signal_channels(absorbance).reshape(len(absorbance), -1).astype(np.float64)
