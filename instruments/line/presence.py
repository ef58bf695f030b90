"""A line that says nothing at all: the spectrum itself tells that a specimen was laid down."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from instruments.line.interval import Ticks
from instruments.line.unheard import UnheardTrigger
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.line import Cue, LineCounts, LineHealth
from qc_daemon.domain.ports import Clock, Look
from qc_daemon.domain.spectrum import Spectrum

# Three looks that agree: a hand, or a piece that is still being laid out, does not hold still that long.
_STEADY_LOOKS = 3
# Median difference in absorbance between two looks at the same place; the spectrometer's own noise is
# below 0.005, another place of the same fabric differs by more than this.
_STEADY_ABSORBANCE = 0.02
_NO_DEVICE = LineHealth("", "running", "", LineCounts())


class PresenceTrigger(UnheardTrigger):
    """Announces a specimen when, after an empty view, the same thing is seen in three looks.

    It is announced once; the next one is only after the view was empty again. On a web that never leaves
    the view that would be never: there a timer, or a PLC, must say when.

    Args:
        identify: says what lies there.
        device_health: of the device that helps to identify, if there is one.
        interval_s: between two looks.
        clock: its monotonic time paces the looks.
    """

    def __init__(
        self,
        identify: Callable[[], Specimen],
        device_health: Callable[[], LineHealth] | None,
        interval_s: float,
        clock: Clock,
    ) -> None:
        self._identify = identify
        self._device_health = device_health
        self._ticks = Ticks(interval_s, clock)
        self._armed = True
        self._steady = 0
        self._last: Spectrum | None = None
        self._announced = 0

    @property
    def health(self) -> LineHealth:
        """How the device is that identifies specimens, if there is one."""
        health = self._device_health() if self._device_health else _NO_DEVICE
        return replace(health, counts=replace(health.counts, announced=self._announced))

    def next_cue(self, look: Look, timeout_s: float, /) -> Cue | None:
        """Look once an interval.

        Raises:
            InstrumentError: the spectrometer failed.
        """
        if not self._ticks.wait(timeout_s) or not self._settled(look()) or not self._armed:
            return None
        self._armed = False
        self._announced += 1
        return Cue(self._identify(), may_be_stored=False)

    def _settled(self, seen: Spectrum | None) -> bool:
        """Tell whether the last looks saw the same thing; an empty view arms the trigger again."""
        last, self._last = self._last, seen
        if seen is None:
            self._armed, self._steady = True, 0
            return False
        self._steady = self._steady + 1 if last is not None and _alike(last, seen) else 1
        return self._steady >= _STEADY_LOOKS


def _alike(one: Spectrum, other: Spectrum) -> bool:
    if one.valid.shape != other.valid.shape:
        return False  # another instrument
    both = one.valid & other.valid
    difference = np.abs(one.absorbance[both] - other.absorbance[both])
    return bool(np.median(difference) <= _STEADY_ABSORBANCE)
