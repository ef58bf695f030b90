"""Follows each instrument through its states, and tells status, log and history of them."""

from collections import deque
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import structlog

from qc_daemon.domain.errors import StoreUnavailable
from qc_daemon.domain.ports import Clock
from qc_daemon.domain.supervision import PASSING, InstrumentEvent, InstrumentState, next_state
from qc_daemon.status import StatusBoard

log = structlog.get_logger()

# Events that wait while the database is away; more than a long night of a loose plug makes.
_LONGEST_QUEUE = 1000


class EventStore(Protocol):
    """Where the history of the station is kept."""

    def add_event(self, code: str, subject: str, message: str, at: datetime) -> None:
        """Record that something happened."""
        ...


class Supervisor:
    """One instrument's state.

    `since` is kept through connecting and measuring: an instrument that is sought every few seconds has
    been lost since it was lost, and one that measures has been ready since it was ready.

    Args:
        name: "spectrometer" or "camera".
        board: the published status.
        store: the history.
        clock: tells when.
    """

    def __init__(self, name: str, board: StatusBoard, store: EventStore, clock: Clock) -> None:
        self._name = name
        self._board = board
        self._store = store
        self._clock = clock
        self._state = InstrumentState.ABSENT
        self._serial = ""
        self._settled: InstrumentState | None = None
        self._since = clock.now()
        self._unstored: deque[tuple[str, str, datetime]] = deque(maxlen=_LONGEST_QUEUE)

    @property
    def state(self) -> InstrumentState:
        """What the instrument is doing."""
        return self._state

    @property
    def serial(self) -> str:
        """Serial number of the unit that was opened last; empty if none was."""
        return self._serial

    def opened(self, serial: str) -> bool:
        """Note that the instrument answered; tell whether it is another unit than before."""
        before, self._serial = self._serial, serial
        self.apply(InstrumentEvent.OPENED)
        is_other = before not in ("", serial)
        if is_other:
            self._record("instrument_changed", f"serial {serial} is connected, before it was {before}")
        return is_other

    def failed(self, why: str) -> None:
        """Note that the instrument cannot be reached, or failed."""
        never_found = self._state is InstrumentState.CONNECTING and not self._serial
        self.apply(InstrumentEvent.NOT_FOUND if never_found else InstrumentEvent.LOST, why)

    def apply(self, event: InstrumentEvent, why: str = "") -> None:
        """Pass to the next state; publish it, and record it if it is one that lasts."""
        before, self._state = self._state, next_state(self._state, event)
        if self._state is before:
            return
        if self._state not in PASSING and self._state is not self._settled:
            self._settled, self._since = self._state, self._clock.now()
            self._tell(why)
        else:
            self._publish()

    def store_late(self) -> None:
        """Bring what happened while the database was away into the history."""
        with suppress(StoreUnavailable):
            while self._unstored:
                code, message, at = self._unstored[0]
                self._store.add_event(code, self._name, message, at)
                self._unstored.popleft()

    def _tell(self, why: str) -> None:
        log.info("instrument", name=self._name, state=self._state.value, serial=self._serial, why=why)
        about = f"serial {self._serial}" if self._serial else "no serial number yet"
        self._record(f"instrument_{self._state.value}", f"{about}: {why}" if why else about)
        self._publish()

    def _record(self, code: str, message: str) -> None:
        self._unstored.append((code, message, self._clock.now()))
        self.store_late()

    def _publish(self) -> None:
        since = self._clock.now() if self._state in PASSING else self._since
        self._board.instrument(self._name, self._state.value, since.isoformat(), self._serial)
