"""Compares what the station said with what laboratories found by wet chemistry (ISO 1833).

bias = mean(predicted - found), RMSEP = sqrt(mean((predicted - found)²)), both in percentage points, and
coverage = the share of intervals that hold what was found: per blend and fibre, as ISO 12099 asks for
samples that the model was not made with.

Both are compared on the mass basis of the laboratory: what the station said is brought there, with the ends
of its intervals. Only shares "as labelled" stay as they are, for nobody knows which basis that is.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from qc_daemon.domain.composition import FibreShare
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.mass_basis import BASES, compared_basis, conversion_obstacle, on_basis
from qc_daemon.domain.reasons import ReasonCode


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
class AnalysedInspection:
    """What the station said of one inspection, and what a laboratory found in its specimen.

    Attributes:
        said: on `basis`.
        nominal_coverage: what the intervals promise, 0..1.
    """

    number: int
    said: tuple[FibreShare, ...]
    basis: str
    nominal_coverage: float
    found: LabResult


@dataclass(frozen=True, slots=True)
class ComparedShare:
    """What was found and what was said of one fibre in one inspection, percent by mass on one basis.

    Attributes:
        fibres: the blend as found, such as "cotton/polyester".
        basis: mass basis that the station states, from which its share was brought to `compared_on`.
        lab_basis: that of what was found.
        compared_on: `lab_basis`, or `basis` if that cannot be converted ("as labelled").
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
    compared_on: str
    nominal_coverage: float


@dataclass(frozen=True, slots=True)
class LabComparison:
    """How well one fibre of one blend was predicted; pp are percentage points on `compared_on`."""

    fibres: str
    fibre: str
    basis: str
    lab_basis: str
    compared_on: str
    specimens: int
    inspections: int
    bias_pp: float
    rmsep_pp: float
    coverage: float
    nominal_coverage: float
    mean_width_pp: float


def compared_shares(inspections: Iterable[AnalysedInspection]) -> Iterator[ComparedShare]:
    """Yield, on the laboratory's basis, each fibre that it found and the station can name.

    Raises:
        InputError: a basis is unknown, or has no moisture for a fibre; it names result and inspection.
    """
    for one in inspections:
        found = {share.fibre: share.percent for share in one.found.shares if share.percent > 0.0}
        _require_convertible(one)
        for share in on_basis(one.said, one.basis, one.found.basis):
            if share.fibre in found:
                yield ComparedShare(
                    fibres="/".join(sorted(found)),
                    fibre=share.fibre,
                    specimen=one.found.specimen,
                    lab_percent=found[share.fibre],
                    percent=share.percent,
                    lo_percent=share.lo,
                    hi_percent=share.hi,
                    basis=one.basis,
                    lab_basis=one.found.basis,
                    compared_on=compared_basis(one.basis, one.found.basis),
                    nominal_coverage=one.nominal_coverage,
                )


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
        compared_on=shares[0].compared_on,
        specimens=len({share.specimen for share in shares}),
        inspections=count,
        bias_pp=sum(deviations) / count,
        rmsep_pp=math.sqrt(sum(deviation**2 for deviation in deviations) / count),
        coverage=sum(covered) / count,
        nominal_coverage=sum(share.nominal_coverage for share in shares) / count,
        mean_width_pp=sum(share.hi_percent - share.lo_percent for share in shares) / count,
    )


def _require_convertible(one: AnalysedInspection) -> None:
    obstacle = conversion_obstacle(one.said, one.basis, one.found.basis)
    if obstacle is None:
        return
    found = one.found
    if obstacle.code is ReasonCode.REGAIN_UNKNOWN:
        why = f"there is no moisture of {obstacle.subject}"
    else:
        why = f'"{obstacle.subject}" is no basis that is known ({", ".join(BASES)})'
    raise InputError(
        f"laboratory result of specimen {found.specimen} ({found.method}, {found.laboratory}, "
        f'{found.measured_on}): inspection {one.number} is on "{one.basis}" and cannot be brought to '
        f'"{found.basis}": {why}'
    )
