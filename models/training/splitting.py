"""Deal whole specimens into parts: the only way in which data is ever split here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.errors import DatasetError


def split_by_specimen(
    specimens: Sequence[str],
    fractions: Sequence[float],
    seed: int,
    strata: Sequence[str] | None = None,
) -> tuple[NDArray[np.intp], ...]:
    """Deal whole specimens into parts and return the row numbers of each part.

    A specimen never stands in two parts: with a random split a model recognises the fabric instead
    of the fibre. Specimens of one stratum (their main fibre, say) are dealt one after the other, each
    to the part that lacks most, so that small strata are spread as evenly as they can be.

    Args:
        specimens: n names.
        fractions: share of the specimens for each part; they sum to 1.
        seed: of the shuffling.
        strata: n words; the first row of a specimen counts.

    Raises:
        DatasetError: fewer specimens than parts that are to get one.
    """
    wanted = np.asarray(fractions, dtype=np.float64)
    if np.any(wanted < 0) or abs(float(wanted.sum()) - 1.0) > 1e-6:
        raise ValueError(f"fractions are {list(fractions)}, expected positive numbers that sum to 1")
    order = _dealing_order(specimens, strata or [""] * len(specimens), np.random.default_rng(seed))
    if len(order) < np.count_nonzero(wanted):
        raise DatasetError(
            f"{len(order)} specimens cannot fill {np.count_nonzero(wanted)} parts; expected one for each"
        )
    part_of = _deal(order, wanted)
    parts = np.array([part_of[specimen] for specimen in specimens])
    return tuple(np.flatnonzero(parts == part) for part in range(len(wanted)))


def _dealing_order(
    specimens: Sequence[str], strata: Sequence[str], generator: np.random.Generator
) -> list[str]:
    stratum_of: dict[str, str] = {}
    for specimen, stratum in zip(specimens, strata, strict=True):
        stratum_of.setdefault(specimen, stratum)
    names = sorted(stratum_of)
    shuffled = [names[index] for index in generator.permutation(len(names))]
    return sorted(shuffled, key=lambda name: stratum_of[name])


def _deal(order: list[str], wanted: NDArray[np.float64]) -> dict[str, int]:
    """Give each specimen to the part that is furthest behind its fraction; no wanted part stays empty."""
    held = np.zeros(len(wanted))
    part_of: dict[str, int] = {}
    for count, specimen in enumerate(order, start=1):
        lack = wanted * count - held
        empty = (held == 0) & (wanted > 0)
        if np.count_nonzero(empty) > len(order) - count:
            lack = np.where(empty, lack, -np.inf)
        part = int(np.argmax(lack))
        part_of[specimen] = part
        held[part] += 1
    return part_of
