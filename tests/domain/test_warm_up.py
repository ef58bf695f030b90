"""When a spectrometer counts as warmed up."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from qc_daemon.domain.spectrum import ScanConditions
from qc_daemon.domain.warm_up import WarmUp, WarmUpLimits


def settles_after(
    temperature_c: Callable[[float], float | None],
    lamp: Callable[[float], int | None] = lambda _: None,
    every_s: float = 1.0,
) -> float:
    """Return after how many seconds an instrument counts as settled; infinity if not within an hour."""
    warm_up = WarmUp(100.0, WarmUpLimits())
    for step in range(int(3600 / every_s)):
        at_s = step * every_s
        warm_up.note(100.0 + at_s, ScanConditions(temperature_c(at_s), None, None, lamp(at_s)))
        if warm_up.settled(100.0 + at_s):
            return at_s
    return math.inf


def warming(at_s: float) -> float:
    """A unit as recorded: 30.5 to 33.6 C within 12 minutes, in the steps that its sensor shows."""
    return round(30.5 + 3.1 * (1.0 - math.exp(-at_s / 240.0)), 2)


def test_a_warm_instrument_is_settled_as_soon_as_its_slope_is_known() -> None:
    assert settles_after(lambda _: 33.6) == 60.0


def test_a_cold_one_is_settled_when_it_drifts_by_less_than_a_tenth_of_a_degree_a_minute() -> None:
    # 3.1 C with a time constant of 4 minutes: 0.1 C a minute is reached after 240 ln(7.75) = 491 s; the
    # slope is that of the last two minutes, so it is known a minute later.
    assert settles_after(warming) == pytest.approx(491.0 + 60.0, abs=15.0)


def test_the_lamp_must_have_settled_too() -> None:
    def lamp(at_s: float) -> int:
        return round(3836 * (1.0 + 0.02 * math.exp(-at_s / 300.0)))

    # 2 % with 5 minutes: 0.1 % a minute after 300 ln(4) = 416 s, known a minute later.
    assert settles_after(lambda _: 33.6, lamp, every_s=5.0) == pytest.approx(476.0, abs=25.0)


def test_noise_of_the_sensor_does_not_keep_it_waiting() -> None:
    noise = np.random.default_rng(3).normal(0.0, 0.03, 3600)
    assert settles_after(lambda at_s: 33.6 + noise[int(at_s)]) == 60.0


def test_an_instrument_that_never_settles_is_trusted_after_half_an_hour() -> None:
    assert settles_after(lambda at_s: 30.0 + at_s / 120.0) == 1800.0


def test_an_instrument_without_sensors_is_trusted_at_once() -> None:
    assert settles_after(lambda _: None) == 0.0


def test_a_lamp_monitor_alone_decides_where_there_is_no_thermometer() -> None:
    assert settles_after(lambda _: None, lambda _: 3800) == 60.0
