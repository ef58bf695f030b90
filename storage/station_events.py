"""What happens to the station itself: alarms that come and go, states of its instruments, quarantine."""

from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from storage.alarm_rows import add_alarm
from storage.journal import EntryName, quarantine_reason
from storage.tables import QuarantineRow, StationEventRow

QUARANTINE_ALARM = "acquisition_quarantined"


def add_event(session: Session, code: str, subject: str, message: str, at: datetime) -> None:
    """Add something that happened and is over: no alarm, so it is never active."""
    session.add(StationEventRow(happened_at=at, code=code, subject=subject, active=False, message=message))


def add_quarantine_row(session: Session, path: Path, at: datetime) -> None:
    """Add the row of a file in quarantine, and an alarm."""
    name, reason = EntryName.of(path), quarantine_reason(path)
    session.add(
        QuarantineRow(
            number=name.number,
            acquisition_id=name.acquisition_id,
            file_name=path.name,
            reason=reason,
            quarantined_at=at,
        )
    )
    add_alarm(session, QUARANTINE_ALARM, str(name.number), f"{path.name}: {reason}", at)
