"""Reads the history for the operators' page, over a connection that cannot write."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ScalarSelect, Select, and_, case, func, or_, select, text
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from qc_daemon.domain.calibration import CheckKind
from qc_daemon.domain.defect_points import SizedDefect, score_roll
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.inspection import Acquisition, Conclusion
from qc_daemon.domain.page import (
    UNDECIDED,
    AlarmLine,
    AuditLine,
    ChartValue,
    ControlChart,
    DefectMark,
    InspectionFilter,
    InspectionLine,
    InspectionSheet,
    PointsLine,
    ReferenceLine,
    RollLine,
    RollSheet,
    ShareLine,
    StoredReport,
)
from qc_daemon.domain.people import ApiToken, Person, Role, RollOrder, Signature, SignatureMeaning
from qc_daemon.domain.verdict import Outcome
from storage.conclusion_rows import verdict_of
from storage.inspection_reader import SqlInspectionReader
from storage.ledger_tables import LedgerRow
from storage.people import SqlPeopleReader
from storage.people_tables import ApiTokenRow, RollOrderRow, SignatureRow
from storage.roll_views import FOUR_POINT, TEN_POINT
from storage.tables import (
    AcquisitionRow,
    CalibrationScanRow,
    CheckRunRow,
    CheckValueRow,
    ConclusionRow,
    DefectRow,
    InstrumentRow,
    OpenWorkRow,
    ReportRow,
    WhiteReferenceRow,
)
from storage.timestamps import utc_moment

_LARGEST = 2**63 - 1
_MAP_INSPECTIONS = 2000  # of one roll; a longer one shows its newest


class SqlPageReader:
    """Implements the port PageReader over an opened reader of a station."""

    def __init__(self, reader: SqlInspectionReader) -> None:
        self._reader = reader
        self._people = SqlPeopleReader(reader.reading)

    def newest(self) -> int | None:
        """Return the number of the newest stored inspection."""
        with self._reader.reading() as session:
            return session.scalar(select(func.max(AcquisitionRow.number)))

    def inspections(
        self, which: InspectionFilter, before: int | None, limit: int
    ) -> tuple[InspectionLine, ...]:
        """Return inspections with smaller numbers than `before`, newest first."""
        query = _filtered(_lines(), which).where(AcquisitionRow.number < (before or _LARGEST))
        return self._lines_of(query.order_by(AcquisitionRow.number.desc()).limit(limit))

    def inspections_after(self, after: int, limit: int) -> tuple[InspectionLine, ...]:
        """Return inspections with greater numbers, oldest first."""
        query = _lines().where(AcquisitionRow.number > after)
        return self._lines_of(query.order_by(AcquisitionRow.number).limit(limit))

    def inspection(self, number: int) -> InspectionSheet:
        """Return all about an inspection; raises InputError if there is none of that number."""
        with self._reader.reading() as session:
            found = session.execute(_lines().where(AcquisitionRow.number == number)).one_or_none()
            if found is None:
                raise InputError(f"inspection {number} does not exist")
            row = session.get_one(AcquisitionRow, number)
            current = row.conclusions[-1] if row.conclusions else None
            return InspectionSheet(
                line=_line(found),
                shares=_shares(row, current),
                reasons=verdict_of(current).reasons if current else (),
                conclusions=len(row.conclusions),
                reports=_reports(current),
                signatures=_signatures(session, row),
                audit=_audit(session, row),
            )

    def load_acquisition(self, number: int) -> Acquisition:
        """Return an acquisition with its arrays."""
        return self._reader.load_acquisition(number)

    def load_conclusion(self, number: int) -> Conclusion:
        """Return the current conclusion with its arrays."""
        return self._reader.load_conclusion(number)

    def rolls(self, before: int | None, limit: int) -> tuple[RollLine, ...]:
        """Return the rolls that were inspected last; `before` is the last number of a roll."""
        last = func.max(AcquisitionRow.number)
        newest = (
            select(AcquisitionRow.lot, AcquisitionRow.roll)
            .group_by(AcquisitionRow.lot, AcquisitionRow.roll)
            .having(last < (before or _LARGEST))
            .order_by(last.desc())
            .limit(limit)
        )
        with self._reader.reading() as session:
            return tuple(_roll_line(session, lot, roll) for lot, roll in session.execute(newest))

    def roll(self, lot: str, roll: str) -> RollSheet:
        """Return one roll; raises InputError if nothing of it was inspected."""
        which = InspectionFilter(lot, roll)
        lines = self.inspections(which, None, _MAP_INSPECTIONS) if lot or roll else ()
        if not lines:
            raise InputError(f"nothing of roll {roll} of lot {lot} was inspected")
        with self._reader.reading() as session:
            field_mm = session.scalar(
                select(func.max(AcquisitionRow.image_width_px * AcquisitionRow.um_per_pixel) / 1000.0).where(
                    AcquisitionRow.lot == lot, AcquisitionRow.roll == roll
                )
            )
            marks = _marks(session, lot, roll)
            return RollSheet(
                line=_roll_line(session, lot, roll),
                inspections=tuple(sorted(lines, key=lambda line: (line.position_m, line.number))),
                marks=marks,
                points=_points(session, lot, roll, marks),
                field_mm=field_mm,
                order=_order_of_roll(session, lot, roll),
            )

    def references(self, limit: int) -> tuple[ReferenceLine, ...]:
        """Return the newest white references."""
        newest = select(func.max(WhiteReferenceRow.sequence)).group_by(WhiteReferenceRow.instrument_id)
        query = select(WhiteReferenceRow).order_by(WhiteReferenceRow.sequence.desc()).limit(limit)
        with self._reader.reading() as session:
            current = set(session.scalars(newest))
            return tuple(
                ReferenceLine(
                    id=row.id,
                    source=row.source,
                    tile_id=row.tile_id,
                    instrument=row.instrument.kind,
                    serial=row.instrument.serial,
                    taken_at=row.taken_at,
                    is_current=row.sequence in current,
                )
                for row in session.scalars(query)
            )

    def charts(self, limit: int) -> tuple[ControlChart, ...]:
        """Return the charts of the checks, at most `limit` values each."""
        which = (InstrumentRow.serial, CheckRunRow.kind, CheckRunRow.standard_id, CheckValueRow.position_nm)
        with self._reader.reading() as session:
            known = session.execute(_checks(*which).distinct().order_by(*which)).all()
            return tuple(_chart(session, tuple(chart), limit) for chart in known)

    def active_alarms(self) -> tuple[AlarmLine, ...]:
        """Return the alarms that are not cleared, newest first."""
        return self._alarms("WHERE active", 1000)

    def alarms(self, limit: int) -> tuple[AlarmLine, ...]:
        """Return the newest alarms, cleared ones too."""
        return self._alarms("", limit)

    def orders(self, before: int | None, limit: int) -> tuple[tuple[int, RollOrder], ...]:
        """Return orders of rolls with the place of each in the list, newest first."""
        query = (
            select(RollOrderRow)
            .where(RollOrderRow.sequence < (before or _LARGEST))
            .order_by(RollOrderRow.sequence.desc())
            .limit(limit)
        )
        with self._reader.reading() as session:
            return tuple((row.sequence, _order(row)) for row in session.scalars(query))

    def people(self) -> tuple[Person, ...]:
        """Return everybody who may log in."""
        return self._people.people()

    def tokens(self) -> tuple[ApiToken, ...]:
        """Return the tokens of programs, newest first."""
        with self._reader.reading() as session:
            rows = session.scalars(select(ApiTokenRow).order_by(ApiTokenRow.sequence.desc()))
            return tuple(
                ApiToken(row.name, Role(row.role), row.issued_by, row.issued_at, row.revoked_at)
                for row in rows
            )

    def _lines_of(self, query: Select[Any]) -> tuple[InspectionLine, ...]:
        with self._reader.reading() as session:
            return tuple(_line(found) for found in session.execute(query))

    def _alarms(self, condition: str, limit: int) -> tuple[AlarmLine, ...]:
        query = text(f"SELECT * FROM v_alarms {condition} ORDER BY raised_at DESC LIMIT :limit")  # noqa: S608
        with self._reader.reading() as session:
            return tuple(_alarm(row) for row in session.execute(query, {"limit": limit}).mappings())


def _lines() -> Select[Any]:
    """Select what a line of a list says, with the current conclusion of each inspection."""
    return select(AcquisitionRow, ConclusionRow, _defects().label("defects")).outerjoin(
        ConclusionRow, ConclusionRow.sequence == _newest_conclusion()
    )


def _filtered(query: Select[Any], which: InspectionFilter) -> Select[Any]:
    if which.lot:
        query = query.where(AcquisitionRow.lot == which.lot)
    if which.roll:
        query = query.where(AcquisitionRow.roll == which.roll)
    if which.since is not None:
        query = query.where(AcquisitionRow.accepted_at >= which.since)
    if which.until is not None:
        query = query.where(AcquisitionRow.accepted_at < which.until)
    if which.verdict == UNDECIDED:
        waiting = select(OpenWorkRow.acquisition_number).where(OpenWorkRow.needs == "conclusion")
        return query.where(AcquisitionRow.number.in_(waiting))
    return query.where(ConclusionRow.outcome == which.verdict) if which.verdict else query


def _line(found: Any) -> InspectionLine:
    row: AcquisitionRow = found[0]
    current: ConclusionRow | None = found[1]
    return InspectionLine(
        number=row.number,
        id=row.id,
        specimen=row.specimen,
        lot=row.lot,
        roll=row.roll,
        position_m=row.position_m,
        label=row.label_text or "",
        accepted_at=row.accepted_at,
        verdict=current.outcome if current else UNDECIDED,
        main_fibre=current.main_fibre if current else None,
        filled_percent=current.filled_percent if current else None,
        defects=found.defects if current else None,
        conclusion_id=current.id if current else None,
    )


def _shares(row: AcquisitionRow, current: ConclusionRow | None) -> tuple[ShareLine, ...]:
    declared = {part.fibre: part.percent for part in row.declared_fibres}
    return tuple(
        ShareLine(
            fibre=share.fibre,
            percent=share.percent,
            lo=share.lo_percent,
            hi=share.hi_percent,
            declared_percent=declared.get(share.fibre, 0.0) if declared else None,
        )
        for share in (current.shares if current else ())
    )


def _reports(current: ConclusionRow | None) -> tuple[StoredReport, ...]:
    return tuple(
        StoredReport(report.path, report.language, report.sha256, report.recorded_at)
        for report in reversed(current.reports if current else [])
    )


def _audit(session: Session, row: AcquisitionRow) -> tuple[AuditLine, ...]:
    """Return the ledger's entries about an inspection, oldest first."""
    conclusions = [conclusion.sequence for conclusion in row.conclusions]
    reports = [report.sequence for conclusion in row.conclusions for report in conclusion.reports]
    query = select(LedgerRow).where(
        or_(
            and_(LedgerRow.table_name == AcquisitionRow.__tablename__, LedgerRow.row_key == row.number),
            and_(LedgerRow.table_name == ConclusionRow.__tablename__, LedgerRow.row_key.in_(conclusions)),
            and_(LedgerRow.table_name == ReportRow.__tablename__, LedgerRow.row_key.in_(reports)),
        )
    )
    return tuple(
        AuditLine(entry.sequence, entry.recorded_at, entry.kind, entry.subject, entry.actor, entry.sha256)
        for entry in session.scalars(query.order_by(LedgerRow.sequence))
    )


def _signatures(session: Session, row: AcquisitionRow) -> tuple[Signature, ...]:
    ids = {conclusion.sequence: conclusion.id for conclusion in row.conclusions}
    query = select(SignatureRow).where(SignatureRow.conclusion_sequence.in_(ids))
    return tuple(
        Signature(
            row.number,
            ids[signed.conclusion_sequence],
            signed.who,
            SignatureMeaning(signed.meaning),
            signed.signed_at,
        )
        for signed in session.scalars(query.order_by(SignatureRow.sequence))
    )


def _roll_line(session: Session, lot: str, roll: str) -> RollLine:
    query = _of_roll(
        lot, roll,
        func.count(AcquisitionRow.number),
        *(func.count(case((ConclusionRow.outcome == outcome.value, 1))) for outcome in Outcome),
        func.coalesce(func.sum(_defects()), 0),
        func.min(AcquisitionRow.position_m),
        func.max(AcquisitionRow.position_m),
        func.max(AcquisitionRow.number),
        func.max(AcquisitionRow.accepted_at),
    )  # fmt: skip
    found = tuple(session.execute(query).one())
    count, passed, failed, referred, defect_count, first_m, last_m, last_number, last_at = found
    return RollLine(
        lot=lot,
        roll=roll,
        inspections=count,
        passed=passed,
        failed=failed,
        referred=referred,
        undecided=count - passed - failed - referred,
        defects=defect_count,
        first_m=first_m,
        last_m=last_m,
        last_number=last_number,
        last_at=last_at,
    )


def _of_roll(lot: str, roll: str, *columns: Any) -> Select[Any]:
    """Select from the inspections of a roll with the current conclusion of each."""
    return (
        select(*columns)
        .select_from(AcquisitionRow)
        .outerjoin(ConclusionRow, ConclusionRow.sequence == _newest_conclusion())
        .where(AcquisitionRow.lot == lot, AcquisitionRow.roll == roll)
    )


def _defects() -> ScalarSelect[Any]:
    """Count the defects of a conclusion."""
    return (
        select(func.count())
        .select_from(DefectRow)
        .where(DefectRow.conclusion_sequence == ConclusionRow.sequence)
        .correlate(ConclusionRow)
        .scalar_subquery()
    )


def _newest_conclusion() -> ScalarSelect[Any]:
    return (
        select(func.max(ConclusionRow.sequence))
        .where(ConclusionRow.acquisition_number == AcquisitionRow.number)
        .correlate(AcquisitionRow)
        .scalar_subquery()
    )


def _marks(session: Session, lot: str, roll: str) -> tuple[DefectMark, ...]:
    columns = (AcquisitionRow.number, AcquisitionRow.position_m, AcquisitionRow.um_per_pixel, DefectRow)
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


def _points(session: Session, lot: str, roll: str, marks: Sequence[DefectMark]) -> tuple[PointsLine, ...]:
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


def _order_of_roll(session: Session, lot: str, roll: str) -> RollOrder | None:
    row = session.scalar(select(RollOrderRow).where(RollOrderRow.lot == lot, RollOrderRow.roll == roll))
    return None if row is None else _order(row)


def _order(row: RollOrderRow) -> RollOrder:
    return RollOrder(row.order_id, row.lot, row.roll, row.label_text, row.ordered_by, row.ordered_at)


def _checks(*columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(CheckValueRow)
        .join(CheckRunRow, CheckRunRow.scan_sequence == CheckValueRow.scan_sequence)
        .join(CalibrationScanRow, CalibrationScanRow.sequence == CheckRunRow.scan_sequence)
        .join(InstrumentRow, InstrumentRow.id == CalibrationScanRow.instrument_id)
    )


def _chart(session: Session, which: Sequence[Any], limit: int) -> ControlChart:
    serial, kind, standard_id, position_nm = which
    values = (
        CalibrationScanRow.taken_at,
        CheckValueRow.measured,
        CheckValueRow.certified,
        CheckValueRow.rule,
    )
    query = (
        _checks(*values)
        .where(
            InstrumentRow.serial == serial,
            CheckRunRow.kind == kind,
            CheckRunRow.standard_id == standard_id,
            CheckValueRow.position_nm == position_nm,
        )
        .order_by(CheckRunRow.scan_sequence.desc())
        .limit(limit)
    )
    newest = [
        ChartValue(at, None if measured is None else measured - certified, rule)
        for at, measured, certified, rule in session.execute(query)
    ]
    return ControlChart(serial, CheckKind(kind), standard_id, position_nm, tuple(reversed(newest)))


def _alarm(row: RowMapping) -> AlarmLine:
    """Return an alarm of the view, whose times are text on SQLite."""
    return AlarmLine(
        code=row["code"],
        subject=row["subject"],
        message=row["message"],
        state=row["state"],
        raised_at=_moment(row["raised_at"]),
        acknowledged_at=_moment_or_none(row["acknowledged_at"]),
        acknowledged_by=row["acknowledged_by"],
        acknowledged_why=row["acknowledged_why"],
        escalated_at=_moment_or_none(row["escalated_at"]),
        cleared_at=_moment_or_none(row["cleared_at"]),
    )


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else utc_moment(value)


def _moment_or_none(value: Any) -> datetime | None:
    return None if value is None else _moment(value)
