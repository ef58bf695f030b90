"""Charts of statistical process control, as fractions of their frames: checks over time, and a p-chart.

X chart of individuals with limits from the mean moving range, an exponentially weighted moving average, and
Cpk only of a process that is long enough on record and in control (NIST/SEMATECH e-Handbook, 6.1.6, 6.3.2,
6.3.3.2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qc_daemon.domain.control_charts import IN_CONTROL, ChartLimits, ewma, individuals_limits
from qc_daemon.domain.period_records import CheckPoint
from reports.charts import Tick, axis_ticks

LEAST_RUNS_FOR_CPK = 25
LEAST_INSPECTIONS_FOR_P = 20
_SHOWN_POINTS = 60


@dataclass(frozen=True, slots=True)
class ChartPlot:
    """A chart to draw.

    Attributes:
        points: (right, up, whether it breaks a rule).
        smooth: the moving average at the same places; () for none.
        lines: heights of centre and limits; each limit line may have a height per point (p-chart).
    """

    points: tuple[tuple[float, float, bool], ...]
    smooth: tuple[tuple[float, float], ...]
    centre: float | None
    limits: tuple[tuple[tuple[float, float], ...], ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class ControlRules:
    """How a station reads its charts: runs that make the limits, weight of the average."""

    baseline_runs: int
    ewma_weight: float


def check_plot(points: Sequence[CheckPoint], scale: float, rules: ControlRules) -> ChartPlot:
    """Return the chart of the newest residuals times `scale` (at least two), with limits if there are any."""
    shown = points[-_SHOWN_POINTS:]
    values = np.array([point.residual * scale for point in shown])
    limits = baseline(points, scale, rules)
    heights = list(values)
    smooth: list[float] = []
    if limits is not None:
        heights += [limits.centre - 3 * limits.sigma, limits.centre + 3 * limits.sigma]
        smooth = list(ewma(values, limits.centre, rules.ewma_weight))
    low, high = _padded(heights)
    across = [(k + 0.5) / len(shown) for k in range(len(shown))]
    return ChartPlot(
        points=tuple(
            (x, _up(float(value), low, high), point.rule != IN_CONTROL)
            for x, value, point in zip(across, values, shown, strict=True)
        ),
        smooth=tuple((x, _up(value, low, high)) for x, value in zip(across, smooth, strict=False)),
        centre=_up(limits.centre, low, high) if limits else None,
        limits=_level_lines(limits, low, high),
        y_ticks=axis_ticks(low, high, 4),
        x_ticks=(
            Tick(across[0], f"{shown[0].at:%m-%d}"),
            Tick(across[-1], f"{shown[-1].at:%m-%d}"),
        ),
    )


def baseline(points: Sequence[CheckPoint], scale: float, rules: ControlRules) -> ChartLimits | None:
    """Return the limits of a chart from its first values in control; None while there are too few."""
    steady = [point.residual * scale for point in points if point.rule == IN_CONTROL]
    if len(steady) < rules.baseline_runs:
        return None
    return individuals_limits(steady[: rules.baseline_runs])


def capability(points: Sequence[CheckPoint], limit: float) -> float | None:
    """Return Cpk of residuals in control against ±`limit`; None where it would mean nothing."""
    steady = [point.residual for point in points if point.rule == IN_CONTROL]
    if len(steady) < LEAST_RUNS_FOR_CPK or points[-1].rule != IN_CONTROL:
        return None
    process = individuals_limits(steady)
    if process.sigma <= 0.0:
        return None
    return (limit - abs(process.centre)) / (3.0 * process.sigma)


def p_plot(hours: Sequence[tuple[int, int, int]]) -> ChartPlot | None:
    """Return the p-chart of (hour, inspected, failed); None where it would mean nothing."""
    used = [(hour, n, failed) for hour, n, failed in hours if n > 0]
    inspected, failing = sum(n for _, n, _ in used), sum(failed for _, _, failed in used)
    if inspected < LEAST_INSPECTIONS_FOR_P or failing == 0 or len(used) < 2:
        return None
    mean = failing / inspected
    half = [3.0 * math.sqrt(mean * (1.0 - mean) / n) for _, n, _ in used]
    if mean + min(half) >= 1.0:  # so few each hour that even FAIL alone would be within the limits
        return None
    shares = [failed / n for _, n, failed in used]
    high = max([*shares, *(min(mean + width, 1.0) for width in half)]) * 1.05
    across = [(hour + 0.5) / 24.0 for hour, _, _ in used]
    upper = tuple((x, min(mean + width, 1.0) / high) for x, width in zip(across, half, strict=True))
    lower = tuple((x, max(mean - width, 0.0) / high) for x, width in zip(across, half, strict=True))
    return ChartPlot(
        points=tuple(
            (x, share / high, abs(share - mean) > width)
            for x, share, width in zip(across, shares, half, strict=True)
        ),
        smooth=(),
        centre=mean / high,
        limits=(upper, lower),
        y_ticks=axis_ticks(0.0, high, 4),
        x_ticks=tuple(Tick(hour / 24.0, f"{hour:02d}") for hour in range(0, 25, 4)),
    )


def _level_lines(
    limits: ChartLimits | None, low: float, high: float
) -> tuple[tuple[tuple[float, float], ...], ...]:
    if limits is None:
        return ()
    heights = (_up(limits.centre + sign * 3 * limits.sigma, low, high) for sign in (1, -1))
    return tuple(((0.0, height), (1.0, height)) for height in heights)


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = max(0.1 * (high - low), 1e-6)
    return low - margin, high + margin


def _up(value: float, low: float, high: float) -> float:
    return round((value - low) / (high - low), 4)
