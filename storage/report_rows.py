"""That a certificate was written for a conclusion, as a row."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from qc_daemon.domain.inspection import ReportFile
from storage.covered_rows import add_covered
from storage.tables import ConclusionRow, ReportRow

_OTHER = aliased(ConclusionRow)
_NEWEST = (
    select(func.max(_OTHER.sequence))
    .where(_OTHER.acquisition_number == ConclusionRow.acquisition_number)
    .correlate(ConclusionRow)
    .scalar_subquery()
)
_REPORTED = select(
    ConclusionRow.sequence,
    ConclusionRow.acquisition_number,
    (ConclusionRow.sequence == _NEWEST).label("is_current"),
    select(ReportRow.sequence)
    .where(
        ReportRow.conclusion_sequence == ConclusionRow.sequence,
        ReportRow.path == bindparam("path"),
        ReportRow.sha256 == bindparam("sha256"),
    )
    .correlate(ConclusionRow)
    .exists()
    .label("is_recorded"),
).where(ConclusionRow.id == bindparam("conclusion"))


def reported_conclusion(
    session: Session, conclusion_id: str, path: str, sha256: str
) -> Row[*tuple[Any, ...]] | None:
    """Return what a report has to do with its conclusion; None if there is none of that id.

    Beside sequence and acquisition: `is_current`, whether it is the newest of its acquisition, and
    `is_recorded`, whether it has a report of that path and hash already.
    """
    wanted = {"conclusion": conclusion_id, "path": path, "sha256": sha256}
    return session.connection().execute(_REPORTED, wanted).one_or_none()


def add_report_row(session: Session, conclusion_sequence: int, report: ReportFile, at: datetime) -> None:
    """Add the row of a report; its path is relative to the station folder if it lies inside."""
    values = {
        "conclusion_sequence": conclusion_sequence,
        "path": report.path,
        "language": report.language,
        "sha256": report.sha256,
        "recorded_at": at,
    }
    add_covered(session, ReportRow, values, {})
