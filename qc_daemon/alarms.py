"""The alarms of a running station: on the board at once, in the history as soon as the database answers."""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import structlog

from qc_daemon.domain.alarms import (
    Alarm,
    AlarmEvent,
    AlarmState,
    alarm_word,
    kind_of,
    next_state,
)
from qc_daemon.domain.errors import InputError, StoreUnavailable
from qc_daemon.domain.ports import AlarmStore, Clock
from qc_daemon.status import StatusBoard

log = structlog.get_logger()

# Changes that wait while the database is away.
_LONGEST_QUEUE = 1000


class Alarms:
    """Follows each alarm through its states. The line, the calendar, messages and the page share it.

    Args:
        board: the published status.
        store: the history.
        clock: tells when.
    """

    def __init__(self, board: StatusBoard, store: AlarmStore, clock: Clock) -> None:
        self._board = board
        self._store = store
        self._clock = clock
        self._active: dict[tuple[str, str], Alarm] = {}
        self._raised_s: dict[tuple[str, str], float] = {}
        self._unstored: deque[Callable[[], None]] = deque(maxlen=_LONGEST_QUEUE)
        self._lock = threading.RLock()

    @property
    def active(self) -> tuple[Alarm, ...]:
        """The alarms that are not cleared, oldest first."""
        with self._lock:
            return tuple(self._active.values())

    @property
    def word(self) -> int:
        """The alarms as one word for a PLC."""
        return alarm_word(self.active)

    def raise_alarm(self, code: str, message: str, subject: str = "") -> None:
        """Raise an alarm; one that is active already stays as it is, and as its first message says."""
        with self._lock:
            if (code, subject) in self._active:
                return
            at = self._clock.now()
            self._active[code, subject] = Alarm(code, subject, message, at)
            self._raised_s[code, subject] = self._clock.monotonic_s()
            log.warning("alarm raised", code=code, subject=subject, message=message)
            self._publish()
            self._store_soon(lambda: self._store.raise_alarm(code, subject, message, at))

    def clear(self, code: str, subject: str = "") -> None:
        """Clear an alarm, if it is active."""
        with self._lock:
            alarm = self._active.pop((code, subject), None)
            if alarm is None:
                return
            next_state(alarm.state, AlarmEvent.CLEAR)
            at = self._clock.now()
            log.info("alarm cleared", code=code, subject=subject)
            self._publish()
            self._store_soon(lambda: self._store.clear_alarm(code, subject, at))

    def acknowledge_alarm(self, code: str, subject: str, who: str, why: str) -> str:
        """Let a person take an alarm on; return "", or who was first, when and why.

        Raises:
            InputError: it is not active, or a name or a reason is missing.
        """
        with self._lock:
            alarm = self._require(code, subject, who, why)
            if alarm.state is AlarmState.ACKNOWLEDGED:
                return alarm.taken_by
            at = self._clock.now()
            state = next_state(alarm.state, AlarmEvent.ACKNOWLEDGE)
            self._active[code, subject] = replace(
                alarm, state=state, acknowledged_by=who, acknowledged_why=why, acknowledged_at=at
            )
            log.info("alarm acknowledged", code=code, subject=subject, who=who, why=why)
            self._publish()
            self._store_soon(lambda: self._store.acknowledge_alarm(code, subject, who, why, at))
            if kind_of(code).ends_with_acknowledgement:
                self.clear(code, subject)
            return ""

    def escalate_alarm(self, code: str, subject: str, who: str, why: str) -> None:
        """Call for more help than one person.

        Raises:
            InputError: it is not active, or somebody took it on, or a name or a reason is missing.
        """
        with self._lock:
            alarm = self._require(code, subject, who, why)
            if alarm.state is AlarmState.ACKNOWLEDGED:
                raise InputError(f"alarm {alarm.text}: expected one that nobody took on; {alarm.taken_by}")
            if alarm.state is AlarmState.RAISED:
                self._escalate(alarm, who, why)

    def escalate_due(self) -> None:
        """Escalate what nobody took on in time."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            for key, alarm in tuple(self._active.items()):
                limit_min = kind_of(alarm.code).escalate_after_min
                due = limit_min is not None and now_s - self._raised_s[key] >= 60.0 * limit_min
                if due and alarm.state is AlarmState.RAISED:
                    self._escalate(alarm, "station", f"nobody took it on within {limit_min:g} min")

    def take_over(self) -> None:
        """Clear what an earlier run left, and go on with what outlives a run."""
        with self._lock, suppress(StoreUnavailable):
            for alarm in self._store.active_alarms():
                if kind_of(alarm.code).outlives_a_run:
                    self._active.setdefault((alarm.code, alarm.subject), alarm)
                    self._raised_s[alarm.code, alarm.subject] = self._since(alarm)
                elif (alarm.code, alarm.subject) not in self._active:
                    self._store.clear_alarm(alarm.code, alarm.subject, self._clock.now())
            self._publish()

    def store_late(self) -> None:
        """Bring what happened while the database was away into the history."""
        with self._lock, suppress(StoreUnavailable):
            while self._unstored:
                self._unstored[0]()
                self._unstored.popleft()

    def _require(self, code: str, subject: str, who: str, why: str) -> Alarm:
        about = f"alarm {code} {subject}".strip()
        if not who.strip() or not why.strip():
            raise InputError(f"{about}: expected a name and a reason")
        alarm = self._active.get((code, subject))
        if alarm is None:
            raise InputError(f"{about}: is not active")
        return alarm

    def _escalate(self, alarm: Alarm, who: str, why: str) -> None:
        at = self._clock.now()
        state = next_state(alarm.state, AlarmEvent.ESCALATE)
        self._active[alarm.code, alarm.subject] = replace(alarm, state=state, escalated_at=at)
        log.error("alarm escalated", code=alarm.code, subject=alarm.subject, message=alarm.message)
        self._publish()
        self._store_soon(lambda: self._store.escalate_alarm(alarm.code, alarm.subject, who, why, at))

    def _since(self, alarm: Alarm) -> float:
        return (
            self._clock.monotonic_s() - max(self._clock.now() - alarm.raised_at, timedelta()).total_seconds()
        )

    def _store_soon(self, change: Callable[[], None]) -> None:
        self._unstored.append(change)
        self.store_late()

    def _publish(self) -> None:
        self._board.show_alarms(tuple(self._active.values()))
