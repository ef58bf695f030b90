"""What happens to the station itself: alarms that come and go, states of its instruments, quarantine."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.journal import EntryName, quarantine_reason
from storage.tables import QuarantineRow, StationEventRow

QUARANTINE_ALARM = "acquisition_quarantined"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that wants a person: what (`code`), about what, and since when."""

    code: str
    subject: str
    message: str
    raised_at: datetime


def raise_alarm(session: Session, code: str, subject: str, message: str, at: datetime) -> None:
    """Add the event that an alarm came, unless it is active already."""
    if not _is_active(session, code, subject):
        session.add(StationEventRow(happened_at=at, code=code, subject=subject, active=True, message=message))


def clear_alarm(session: Session, code: str, subject: str, at: datetime) -> None:
    """Add the event that an alarm went, if it is active."""
    if _is_active(session, code, subject):
        session.add(StationEventRow(happened_at=at, code=code, subject=subject, active=False, message=""))


def add_event(session: Session, code: str, subject: str, message: str, at: datetime) -> None:
    """Add something that happened and is over: no alarm, so it is never active."""
    session.add(StationEventRow(happened_at=at, code=code, subject=subject, active=False, message=message))


def active_alarms(session: Session) -> tuple[Alarm, ...]:
    """Return the alarms that came and did not go yet, oldest first."""
    newest = select(func.max(StationEventRow.sequence)).group_by(
        StationEventRow.code, StationEventRow.subject
    )
    active = (
        select(StationEventRow)
        .where(StationEventRow.sequence.in_(newest), StationEventRow.active)
        .order_by(StationEventRow.sequence)
    )
    return tuple(
        Alarm(event.code, event.subject, event.message, event.happened_at)
        for event in session.scalars(active)
    )


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
    raise_alarm(session, QUARANTINE_ALARM, str(name.number), f"{path.name}: {reason}", at)


def _is_active(session: Session, code: str, subject: str) -> bool:
    newest = (
        select(StationEventRow.active)
        .where(StationEventRow.code == code, StationEventRow.subject == subject)
        .order_by(StationEventRow.sequence.desc())
        .limit(1)
    )
    return bool(session.scalar(newest))
