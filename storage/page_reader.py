"""Reads the history for the operators' page, over a connection that cannot write."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, case, func, or_, select, text
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from qc_daemon.domain.calibration import CheckKind
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.inspection import Acquisition, Conclusion
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.page import (
    UNDECIDED,
    AlarmLine,
    AuditLine,
    ChartValue,
    ControlChart,
    InspectionFilter,
    InspectionLine,
    InspectionSheet,
    ReferenceLine,
    RollLine,
    RollSheet,
    ShareLine,
    StoredReport,
)
from qc_daemon.domain.people import ApiToken, Person, Role, RollOrder, Signature, SignatureMeaning
from storage.conclusion_rows import verdict_of
from storage.correction_tables import IdentityRow
from storage.corrections import specimen_of
from storage.inspection_reader import SqlInspectionReader
from storage.ledger_tables import LedgerRow
from storage.outbox_tables import OutboxPositionRow, OutboxRow
from storage.page_lists import newest_conclusion, one_roll, page_of_inspections, page_of_rolls
from storage.page_rolls import (
    count_of_defects,
    field_width_mm,
    marks_of,
    points_of,
    roll_lines,
)
from storage.people import SqlPeopleReader
from storage.people_tables import ApiTokenRow, RollOrderRow, SignatureRow
from storage.roll_orders import order_of, order_of_roll
from storage.tables import (
    AcquisitionRow,
    CalibrationScanRow,
    CheckRunRow,
    CheckValueRow,
    ConclusionRow,
    InstrumentRow,
    ReportRow,
    WhiteReferenceRow,
)
from storage.timestamps import utc_moment
from storage.uncleaned_rows import uncleaned_of

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
        """Return the inspections that come after `before` in the list, newest first."""
        with self._reader.reading() as session:
            return _lines_of(session, page_of_inspections(session, which, before, limit))

    def inspections_after(self, after: int, limit: int) -> tuple[InspectionLine, ...]:
        """Return inspections with greater numbers, oldest first."""
        query = _lines().where(AcquisitionRow.number > after).order_by(AcquisitionRow.number).limit(limit)
        with self._reader.reading() as session:
            return tuple(_line(found) for found in session.execute(query))

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
                shares=_shares(specimen_of(session, row).label, current),
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
        with self._reader.reading() as session:
            return roll_lines(session, page_of_rolls(before, limit))

    def roll(self, lot: str, roll: str) -> RollSheet:
        """Return one roll; raises InputError if nothing of it was inspected."""
        with self._reader.reading() as session:
            which = InspectionFilter(lot, roll)
            numbers = page_of_inspections(session, which, None, _MAP_INSPECTIONS) if lot or roll else ()
            if not numbers:
                raise InputError(f"nothing of roll {roll} of lot {lot} was inspected")
            lines = _lines_of(session, numbers)
            marks = marks_of(session, lot, roll)
            (line,) = roll_lines(session, one_roll(lot, roll))
            return RollSheet(
                line=line,
                inspections=tuple(sorted(lines, key=lambda line: (line.position_m, line.number))),
                marks=marks,
                points=points_of(session, lot, roll, marks),
                field_mm=field_width_mm(session, lot, roll),
                order=order_of_roll(session, lot, roll),
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
            return tuple((row.sequence, order_of(row)) for row in session.scalars(query))

    def waiting_messages(self) -> Mapping[str, int]:
        """Return how many messages wait in the outbox, by destination."""
        waiting = (
            select(func.count())
            .select_from(OutboxRow)
            .where(OutboxRow.sequence > OutboxPositionRow.sequence)
            .correlate(OutboxPositionRow)
            .scalar_subquery()
        )
        with self._reader.reading() as session:
            rows = session.execute(select(OutboxPositionRow.destination, waiting))
            return {destination: count or 0 for destination, count in rows}

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

    def _alarms(self, condition: str, limit: int) -> tuple[AlarmLine, ...]:
        query = text(f"SELECT * FROM v_alarms {condition} ORDER BY raised_at DESC LIMIT :limit")  # noqa: S608
        with self._reader.reading() as session:
            return tuple(_alarm(row) for row in session.execute(query, {"limit": limit}).mappings())


def _lines_of(session: Session, numbers: Sequence[int]) -> tuple[InspectionLine, ...]:
    """Return lines in the order of their numbers."""
    found = {row.number: row for row in session.execute(_lines().where(AcquisitionRow.number.in_(numbers)))}
    return tuple(_line(found[number]) for number in numbers)


def _lines() -> Select[*tuple[Any, ...]]:
    """Select the columns of lines, as the inspections are called now, with their current conclusions."""
    return (
        select(
            AcquisitionRow.number,
            AcquisitionRow.id,
            IdentityRow.specimen,
            IdentityRow.lot,
            IdentityRow.roll,
            IdentityRow.position_m,
            func.coalesce(IdentityRow.label_text, "").label("label"),
            AcquisitionRow.accepted_at,
            func.coalesce(ConclusionRow.outcome, UNDECIDED).label("verdict"),
            ConclusionRow.main_fibre,
            ConclusionRow.filled_percent,
            case((ConclusionRow.sequence.is_not(None), count_of_defects())).label("defects"),
            ConclusionRow.id.label("conclusion_id"),
        )
        .join(IdentityRow, IdentityRow.acquisition_number == AcquisitionRow.number)
        .outerjoin(ConclusionRow, ConclusionRow.sequence == newest_conclusion(AcquisitionRow.number))
    )


def _line(found: Any) -> InspectionLine:
    return InspectionLine(**found._mapping)


def _shares(label: DeclaredLabel | None, current: ConclusionRow | None) -> tuple[ShareLine, ...]:
    declared = {part.fibre: part.percent for part in label.fibres} if label else {}
    uncleaned = {part.fibre: part.percent for part in uncleaned_of(current)} if current else {}
    return tuple(
        ShareLine(
            fibre=share.fibre,
            percent=share.percent,
            lo=share.lo_percent,
            hi=share.hi_percent,
            declared_percent=declared.get(share.fibre, 0.0) if declared else None,
            uncleaned_percent=uncleaned.get(share.fibre),
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
