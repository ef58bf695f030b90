"""What the validity range of a model is taken from: specimens and instruments of its training sets."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from models.training.dataset import Dataset
from models.training.examples import Examples
from models.validity import SeenShares, ValidityRange, instrument_type

_LEAST_SHARE = 0.01  # what a row holds less of is a trace


def seen_range(training: Examples, instruments: tuple[str, ...]) -> ValidityRange:
    """Return the fibres and pairs that the training specimens held, with their least and largest shares."""
    single = [(index,) for index in range(len(training.fibres))]
    pairs = combinations(range(len(training.fibres)), 2)
    seen = [_seen_shares(training, columns) for columns in [*single, *pairs]]
    return ValidityRange(tuple(shares for shares in seen if shares is not None), instruments)


def instrument_types(datasets: Sequence[Dataset]) -> tuple[str, ...]:
    """Return the types of instruments of all datasets, or () if a row does not say."""
    stated = {text for dataset in datasets for text in dataset.instruments}
    return () if "" in stated else tuple(sorted({instrument_type(text) for text in stated}))


def _seen_shares(training: Examples, columns: tuple[int, ...]) -> SeenShares | None:
    shares = training.shares[:, list(columns)]
    rows = np.flatnonzero(shares.min(axis=1) >= _LEAST_SHARE)
    if not len(rows):
        return None
    return SeenShares(
        fibres=tuple(training.fibres[column] for column in columns),
        lo=tuple(float(share) for share in shares[rows].min(axis=0)),
        hi=tuple(float(share) for share in shares[rows].max(axis=0)),
        specimens=len({training.specimens[row] for row in rows}),
    )
