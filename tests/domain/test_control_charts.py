"""Control charts against worked examples of the NIST/SEMATECH e-Handbook, and rules by hand."""

import numpy as np
import pytest

from qc_daemon.domain.control_charts import (
    ChartPoint,
    ChartRules,
    broken_rule,
    ewma,
    ewma_half_width,
    individuals_limits,
    westgard_rule,
)

# Section 6.3.2.2: flow rates of ten batches; its chart has centre 50.81 and limits 55.8041 and 45.8159
# from a mean moving range of 1.8778.
FLOW_RATES = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
# Section 6.3.2.4: twenty values, start 50, sigma 2.0539, weight 0.3; limits 52.5884 and 47.4115.
EWMA_VALUES = [
    52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5,
    49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1,
]  # fmt: skip
EWMA_AVERAGES = [
    50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33,
    50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99,
]  # fmt: skip

RULES = ChartRules(action_limit=10.0, least_sigma=0.01, baseline_runs=10)
# Ten values with mean 0 and moving ranges of 1.128 each: sigma is exactly 1.
BASELINE = [ChartPoint(0.564 * sign, "") for sign in (1, -1) * 5]


def test_limits_of_individuals_are_those_of_the_handbook() -> None:
    limits = individuals_limits(FLOW_RATES)
    assert limits.centre == pytest.approx(50.81)
    assert limits.centre + 3 * limits.sigma == pytest.approx(55.8041, abs=1e-4)
    assert limits.centre - 3 * limits.sigma == pytest.approx(45.8159, abs=1e-4)


def test_the_moving_average_and_its_limits_are_those_of_the_handbook() -> None:
    averages = ewma(np.array(EWMA_VALUES), 50.0, 0.3)
    np.testing.assert_allclose(averages, EWMA_AVERAGES, atol=0.0051)
    half_width = ewma_half_width(2.0539, 0.3, 3.0)
    # The handbook rounds the square root to 0.4201.
    assert (50 + half_width, 50 - half_width) == pytest.approx((52.5884, 47.4115), abs=2e-4)


@pytest.mark.parametrize(
    ("z", "rule"),
    [
        ([3.0], ""),
        ([3.01], "1_3s"),
        ([-3.01], "1_3s"),
        ([2.1, 2.1], "2_2s"),
        ([-2.1, -2.1], "2_2s"),
        ([2.1, 2.0], ""),
        ([2.1, 0.0, 2.1], ""),
        ([2.1, -2.1], "R_4s"),
        ([2.0, -2.1], ""),
        ([1.1, 1.1, 1.1, 1.1], "4_1s"),
        ([1.1, 1.1, 1.0, 1.1], ""),
        ([1.1, 1.1, -1.1, 1.1], ""),
        ([0.1] * 10, "10_x"),
        ([0.1] * 9, ""),
        ([-0.1] * 10, "10_x"),
        ([0.1] * 9 + [0.0], ""),
        ([0.1] * 5 + [-0.1] + [0.1] * 4, ""),
    ],
)
def test_each_rule_fires_beyond_its_boundary_and_not_at_it(z: list[float], rule: str) -> None:
    assert westgard_rule(np.array(z)) == rule


def test_the_rule_that_says_most_is_named_first() -> None:
    assert westgard_rule(np.array([2.5, 2.5, 2.5, 3.5])) == "1_3s"


def test_until_there_is_a_baseline_only_the_action_limit_speaks() -> None:
    assert broken_rule([], 9.9, RULES) == ""
    assert broken_rule(BASELINE[:9], -9.9, RULES) == ""
    assert broken_rule(BASELINE[:9], 10.1, RULES) == "limit"
    assert broken_rule([], float("nan"), RULES) == "limit"


def test_the_baseline_makes_limits_of_three_standard_deviations() -> None:
    assert broken_rule(BASELINE, 2.99, RULES) == ""
    assert broken_rule(BASELINE, 3.01, RULES) == "1_3s"


def test_a_value_that_was_out_makes_no_baseline() -> None:
    spoilt = [*BASELINE[:9], ChartPoint(11.0, "limit")]
    assert broken_rule(spoilt, 5.0, RULES) == ""
    assert broken_rule([*spoilt, BASELINE[9]], 3.5, RULES) == "1_3s"


def test_a_shift_is_seen_by_the_moving_average_before_any_other_rule_sees_it() -> None:
    # By hand: 0.27, 0.76, 0.80, 1.13, 1.06, 1.31; the limit is 3 x sqrt(0.3 / 1.7) = 1.26.
    points = list(BASELINE)
    for value in (0.9, 1.9, 0.9, 1.9, 0.9):
        assert broken_rule(points, value, RULES) == ""
        points.append(ChartPoint(value, ""))
    assert broken_rule(points, 1.9, RULES) == "ewma"


def test_what_was_put_right_counts_no_more() -> None:
    broken = [*BASELINE, ChartPoint(2.5, ""), ChartPoint(2.5, "2_2s")]
    assert broken_rule(broken, 0.3, RULES) == ""
    assert broken_rule(broken, 2.5, RULES) == ""
    assert broken_rule([*broken, ChartPoint(2.5, "")], 2.5, RULES) == "2_2s"


def test_an_instrument_that_repeats_itself_is_judged_by_its_resolution() -> None:
    steady = [ChartPoint(0.0, "")] * 10
    assert broken_rule(steady, 0.029, RULES) == ""
    assert broken_rule(steady, 0.031, RULES) == "1_3s"
