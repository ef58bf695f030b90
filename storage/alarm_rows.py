"""The history of alarms, as `qc_daemon.domain.ports.AlarmStore`.

An alarm is the event that raised it, what was done about it, and the event that cleared it.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qc_daemon.domain.alarms import Alarm, AlarmEvent, AlarmState, kind_of, next_state
from qc_daemon.domain.outbox import MessageKind
from storage.alarm_tables import AlarmTransitionRow
from storage.outbox import Transactions, add_message, as_json
from storage.tables import StationEventRow
from storage.timestamps import utc_text


class SqlAlarmStore:
    """Keeps the history of alarms in a station's database; every method may raise `StoreUnavailable`."""

    def __init__(self, store: Transactions) -> None:
        self._store = store

    def active_alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms that came and did not go yet, oldest first."""
        with self._store.reading() as session:
            return active_alarms(session)

    def raise_alarm(self, code: str, subject: str, message: str, at: datetime) -> None:
        """Record that an alarm came, unless it is active already."""
        with self._store.transaction() as session:
            add_alarm(session, code, subject, message, at)

    def acknowledge_alarm(self, code: str, subject: str, who: str, why: str, at: datetime) -> None:
        """Record who took an active alarm on; whoever comes second changes nothing."""
        with self._store.transaction() as session:
            _pass_on(session, code, subject, AlarmEvent.ACKNOWLEDGE, who, why, at)

    def escalate_alarm(self, code: str, subject: str, who: str, why: str, at: datetime) -> None:
        """Record that an active alarm needs more help than it got."""
        with self._store.transaction() as session:
            _pass_on(session, code, subject, AlarmEvent.ESCALATE, who, why, at)

    def clear_alarm(self, code: str, subject: str, at: datetime) -> None:
        """Record that an alarm went, if it is active."""
        with self._store.transaction() as session:
            raising = _raising(session, code, subject)
            if raising is not None:
                session.add(
                    StationEventRow(happened_at=at, code=code, subject=subject, active=False, message="")
                )
                _announce(session, raising, AlarmState.CLEARED, "", "", at)


def add_alarm(session: Session, code: str, subject: str, message: str, at: datetime) -> None:
    """Add the event that an alarm came, unless it is active already."""
    if _raising(session, code, subject) is None:
        row = StationEventRow(happened_at=at, code=code, subject=subject, active=True, message=message)
        session.add(row)
        session.flush()  # gives it its number
        _announce(session, row, AlarmState.RAISED, "", "", at)


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
    return tuple(_alarm(event, _transitions(session, event)) for event in session.scalars(active))


def _pass_on(
    session: Session, code: str, subject: str, event: AlarmEvent, who: str, why: str, at: datetime
) -> None:
    raising = _raising(session, code, subject)
    if raising is None:
        return
    state = _alarm(raising, _transitions(session, raising)).state
    try:
        following = next_state(state, event)
    except ValueError:
        return  # it was done before: a repetition of what an outage interrupted
    session.add(
        AlarmTransitionRow(
            raised_sequence=raising.sequence,
            state=following.value,
            code=code,
            who=who,
            why=why,
            happened_at=at,
        )
    )
    _announce(session, raising, following, who, why, at)


def _announce(
    session: Session, raising: StationEventRow, state: AlarmState, who: str, why: str, at: datetime
) -> None:
    """Have it sent that an alarm passed to another state."""
    message_id = f"alarm-{raising.sequence}-{state.value}"
    payload = {
        "id": message_id,
        "code": raising.code,
        "subject": raising.subject,
        "message": raising.message,
        "severity": kind_of(raising.code).severity.value,
        "state": state.value,
        "at": utc_text(at),
        "raised_at": utc_text(raising.happened_at),
        "who": who,
        "why": why,
    }
    add_message(session, MessageKind.ALARM, message_id, as_json(payload), at)


def _raising(session: Session, code: str, subject: str) -> StationEventRow | None:
    """Return the event that raised an alarm; None if it is not active."""
    query = select(StationEventRow).where(StationEventRow.code == code, StationEventRow.subject == subject)
    newest = session.scalar(query.order_by(StationEventRow.sequence.desc()).limit(1))
    return newest if newest is not None and newest.active else None


def _transitions(session: Session, raising: StationEventRow) -> list[AlarmTransitionRow]:
    query = select(AlarmTransitionRow).where(AlarmTransitionRow.raised_sequence == raising.sequence)
    return list(session.scalars(query.order_by(AlarmTransitionRow.sequence)))


def _alarm(raising: StationEventRow, transitions: Iterable[AlarmTransitionRow]) -> Alarm:
    by_state = {AlarmState(row.state): row for row in transitions}
    taken, escalated = by_state.get(AlarmState.ACKNOWLEDGED), by_state.get(AlarmState.ESCALATED)
    state = AlarmState.ACKNOWLEDGED if taken else AlarmState.ESCALATED if escalated else AlarmState.RAISED
    return Alarm(
        code=raising.code,
        subject=raising.subject,
        message=raising.message,
        raised_at=raising.happened_at,
        state=state,
        acknowledged_by=taken.who if taken else "",
        acknowledged_why=taken.why if taken else "",
        acknowledged_at=taken.happened_at if taken else None,
        escalated_at=escalated.happened_at if escalated else None,
    )
