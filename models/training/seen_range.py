"""What the validity range of a model is taken from: specimens of its training sets and what measured them."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from models.training.examples import Examples
from models.validity import MARGIN_PERCENT, UNNAMED, SeenShares, ValidityRange

_LEAST_SHARE = 0.01  # what a row holds less of is a trace
_FURTHEST_APART = 2.0 * MARGIN_PERCENT / 100.0
_NEARLY_PURE = 1.0 - MARGIN_PERCENT / 100.0  # what a row holds beside this, labels do not tell from nothing


def seen_range(examples: Examples) -> ValidityRange:
    """Return the fibres and pairs that specimens held, with their least and largest shares.

    Each type of instrument has its own, and so have the rows that do not name one. Compositions that lie
    far apart are ranges of their own: a model that recognises fabrics is right at each and wrong between.
    """
    types = sorted(set(examples.instruments))
    seen = tuple(shares for name in types for shares in _seen_by(examples, name))
    return ValidityRange(seen, () if UNNAMED in types else tuple(types))


def _seen_by(training: Examples, instrument: str) -> Iterator[SeenShares]:
    own = np.array(training.instruments) == instrument
    columns = range(len(training.fibres))
    for column in columns:
        pure = own & (training.shares[:, column] >= _NEARLY_PURE)
        yield from _seen_shares(training, instrument, (column,), pure)
    for pair in combinations(columns, 2):
        both = own & (training.shares[:, list(pair)].min(axis=1) >= _LEAST_SHARE)
        yield from _seen_shares(training, instrument, pair, both)


def _seen_shares(
    training: Examples, instrument: str, columns: tuple[int, ...], held: NDArray[np.bool_]
) -> Iterator[SeenShares]:
    """Yield what the rows `held` show of the fibres in `columns`, if there are any."""
    for rows in _near_each_other(np.flatnonzero(held), training.shares[held, columns[0]]):
        shares = training.shares[rows][:, list(columns)]
        yield SeenShares(
            fibres=tuple(training.fibres[column] for column in columns),
            lo=tuple(float(share) for share in shares.min(axis=0)),
            hi=tuple(float(share) for share in shares.max(axis=0)),
            specimens=len({training.specimens[row] for row in rows}),
            instrument=instrument,
        )


def _near_each_other(rows: NDArray[np.intp], share: NDArray[np.float64]) -> Iterator[NDArray[np.intp]]:
    """Part rows where no composition would lie within the margin of one that was trained on."""
    order = np.argsort(share, kind="stable")
    gaps = np.flatnonzero(np.diff(share[order]) > _FURTHEST_APART) + 1
    yield from (part for part in np.split(rows[order], gaps) if len(part))
