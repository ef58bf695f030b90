"""Notices that the station's clock was set while it ran."""

from qc_daemon.domain.ports import Clock

# Time servers slew by up to 0.5 ms a second; between two looks that is far less.
_STEP_S = 2.0


class ClockWatch:
    """Holds the clock for people against the one that only runs forward.

    Args:
        clock: both of them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_s = self._offset()

    def step_s(self) -> float:
        """Return by how much the clock was set since the last look, in s; 0 if it just ran."""
        offset_s = self._offset()
        step_s, self._offset_s = offset_s - self._offset_s, offset_s
        return step_s if abs(step_s) >= _STEP_S else 0.0

    def _offset(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic_s()
