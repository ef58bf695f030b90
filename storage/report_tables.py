"""The table of the reports of lots and days; those of single conclusions are in `reports`."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables import Base

_STRICT = {"sqlite_strict": True}


class PeriodReportRow(Base):
    """A report about a lot or a UTC day; the newest of a path is the one on disk.

    `subject` is the lot, or the day as ISO-8601 date; `path` is inside the station folder.
    """

    __tablename__ = "period_reports"
    __table_args__ = (
        CheckConstraint("kind IN ('lot', 'day')", "kind"),
        UniqueConstraint("path", "sha256"),
        Index(None, "kind", "subject"),
        _STRICT,
    )

    sequence: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str]
    path: Mapped[str]
    language: Mapped[str]
    sha256: Mapped[str]
    recorded_at: Mapped[datetime]
