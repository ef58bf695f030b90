"""The health of a running station, published as one small file that `qc-daemon status` reads."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from qc_daemon.domain.alarms import Alarm, kind_of
from qc_daemon.domain.line import LineHealth
from qc_daemon.domain.ports import Clock
from qc_daemon.figures import Figures

# The line loop beats at least this often; a heartbeat older than that means that it hangs or is dead.
STALE_AFTER_S = 90.0
_PUBLISH_S = 5.0
_GATHER_S = 0.25  # changes that follow one another faster nobody could read


@dataclass(frozen=True, slots=True)
class InstrumentStatus:
    """State of one instrument (`qc_daemon.domain.supervision`), since when, and its serial number."""

    state: str
    since: str
    serial: str


@dataclass(frozen=True, slots=True)
class LastInspection:
    """The newest inspection of the station."""

    number: int
    specimen: str
    verdict: str
    at: str


@dataclass(frozen=True, slots=True)
class AlarmStatus:
    """An active alarm as programs want it; `alarms` has the same in one line each."""

    code: str
    subject: str
    message: str
    severity: str
    state: str
    raised_at: str
    acknowledged_by: str


@dataclass(frozen=True, slots=True)
class StationStatus:
    """What is published; times are UTC ISO-8601 text.

    Attributes:
        heartbeat_at: when the line loop last showed that it turns.
        late: the parts of the station whose heartbeats are overdue, each with the seconds since the last.
        processes: process ids of the station's parts.
        broker: the message broker: "connected", "away", or empty without one.
    """

    state: str
    pid: int
    heartbeat_at: str
    instruments: dict[str, InstrumentStatus] = field(default_factory=dict)
    journal_pending: int = 0
    last_inspection: LastInspection | None = None
    line: LineHealth | None = None
    alarms: tuple[str, ...] = ()
    alarm_details: tuple[AlarmStatus, ...] = ()
    late: dict[str, float] = field(default_factory=dict)
    processes: dict[str, int] = field(default_factory=dict)
    broker: str = ""
    figures: Figures = field(default_factory=Figures)


class StatusBoard:
    """Keeps the status file of one station up to date; any thread may write on it."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._lock = threading.RLock()
        self._published_s = self._beaten_s = clock.monotonic_s()
        self._gathering = self._owed = False
        self.status = StationStatus("starting", os.getpid(), clock.now().isoformat())

    def update(self, **changes: Any) -> None:
        """Change fields of the status and publish it."""
        with self._lock:
            self.status = replace(self.status, **changes)
            self._owed = True
            if not self._gathering or self._clock.monotonic_s() - self._published_s >= _GATHER_S:
                self._publish()

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Publish changes that follow one another within a moment as one, at the latest on leaving.

        An inspection passes through many states, and each file that is written costs it time.
        """
        self._gathering = True
        try:
            yield
        finally:
            with self._lock:
                self._gathering = False
                if self._owed:
                    self._publish()

    def count(self, change: Callable[[Figures], Figures]) -> None:
        """Change the figures; they are published with the next update."""
        with self._lock:
            self.status = replace(self.status, figures=change(self.status.figures))

    def beat(self) -> None:
        """Show that the line loop turns; published if nothing else was for a few seconds."""
        with self._lock:
            self._beaten_s = self._clock.monotonic_s()
            self.status = replace(self.status, heartbeat_at=self._clock.now().isoformat())
            if self._beaten_s - self._published_s >= _PUBLISH_S:
                self.update()

    @property
    def beat_age_s(self) -> float:
        """Seconds since the line loop last showed that it turns."""
        return self._clock.monotonic_s() - self._beaten_s

    def instrument(self, name: str, state: str, since: str, serial: str) -> None:
        """Publish in which state an instrument is, and since when."""
        with self._lock:
            entry = InstrumentStatus(state, since, serial)
            if self.status.instruments.get(name) != entry:
                self.update(instruments={**self.status.instruments, name: entry})

    def show_alarms(self, alarms: Sequence[Alarm]) -> None:
        """Publish the active alarms."""
        details = tuple(_published(alarm) for alarm in alarms)
        if details != self.status.alarm_details:
            self.update(alarms=tuple(alarm.text for alarm in alarms), alarm_details=details)

    def _publish(self) -> None:
        partial = self._file.with_suffix(".tmp")
        partial.write_text(json.dumps(asdict(self.status), ensure_ascii=False), encoding="utf-8")
        partial.replace(self._file)  # a reader sees the old or the new text, never half of it
        self._published_s = self._clock.monotonic_s()
        self._owed = False


def read_status(file: Path, now: datetime) -> dict[str, Any]:
    """Return the published status; state "stopped" or "hanging" if nobody keeps it fresh."""
    try:
        status: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return asdict(StationStatus("stopped", 0, ""))
    if not _is_running(int(status["pid"])):
        status["state"] = "stopped"
    elif (now - datetime.fromisoformat(status["heartbeat_at"])).total_seconds() > STALE_AFTER_S:
        status["state"] = "hanging"
    return status


def _published(alarm: Alarm) -> AlarmStatus:
    return AlarmStatus(
        alarm.code,
        alarm.subject,
        alarm.message,
        kind_of(alarm.code).severity.value,
        alarm.state.value,
        alarm.raised_at.isoformat(),
        alarm.acknowledged_by,
    )


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
