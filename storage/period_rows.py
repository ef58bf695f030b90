"""The records of reports on lots and days, read from the tables; and that such a report was written."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import ColumnElement, Row, func, select, text, true
from sqlalchemy.orm import Session, selectinload

from qc_daemon.domain.composition import Evidence
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.inspection import ReportFile
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.period_records import (
    AlarmOfDay,
    CheckPoint,
    CheckSeries,
    DayInspection,
    DayRecord,
    DefectCount,
    LotInspection,
    LotRecord,
    StateChange,
)
from qc_daemon.domain.sampling import InspectionFigures
from qc_daemon.domain.verdict import Outcome, judged_shares
from storage.acquisition_rows import identity_of
from storage.conclusion_grounds import labels_judged
from storage.conclusion_rows import composition_of, tolerance_of, verdict_of
from storage.correction_tables import IdentityRow
from storage.ledger import head
from storage.report_tables import PeriodReportRow
from storage.tables import (
    AcquisitionRow,
    CalibrationScanRow,
    CheckRunRow,
    CheckValueRow,
    ConclusionRow,
    DefectRow,
    InstrumentRow,
    StationEventRow,
    WhiteReferenceRow,
)
from storage.timestamps import utc_moment, utc_text

_STATE_PREFIX = "instrument_"
_UNINFERRED_COVERAGE = 0.9
# Shares are judged without what the model looked at, which would have to be read from a file each.
_NO_EVIDENCE = Evidence(
    np.zeros((0, 0), np.float32), np.zeros((0, 0), np.bool_), np.zeros(1), np.zeros(0, np.float32)
)


def lot_record(session: Session, lot: str, roll: str | None = None) -> LotRecord:
    """Return what is known of a lot, or of one of its rolls.

    Raises:
        InputError: nothing of it was inspected.
    """
    which = (IdentityRow.lot == lot, IdentityRow.roll == roll if roll is not None else true())
    rows = _inspections_of(session, *which)
    if not rows:
        raise InputError(f'lot "{lot}": nothing of it was inspected; expected a lot of this station')
    current = [(called, row.conclusions[-1]) for row, called in rows if row.conclusions]
    newest = max((one for _, one in current), key=lambda one: one.sequence, default=None)
    judged = (
        select(ConclusionRow.sequence)
        .join(IdentityRow, IdentityRow.acquisition_number == ConclusionRow.acquisition_number)
        .where(*which)
    )
    labels = labels_judged(session, (one for _, one in current), judged)
    bases = dict.fromkeys(one.basis for _, one in current if one.basis)
    return LotRecord(
        lot=lot,
        rule=tolerance_of(newest) if newest else None,
        basis=next(iter(bases), ""),
        inspections=tuple(_lot_inspection(called, one, labels[one.sequence]) for called, one in current),
        undecided=tuple(row.number for row, _ in rows if not row.conclusions),
        ledger=head(session.connection()),
    )


def day_record(session: Session, day: date) -> DayRecord:
    """Return what happened on a UTC day."""
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    return DayRecord(
        day=day,
        inspections=tuple(_day_inspections(session, start, end)),
        defects=tuple(_defect_counts(session, start, end)),
        changes=tuple(_state_changes(session, start, end)),
        series=tuple(_check_series(session, end)),
        alarms=tuple(_alarms(session, start, end)),
        references=session.scalar(
            select(func.count()).where(WhiteReferenceRow.taken_at >= start, WhiteReferenceRow.taken_at < end)
        )
        or 0,
        ledger=head(session.connection()),
    )


def add_period_report(
    session: Session, kind: str, subject: str, folder: Path, report: ReportFile, at: datetime
) -> None:
    """Record a report of a lot or a day that lies in the station `folder`. Twice is once."""
    path = str(Path(report.path).resolve().relative_to(folder.resolve()))
    known = select(PeriodReportRow.sequence).where(
        PeriodReportRow.path == path, PeriodReportRow.sha256 == report.sha256
    )
    if session.scalar(known) is None:
        session.add(
            PeriodReportRow(
                kind=kind,
                subject=subject,
                path=path,
                language=report.language,
                sha256=report.sha256,
                recorded_at=at,
            )
        )


def period_report_recorded_at(session: Session, sha256: str) -> datetime | None:
    """Return when the report of a lot or a day with that SHA-256 was recorded first; None if it never was."""
    query = select(func.min(PeriodReportRow.recorded_at)).where(PeriodReportRow.sha256 == sha256)
    return session.scalar(query)


def _inspections_of(
    session: Session, *which: ColumnElement[bool]
) -> Sequence[Row[AcquisitionRow, IdentityRow]]:
    """Return acquisitions and what they are called, with all that a lot's record needs, in a few queries."""
    conclusions = selectinload(AcquisitionRow.conclusions)
    query = (
        select(AcquisitionRow, IdentityRow)
        .join(IdentityRow, IdentityRow.acquisition_number == AcquisitionRow.number)
        .where(*which)
        .order_by(AcquisitionRow.number)
        .options(
            conclusions.selectinload(ConclusionRow.shares),
            conclusions.selectinload(ConclusionRow.reasons),
            selectinload(AcquisitionRow.declared_fibres),
        )
    )
    return session.execute(query).all()


def _lot_inspection(
    called: IdentityRow, current: ConclusionRow, label: DeclaredLabel | None
) -> LotInspection:
    row, rule = current.acquisition, tolerance_of(current)
    inferred = current.evidence_sha256 is not None
    shares = judged_shares(composition_of(current, _NO_EVIDENCE), label, rule) if inferred else ()
    return LotInspection(
        number=row.number,
        accepted_at=row.accepted_at,
        simulated=identity_of(row.spectrometer).simulated,
        figures=InspectionFigures(
            specimen=called.specimen,
            roll=called.roll,
            position_m=called.position_m,
            label=label,
            shares=shares,
            coverage=current.interval_coverage or _UNINFERRED_COVERAGE,
            verdict=verdict_of(current),
        ),
    )


def _day_inspections(session: Session, start: datetime, end: datetime) -> Iterator[DayInspection]:
    query = (
        select(AcquisitionRow, IdentityRow.lot)
        .join(IdentityRow, IdentityRow.acquisition_number == AcquisitionRow.number)
        .where(AcquisitionRow.accepted_at >= start, AcquisitionRow.accepted_at < end)
        .order_by(AcquisitionRow.number)
        .options(selectinload(AcquisitionRow.conclusions))
    )
    for row, lot in session.execute(query):
        yield DayInspection(
            row.number,
            lot,
            row.accepted_at,
            Outcome(row.conclusions[-1].outcome) if row.conclusions else None,
            identity_of(row.spectrometer).simulated,
        )


def _defect_counts(session: Session, start: datetime, end: datetime) -> Iterator[DefectCount]:
    newest = (
        select(func.max(ConclusionRow.sequence))
        .join(ConclusionRow.acquisition)
        .where(AcquisitionRow.accepted_at >= start, AcquisitionRow.accepted_at < end)
        .group_by(ConclusionRow.acquisition_number)
    )
    query = (
        select(
            DefectRow.kind,
            DefectRow.severity,
            func.count(),
            func.count(DefectRow.conclusion_sequence.distinct()),
        )
        .where(DefectRow.conclusion_sequence.in_(newest))
        .group_by(DefectRow.kind, DefectRow.severity)
        .order_by(func.count().desc(), DefectRow.kind, DefectRow.severity)
    )
    for kind, severity, defects, inspections in session.execute(query):
        yield DefectCount(kind, severity, defects, inspections)


def _state_changes(session: Session, start: datetime, end: datetime) -> Iterator[StateChange]:
    is_state = StationEventRow.code.startswith(_STATE_PREFIX)
    before = (
        select(func.max(StationEventRow.sequence))
        .where(is_state, StationEventRow.happened_at < start)
        .group_by(StationEventRow.subject)
    )
    on_the_day = select(StationEventRow.sequence).where(
        is_state, StationEventRow.happened_at >= start, StationEventRow.happened_at < end
    )
    query = (
        select(StationEventRow)
        .where(StationEventRow.sequence.in_(before) | StationEventRow.sequence.in_(on_the_day))
        .order_by(StationEventRow.happened_at, StationEventRow.sequence)
    )
    for row in session.scalars(query):
        yield StateChange(row.subject, row.code.removeprefix(_STATE_PREFIX), row.happened_at)


def _check_series(session: Session, end: datetime) -> Iterator[CheckSeries]:
    query = (
        select(
            InstrumentRow.serial, CheckRunRow.kind, CheckRunRow.standard_id, CheckValueRow.position_nm,
            CalibrationScanRow.taken_at, CheckValueRow.measured, CheckValueRow.certified, CheckValueRow.rule,
        )
        .select_from(CheckValueRow)
        .join(CheckRunRow, CheckRunRow.scan_sequence == CheckValueRow.scan_sequence)
        .join(CheckRunRow.scan)
        .join(CalibrationScanRow.instrument)
        .where(CalibrationScanRow.taken_at < end)
        .order_by(
            InstrumentRow.serial, CheckRunRow.kind, CheckRunRow.standard_id, CheckValueRow.position_nm,
            CheckRunRow.scan_sequence,
        )
    )  # fmt: skip
    found: dict[tuple[str, str, str, float], list[CheckPoint]] = {}
    for serial, kind, standard, position, at, measured, certified, rule in session.execute(query):
        points = found.setdefault((serial, kind, standard, position), [])
        if measured is not None:  # a peak that was not found has no place on a chart
            points.append(CheckPoint(at, measured - certified, rule))
    for (serial, kind, standard, position), points in found.items():
        yield CheckSeries(serial, kind, standard, position, tuple(points))


def _alarms(session: Session, start: datetime, end: datetime) -> Iterator[AlarmOfDay]:
    query = text(
        "SELECT code, subject, message, raised_at, cleared_at FROM v_alarms"
        " WHERE raised_at >= :start AND raised_at < :end ORDER BY raised_at"
    )
    between = {"start": utc_text(start), "end": utc_text(end)}
    for code, subject, message, raised_at, cleared_at in session.execute(query, between):
        gone = utc_moment(cleared_at) if cleared_at else None
        yield AlarmOfDay(code, subject, message, utc_moment(raised_at), gone)
