"""Whether a spectrometer has warmed up: by how fast temperature and lamp still drift, not by a fixed time.

Recorded units gained 3 °C within 12 minutes and 4.8 °C within 10 minutes of their first scan, their lamps
falling with it, so no one time fits all.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from qc_daemon.domain.spectrum import ScanConditions


@dataclass(frozen=True, slots=True)
class WarmUpLimits:
    """When an instrument counts as settled.

    Attributes:
        slope_c_per_min: the temperature drifts slower than this.
        lamp_percent_per_min: the lamp monitor drifts slower than this.
        span_s: over at least so long; a sensor shows hundredths of a degree, and its noise must not decide.
        longest_s: after so long it counts as settled whatever it does.
    """

    slope_c_per_min: float = 0.1
    lamp_percent_per_min: float = 0.1
    span_s: float = 60.0
    longest_s: float = 1800.0


class WarmUp:
    """Follows one instrument from the moment it was opened.

    Args:
        opened_s: that moment on the monotonic clock.
        limits: when it counts as settled.
    """

    def __init__(self, opened_s: float, limits: WarmUpLimits) -> None:
        self._opened_s = opened_s
        self._limits = limits
        self._temperatures: deque[tuple[float, float]] = deque()
        self._lamps: deque[tuple[float, float]] = deque()

    def note(self, at_s: float, conditions: ScanConditions) -> None:
        """Take in what the instrument said of itself at a moment of the monotonic clock."""
        temperature_c = conditions.system_temperature_c
        if temperature_c is None:
            temperature_c = conditions.detector_temperature_c
        for series, value in (
            (self._temperatures, temperature_c),
            (self._lamps, conditions.lamp_photodiode_counts),
        ):
            if value is None:
                continue
            series.append((at_s, float(value)))
            while at_s - series[0][0] > 2.0 * self._limits.span_s:
                series.popleft()

    def settled(self, at_s: float) -> bool:
        """Tell whether it may be trusted; at once for an instrument without such sensors."""
        if at_s - self._opened_s >= self._limits.longest_s:
            return True
        temperature_c, lamp = self._slope(self._temperatures), self._slope(self._lamps)
        if self._temperatures and (
            temperature_c is None or abs(temperature_c) >= self._limits.slope_c_per_min
        ):
            return False
        if lamp is None:
            # A lamp may glow only while a scan is taken; without scans, temperature alone decides.
            return bool(self._temperatures) or not self._lamps
        level = float(np.mean([value for _, value in self._lamps]))
        return 100.0 * abs(lamp) < self._limits.lamp_percent_per_min * abs(level)

    def _slope(self, series: deque[tuple[float, float]]) -> float | None:
        """Return the least-squares slope per minute; None if the readings span too little time."""
        if len(series) < 3 or series[-1][0] - series[0][0] < self._limits.span_s:
            return None
        moments_s, values = np.array(series).T
        return 60.0 * float(np.polyfit(moments_s - moments_s[0], values, 1)[0])
