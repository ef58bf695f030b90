"""Control charts of single values: is the newest one still what chance makes of a steady instrument?

Shewhart limits of individuals from the mean moving range (NIST/SEMATECH e-Handbook of Statistical Methods,
6.3.2.2), an exponentially weighted moving average (6.3.2.4), and the multirule of Westgard, Barry, Hunt and
Groth, Clinical Chemistry 27 (1981) 493, read along one chart. Until there is a baseline only the action
limit speaks, and it speaks on afterwards.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Mean range of two normal values over their standard deviation (d2 of n = 2).
_MEAN_RANGE_OF_TWO = 1.128
IN_CONTROL = ""
BEYOND_ACTION_LIMIT, EWMA_RULE = "limit", "ewma"


@dataclass(frozen=True, slots=True)
class ChartLimits:
    """Centre and standard deviation of the values of a steady instrument."""

    centre: float
    sigma: float


@dataclass(frozen=True, slots=True)
class ChartRules:
    """How a chart is read.

    Attributes:
        action_limit: a value further from 0 is out of control, whatever the history.
        least_sigma: a standard deviation below this is the resolution, not the spread.
        baseline_runs: so many values in control make the limits.
        ewma_weight: weight λ of the newest value, 0..1.
        ewma_width: half width of the limits of the average, in its standard deviations.
    """

    action_limit: float
    least_sigma: float
    baseline_runs: int = 10
    ewma_weight: float = 0.3
    ewma_width: float = 3.0


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A value of a chart, and the rule that it broke ("" if none)."""

    value: float
    rule: str


def broken_rule(before: Sequence[ChartPoint], value: float, rules: ChartRules) -> str:
    """Return the rule that a new value breaks: "limit", "1_3s", "2_2s", "R_4s", "4_1s", "10_x", "ewma" or "".

    Rules that look back begin anew behind the last value that broke one: what was put right counts no more.
    """
    if not abs(value) <= rules.action_limit:
        return BEYOND_ACTION_LIMIT
    steady = [place for place, point in enumerate(before) if point.rule == IN_CONTROL]
    if len(steady) < rules.baseline_runs:
        return IN_CONTROL
    baseline = steady[: rules.baseline_runs]
    limits = individuals_limits([before[place].value for place in baseline], rules.least_sigma)
    broken = [place for place, point in enumerate(before) if point.rule != IN_CONTROL]
    start = max([baseline[-1], *broken]) + 1
    recent = np.array([*(point.value for point in before[start:]), value])
    rule = westgard_rule((recent - limits.centre) / limits.sigma)
    if rule != IN_CONTROL:
        return rule
    average = ewma(recent, limits.centre, rules.ewma_weight)[-1]
    half_width = ewma_half_width(limits.sigma, rules.ewma_weight, rules.ewma_width)
    return EWMA_RULE if abs(average - limits.centre) > half_width else IN_CONTROL


def individuals_limits(values: Sequence[float], least_sigma: float = 0.0) -> ChartLimits:
    """Return centre and standard deviation of at least two values, the latter from their moving range."""
    moving_ranges = np.abs(np.diff(values))
    return ChartLimits(
        float(np.mean(values)), max(float(moving_ranges.mean()) / _MEAN_RANGE_OF_TWO, least_sigma)
    )


def ewma(values: NDArray[np.float64], start: float, weight: float) -> NDArray[np.float64]:
    """Return (n,) averages of values (n,), each `weight` of the value and the rest of the average before."""
    averages = np.empty(len(values))
    average = start
    for place, value in enumerate(values):
        average = weight * float(value) + (1.0 - weight) * average
        averages[place] = average
    return averages


def ewma_half_width(sigma: float, weight: float, width: float) -> float:
    """Return how far a long-running average may be from the centre."""
    return width * sigma * math.sqrt(weight / (2.0 - weight))


def westgard_rule(z: NDArray[np.float64]) -> str:
    """Return the first rule that the newest of z (n,) breaks, in standard deviations from the centre; or "".

    R_4s is meant for two controls of one run; here it is read over the newest two runs.
    """
    if abs(z[-1]) > 3.0:
        return "1_3s"
    if _all_beyond(z, 2, 2.0):
        return "2_2s"
    if len(z) >= 2 and max(z[-2:]) > 2.0 and min(z[-2:]) < -2.0:
        return "R_4s"
    if _all_beyond(z, 4, 1.0):
        return "4_1s"
    return "10_x" if _all_beyond(z, 10, 0.0) else IN_CONTROL


def _all_beyond(z: NDArray[np.float64], runs: int, distance: float) -> bool:
    """Tell whether the newest `runs` values all lie further than `distance` on one side."""
    newest = z[-runs:]
    return len(newest) == runs and bool(np.all(newest > distance) or np.all(newest < -distance))
