"""Which report a file is, by the hash of its bytes."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.ledger_tables import LedgerRow
from storage.report_tables import PeriodReportRow
from storage.tables import ConclusionRow, ReportRow


@dataclass(frozen=True, slots=True)
class RecordedReport:
    """A report as it was recorded when it was written.

    Attributes:
        kind: "certificate", "lot" or "day".
        subject: station number of the inspection, the lot, or the day as ISO-8601 date.
        conclusion_id: conclusion that a certificate is about; empty for other reports.
        path: where it was written, inside the station folder.
        entry: number of its entry in the ledger; None for one that did not come through the station.
    """

    kind: str
    subject: str
    conclusion_id: str
    path: str
    language: str
    recorded_at: datetime
    entry: int | None


def find_report(session: Session, sha256: str) -> RecordedReport | None:
    """Return what is recorded of the report with that hash, the newest if it is several; None if nothing."""
    certificates = select(ReportRow, ConclusionRow).join(
        ConclusionRow, ConclusionRow.sequence == ReportRow.conclusion_sequence
    )
    newest = certificates.where(ReportRow.sha256 == sha256).order_by(ReportRow.sequence.desc()).limit(1)
    found = session.execute(newest).one_or_none()
    if found is not None:
        report, conclusion = found
        number, entry = str(conclusion.acquisition_number), _entry_of(session, report)
        return RecordedReport(
            "certificate", number, conclusion.id, report.path, report.language, report.recorded_at, entry
        )
    periods = select(PeriodReportRow).where(PeriodReportRow.sha256 == sha256)
    period = session.scalar(periods.order_by(PeriodReportRow.sequence.desc()).limit(1))
    if period is None:
        return None
    entry = _entry_of(session, period)
    return RecordedReport(
        period.kind, period.subject, "", period.path, period.language, period.recorded_at, entry
    )


def _entry_of(session: Session, row: ReportRow | PeriodReportRow) -> int | None:
    query = select(LedgerRow.sequence).where(
        LedgerRow.table_name == row.__tablename__, LedgerRow.row_key == row.sequence
    )
    return session.scalar(query.order_by(LedgerRow.sequence.desc()).limit(1))
