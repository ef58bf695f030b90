"""The mass that percentages are of: dry, or with the moisture that a standard adds for each fibre.

A share of dry mass m_i becomes m_i (1 + r_i / 100) / Σ m_j (1 + r_j / 100) with regains r (ISO 1833-1,
GB/T 2910.1). Cotton 60, polyester 40 by dry mass is cotton 61.9 with the regains of GB/T 9994: two points,
so a label may only be compared on its own basis.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.composition import FibreShare
from qc_daemon.domain.reasons import Reason, ReasonCode

DRY_MASS = "dry mass"
# Training labels were the labels of the trade: such shares are on whatever basis the label is.
AS_LABELLED = "as labelled"


@dataclass(frozen=True, slots=True)
class Regains:
    """Moisture that is added to the dry mass of each fibre, in percent, and where that is written."""

    name: str
    source: str
    percent: Mapping[str, float]


def _read(path: Path) -> Regains:
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return Regains(document["name"], document["source"], document["percent"])


_FOLDER = Path(__file__).parent / "regain_files"
REGAINS: Mapping[str, Regains] = {
    regains.name: regains for regains in map(_read, sorted(_FOLDER.glob("*.toml")))
}
BASES: tuple[str, ...] = (DRY_MASS, *REGAINS)


def compared_basis(stated: str, wanted: str) -> str:
    """Return the basis on which shares with a stated basis are compared with a label of another.

    Shares "as labelled" stay so, and so do all if the rule wants none.
    """
    return stated if not wanted or stated.startswith(AS_LABELLED) else wanted


def conversion_obstacle(shares: Sequence[FibreShare], stated: str, wanted: str) -> Reason | None:
    """Return why shares cannot be brought from the stated to the wanted basis, or None if they can."""
    if compared_basis(stated, wanted) == stated:
        return None
    unknown = next((basis for basis in (stated, wanted) if basis not in BASES), None)
    if unknown is not None:
        return Reason(ReasonCode.BASIS_UNKNOWN, unknown)
    for basis in {stated, wanted} - {DRY_MASS}:
        for share in shares:
            if share.hi > 0.0 and share.fibre not in REGAINS[basis].percent:
                return Reason(ReasonCode.REGAIN_UNKNOWN, share.fibre)
    return None


def on_basis(shares: Sequence[FibreShare], stated: str, wanted: str) -> tuple[FibreShare, ...]:
    """Return shares and intervals on another basis; without an obstacle to that (`conversion_obstacle`).

    The end of an interval is converted as the share that it stands for: if a fibre had that share, the
    others had the rest, in the proportions that were measured. So order and sum are kept.
    """
    if compared_basis(stated, wanted) == stated:
        return tuple(shares)
    factors = _factors(shares, wanted) / _factors(shares, stated)
    points = np.array([share.percent for share in shares])
    converted = []
    for index, share in enumerate(shares):
        others = np.delete(points, index)
        weights = others if others.sum() > 0.0 else np.ones_like(others)
        rest = float(np.average(np.delete(factors, index), weights=weights)) if len(others) else 1.0
        lo, percent, hi = (
            _mixed(end, float(factors[index]), rest) for end in (share.lo, share.percent, share.hi)
        )
        converted.append(FibreShare(share.fibre, percent, min(lo, percent), max(hi, percent)))
    return tuple(converted)


def _factors(shares: Sequence[FibreShare], basis: str) -> NDArray[np.float64]:
    """Return how much heavier each fibre is on a basis than dry; 1 for one that is not there at all."""
    percent = REGAINS[basis].percent if basis != DRY_MASS else {}
    return np.array([1.0 + percent.get(share.fibre, 0.0) / 100.0 for share in shares])


def _mixed(share_percent: float, factor: float, rest_factor: float) -> float:
    heavier = share_percent * factor
    return 100.0 * heavier / (heavier + (100.0 - share_percent) * rest_factor)
