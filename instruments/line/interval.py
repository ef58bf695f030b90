"""A line without a signal of its own: each tick of the monotonic clock is a specimen."""

import time

from instruments.line.unheard import UnheardTrigger
from qc_daemon.domain.line import Cue, LineCounts, LineHealth
from qc_daemon.domain.ports import Clock, Line, Look


class IntervalTrigger(UnheardTrigger):
    """Asks the line for its next specimen every `interval_s`; an inspection that takes longer delays it."""

    def __init__(self, line: Line, interval_s: float, clock: Clock) -> None:
        self._line = line
        self._ticks = Ticks(interval_s, clock)
        self._announced = 0
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the line has no more specimens."""
        return self._ended

    @property
    def health(self) -> LineHealth:
        """A clock has no troubles."""
        return LineHealth("", "running", "", LineCounts(announced=self._announced))

    def next_cue(self, _look: Look, timeout_s: float, /) -> Cue | None:
        """Wait for the next tick, at most `timeout_s`."""
        if not self._ticks.wait(timeout_s):
            return None
        specimen = self._line.next_specimen()
        if specimen is None:
            self._ended = True
            return None
        self._announced += 1
        return Cue(specimen, may_be_stored=False)


class Ticks:
    """Ticks of a monotonic clock that can be waited for; those that were missed are not made up."""

    def __init__(self, interval_s: float, clock: Clock) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._due_s = clock.monotonic_s()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the next tick; False if it does not come in time."""
        left_s = self._due_s - self._clock.monotonic_s()
        time.sleep(min(max(left_s, 0.0), timeout_s))
        now_s = self._clock.monotonic_s()
        if now_s < self._due_s:
            return False
        on_time = now_s < self._due_s + self._interval_s
        self._due_s = (self._due_s if on_time else now_s) + self._interval_s
        return True
