"""For how much of a time an instrument was there to measure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from qc_daemon.domain.period_records import StateChange
from qc_daemon.domain.supervision import InstrumentState

# In these it measures results that may be used; warming up and waiting for a reference are not among them.
AVAILABLE = frozenset({InstrumentState.READY, InstrumentState.DEGRADED})


@dataclass(frozen=True, slots=True)
class Availability:
    """How long one instrument was to be used, of the time for which its state is on record.

    Attributes:
        lost: how often it went.
    """

    instrument: str
    available_s: float
    recorded_s: float
    lost: int

    @property
    def share(self) -> float | None:
        """Share of the recorded time, 0..1; None if nothing was recorded."""
        return self.available_s / self.recorded_s if self.recorded_s > 0.0 else None


def availability(changes: Iterable[StateChange], start: datetime, end: datetime) -> tuple[Availability, ...]:
    """Return the availability of every instrument from `start` to `end`, by name.

    Args:
        changes: oldest first; one before `start` says how the instrument was then.
        start: from when.
        end: until when; a state lasts until the next one or this.
    """
    by_name: dict[str, list[StateChange]] = {}
    for change in changes:
        by_name.setdefault(change.instrument, []).append(change)
    return tuple(_of_one(name, by_name[name], start, end) for name in sorted(by_name))


def _of_one(name: str, changes: Sequence[StateChange], start: datetime, end: datetime) -> Availability:
    available_s = recorded_s = 0.0
    ends = [change.at for change in changes[1:]] + [end]
    for change, until in zip(changes, ends, strict=True):
        seconds = max((min(until, end) - max(change.at, start)).total_seconds(), 0.0)
        recorded_s += seconds
        available_s += seconds if change.state in AVAILABLE else 0.0
    lost = sum(change.state == InstrumentState.LOST and change.at >= start for change in changes)
    return Availability(name, available_s, recorded_s, lost)
