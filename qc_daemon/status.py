"""The health of a running station, published as one small file that `qc-daemon status` reads."""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from qc_daemon.domain.line import LineHealth
from qc_daemon.domain.ports import Clock

# The line loop beats at least this often; a heartbeat older than that means that it hangs or is dead.
STALE_AFTER_S = 90.0
_BEAT_S = 10.0


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
class StationStatus:
    """What is published; times are UTC ISO-8601 text."""

    state: str
    pid: int
    heartbeat_at: str
    instruments: dict[str, InstrumentStatus] = field(default_factory=dict)
    journal_pending: int = 0
    last_inspection: LastInspection | None = None
    line: LineHealth | None = None
    alarms: tuple[str, ...] = ()


class StatusBoard:
    """Keeps the status file of one station up to date."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._updated_s = clock.monotonic_s()
        self.status = StationStatus("starting", os.getpid(), clock.now().isoformat())

    def update(self, **changes: Any) -> None:
        """Change fields of the status, beat the heart, and publish."""
        self.status = replace(self.status, heartbeat_at=self._clock.now().isoformat(), **changes)
        partial = self._file.with_suffix(".tmp")
        partial.write_text(json.dumps(asdict(self.status), ensure_ascii=False), encoding="utf-8")
        partial.replace(self._file)  # a reader sees the old or the new text, never half of it
        self._updated_s = self._clock.monotonic_s()

    def beat(self) -> None:
        """Publish anew if nothing was published for ten seconds."""
        if self._clock.monotonic_s() - self._updated_s >= _BEAT_S:
            self.update()

    def instrument(self, name: str, state: str, since: str, serial: str) -> None:
        """Publish in which state an instrument is, and since when."""
        entry = InstrumentStatus(state, since, serial)
        if self.status.instruments.get(name) != entry:
            self.update(instruments={**self.status.instruments, name: entry})

    def raise_alarm(self, text: str) -> None:
        """Add an alarm; the same text is not added twice."""
        if text not in self.status.alarms:
            self.update(alarms=(*self.status.alarms, text))

    def clear_alarms(self, prefix: str) -> bool:
        """Remove the alarms that begin with `prefix`; tell whether there were any."""
        kept = tuple(text for text in self.status.alarms if not text.startswith(prefix))
        found = kept != self.status.alarms
        if found:
            self.update(alarms=kept)
        return found


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


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
