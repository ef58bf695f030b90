"""Which inspections and rolls a page of a list shows, found by an index also in years of them.

The planner has no statistics on a station, so each query starts from the table whose index leads, and asks
the other tables by scalar queries, which cannot be turned round.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, func, literal, or_, select, true, tuple_
from sqlalchemy.orm import Session, aliased

from qc_daemon.domain.page import UNDECIDED, InspectionFilter
from storage.correction_tables import IdentityRow
from storage.tables import AcquisitionRow, ConclusionRow, OpenWorkRow

_LARGEST = 2**63 - 1


def page_of_inspections(
    session: Session, which: InspectionFilter, before: int | None, limit: int
) -> list[int]:
    """Return numbers, the newest first; by time of acceptance where dates are asked for without a name."""
    if which.lot or which.roll:
        query = _of_name(which, before)
    elif which.since or which.until:
        query = _of_dates(which, before, None if before is None else _accepted_at(session, before))
    elif which.verdict:
        query = _of_verdict(which.verdict, before)
    else:
        query = _newest_first(select(AcquisitionRow.number), AcquisitionRow.number, before)
    return list(session.scalars(query.limit(limit)))


def page_of_rolls(before: int | None, limit: int) -> Select[*tuple[Any, ...]]:
    """Return the lot and roll of those that were inspected last; `before` is the last number of a roll.

    It walks back over the inspections and stops at each that is the last of its roll.
    """
    other = aliased(IdentityRow)
    last = (
        select(func.max(other.acquisition_number))
        .where(other.lot == IdentityRow.lot, other.roll == IdentityRow.roll)
        .correlate(IdentityRow)
        .scalar_subquery()
    )
    named = or_(IdentityRow.lot != "", IdentityRow.roll != "")
    query = select(IdentityRow.lot, IdentityRow.roll).where(named, IdentityRow.acquisition_number == last)
    return _newest_first(query, IdentityRow.acquisition_number, before).limit(limit)


def one_roll(lot: str, roll: str) -> Select[*tuple[Any, ...]]:
    """Return the lot and roll of one, as `page_of_rolls` does of many."""
    return select(literal(lot).label("lot"), literal(roll).label("roll"))


def newest_conclusion(number: Any) -> ScalarSelect[Any]:
    """Return the sequence of the current conclusion of the acquisition whose number that column holds."""
    other = aliased(ConclusionRow)
    return (
        select(func.max(other.sequence))
        .where(other.acquisition_number == number)
        .correlate_except(other)
        .scalar_subquery()
    )


def _newest_first(
    query: Select[*tuple[Any, ...]], number: Any, before: int | None
) -> Select[*tuple[Any, ...]]:
    return query.where(number < (before or _LARGEST)).order_by(number.desc())


def _of_name(which: InspectionFilter, before: int | None) -> Select[Any]:
    number = IdentityRow.acquisition_number
    query = select(number)
    if which.lot:
        query = query.where(IdentityRow.lot == which.lot)
    if which.roll:
        query = query.where(IdentityRow.roll == which.roll)
    if which.since or which.until:
        accepted_at = (
            select(AcquisitionRow.accepted_at)
            .where(AcquisitionRow.number == number)
            .correlate(IdentityRow)
            .scalar_subquery()
        )
        query = query.where(_within(accepted_at, which))
    return _newest_first(query.where(_has_verdict(number, which.verdict)), number, before)


def _of_dates(which: InspectionFilter, before: int | None, moment: datetime | None) -> Select[Any]:
    number, accepted_at = AcquisitionRow.number, AcquisitionRow.accepted_at
    query = select(number).where(_within(accepted_at, which), _has_verdict(number, which.verdict))
    if before is not None and moment is not None:
        query = query.where(tuple_(accepted_at, number) < (moment, before))
    return query.order_by(accepted_at.desc(), number.desc())


def _of_verdict(verdict: str, before: int | None) -> Select[Any]:
    if verdict == UNDECIDED:
        return _newest_first(_undecided(), OpenWorkRow.acquisition_number, before)
    number = ConclusionRow.acquisition_number
    current = ConclusionRow.sequence == newest_conclusion(number)
    return _newest_first(select(number).where(ConclusionRow.outcome == verdict, current), number, before)


def _within(accepted_at: Any, which: InspectionFilter) -> ColumnElement[bool]:
    bounds = [] if which.since is None else [accepted_at >= which.since]
    bounds += [] if which.until is None else [accepted_at < which.until]
    return and_(*bounds)


def _has_verdict(number: Any, verdict: str) -> ColumnElement[bool]:
    if not verdict:
        return true()
    if verdict == UNDECIDED:
        waiting: ColumnElement[bool] = number.in_(_undecided())
        return waiting
    outcome = select(ConclusionRow.outcome).where(ConclusionRow.sequence == newest_conclusion(number))
    current: ColumnElement[bool] = outcome.correlate_except(ConclusionRow).scalar_subquery() == verdict
    return current


def _undecided() -> Select[*tuple[Any, ...]]:
    return select(OpenWorkRow.acquisition_number).where(OpenWorkRow.needs == "conclusion")


def _accepted_at(session: Session, number: int) -> datetime | None:
    return session.scalar(select(AcquisitionRow.accepted_at).where(AcquisitionRow.number == number))
