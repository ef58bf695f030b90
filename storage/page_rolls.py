"""Reads a roll, as its inspections are called now: counts, defects on its map, points."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ScalarSelect, Select, and_, case, func, select
from sqlalchemy.orm import Session

from qc_daemon.domain.defect_points import SizedDefect, score_roll
from qc_daemon.domain.page import DefectMark, PointsLine, RollLine
from storage.correction_tables import IdentityRow
from storage.page_lists import newest_conclusion
from storage.roll_views import FOUR_POINT, TEN_POINT
from storage.tables import AcquisitionRow, ConclusionRow, DefectRow


def roll_lines(session: Session, rolls: Select[*tuple[Any, ...]]) -> tuple[RollLine, ...]:
    """Count the inspections of each roll that `rolls` selects as `lot` and `roll`; the newest roll first."""
    which = rolls.subquery()
    last_number = func.max(AcquisitionRow.number)
    query = (
        _inspections(
            which.c.lot,
            which.c.roll,
            func.count(AcquisitionRow.number).label("inspections"),
            _count_of("PASS").label("passed"),
            _count_of("FAIL").label("failed"),
            _count_of("REFER").label("referred"),
            func.count(case((ConclusionRow.sequence.is_(None), 1))).label("undecided"),
            func.coalesce(func.sum(count_of_defects()), 0).label("defects"),
            func.min(IdentityRow.position_m).label("first_m"),
            func.max(IdentityRow.position_m).label("last_m"),
            last_number.label("last_number"),
            func.max(AcquisitionRow.accepted_at).label("last_at"),
        )
        .join(which, and_(which.c.lot == IdentityRow.lot, which.c.roll == IdentityRow.roll))
        .group_by(which.c.lot, which.c.roll)
        .order_by(last_number.desc())
    )
    return tuple(RollLine(**found._mapping) for found in session.execute(query))


def marks_of(session: Session, lot: str, roll: str) -> tuple[DefectMark, ...]:
    """Return the defects of a roll, the newest inspection's first."""
    columns = (AcquisitionRow.number, IdentityRow.position_m, AcquisitionRow.um_per_pixel, DefectRow)
    query = (
        _of_roll(lot, roll, *columns)
        .join(DefectRow, DefectRow.conclusion_sequence == ConclusionRow.sequence)
        .order_by(AcquisitionRow.number.desc(), DefectRow.position)
    )
    return tuple(
        DefectMark(
            number=number,
            position_m=position_m,
            across_mm=(row.x_px + row.width_px / 2) * um_per_pixel / 1000.0,
            kind=row.kind,
            severity=row.severity,
            area_mm2=row.area_mm2,
            size=SizedDefect(
                row.kind,
                position_m,
                row.height_px * um_per_pixel / 1000.0,
                row.width_px * um_per_pixel / 1000.0,
            ),
        )
        for number, position_m, um_per_pixel, row in session.execute(query)
    )


def points_of(session: Session, lot: str, roll: str, marks: Sequence[DefectMark]) -> tuple[PointsLine, ...]:
    """Score a roll by each rule, over the area that was seen and not filled."""
    height, width = AcquisitionRow.image_height_px, AcquisitionRow.image_width_px
    seen_mm2 = height * width * AcquisitionRow.um_per_pixel * AcquisitionRow.um_per_pixel / 1e6
    seen = seen_mm2 * (1.0 - ConclusionRow.filled_percent / 100.0)
    area_mm2 = session.scalar(_of_roll(lot, roll, func.sum(seen))) or 0.0
    scored = (
        (rule, score_roll([mark.size for mark in marks], area_mm2, rule)) for rule in (FOUR_POINT, TEN_POINT)
    )
    return tuple(
        PointsLine(rule.name, rule.version, score.points, score.per_100_yd2, score.accepted)
        for rule, score in scored
    )


def field_width_mm(session: Session, lot: str, roll: str) -> float | None:
    """Return the width of the camera's field, the widest if it changed; None if there was no image."""
    width_mm = AcquisitionRow.image_width_px * AcquisitionRow.um_per_pixel / 1000.0
    widest: float | None = session.scalar(_of_roll(lot, roll, func.max(width_mm)))
    return widest


def count_of_defects() -> ScalarSelect[Any]:
    """Count the defects of a conclusion."""
    return (
        select(func.count())
        .select_from(DefectRow)
        .where(DefectRow.conclusion_sequence == ConclusionRow.sequence)
        .correlate(ConclusionRow)
        .scalar_subquery()
    )


def _count_of(outcome: str) -> Any:
    return func.count(case((ConclusionRow.outcome == outcome, 1)))


def _of_roll(lot: str, roll: str, *columns: Any) -> Select[*tuple[Any, ...]]:
    return _inspections(*columns).where(IdentityRow.lot == lot, IdentityRow.roll == roll)


def _inspections(*columns: Any) -> Select[*tuple[Any, ...]]:
    """Select from the inspections, as they are called now, with the current conclusion of each."""
    return (
        select(*columns)
        .select_from(IdentityRow)
        .join(AcquisitionRow, AcquisitionRow.number == IdentityRow.acquisition_number)
        .outerjoin(ConclusionRow, ConclusionRow.sequence == newest_conclusion(AcquisitionRow.number))
    )
