"""Compares what the station said with what laboratories found by wet chemistry (ISO 1833).

bias = mean(predicted - found), RMSEP = sqrt(mean((predicted - found)²)), both in percentage points, and
coverage = the share of intervals that hold what was found: per blend and fibre, as ISO 12099 asks for
samples that the model was not made with.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LabShare:
    """Share of one fibre, percent by mass."""

    fibre: str
    percent: float


@dataclass(frozen=True, slots=True)
class LabResult:
    """One analysis of one specimen.

    Attributes:
        measured_on: ISO date.
        basis: mass basis of the shares, such as "dry mass".
    """

    specimen: str
    method: str
    laboratory: str
    measured_on: str
    basis: str
    shares: tuple[LabShare, ...]


@dataclass(frozen=True, slots=True)
class ComparedShare:
    """What was found and what was said of one fibre in one inspection, percent by mass.

    Attributes:
        fibres: the blend as found, such as "cotton/polyester".
        basis, lab_basis: mass basis of what was said and of what was found.
        nominal_coverage: what the interval promises, 0..1.
    """

    fibres: str
    fibre: str
    specimen: str
    lab_percent: float
    percent: float
    lo_percent: float
    hi_percent: float
    basis: str
    lab_basis: str
    nominal_coverage: float


@dataclass(frozen=True, slots=True)
class LabComparison:
    """How well one fibre of one blend was predicted; pp are percentage points."""

    fibres: str
    fibre: str
    basis: str
    lab_basis: str
    specimens: int
    inspections: int
    bias_pp: float
    rmsep_pp: float
    coverage: float
    nominal_coverage: float
    mean_width_pp: float


def compare(shares: Iterable[ComparedShare]) -> tuple[LabComparison, ...]:
    """Return one comparison per blend, fibre and pair of bases, in the order of their names."""
    groups: defaultdict[tuple[str, str, str, str], list[ComparedShare]] = defaultdict(list)
    for share in shares:
        groups[share.fibres, share.fibre, share.basis, share.lab_basis].append(share)
    return tuple(_comparison(*key, groups[key]) for key in sorted(groups))


def _comparison(
    fibres: str, fibre: str, basis: str, lab_basis: str, shares: list[ComparedShare]
) -> LabComparison:
    deviations = [share.percent - share.lab_percent for share in shares]
    covered = [share.lo_percent <= share.lab_percent <= share.hi_percent for share in shares]
    count = len(shares)
    return LabComparison(
        fibres=fibres,
        fibre=fibre,
        basis=basis,
        lab_basis=lab_basis,
        specimens=len({share.specimen for share in shares}),
        inspections=count,
        bias_pp=sum(deviations) / count,
        rmsep_pp=math.sqrt(sum(deviation**2 for deviation in deviations) / count),
        coverage=sum(covered) / count,
        nominal_coverage=sum(share.nominal_coverage for share in shares) / count,
        mean_width_pp=sum(share.hi_percent - share.lo_percent for share in shares) / count,
    )
