"""Points follow the rule's table, and a figure per area is given only on enough area."""

import pytest

from qc_daemon.domain.defect_points import (
    MM2_PER_M2,
    MM2_PER_YD2,
    SizedDefect,
    point_rule,
    points_of,
    score_roll,
)

FOUR, TEN = point_rule("four-point", "1"), point_rule("ten-point", "2")
INCH = 25.4


@pytest.mark.parametrize(
    ("inches", "four", "ten_along", "ten_across"),
    [
        (0.01, 1, 1, 1), (1, 1, 1, 1), (1.01, 1, 3, 3), (3, 1, 3, 3), (3.01, 2, 3, 3), (5, 2, 3, 3),
        (5.01, 2, 5, 5), (6, 2, 5, 5), (6.01, 3, 5, 5), (9, 3, 5, 5), (9.01, 4, 5, 5), (10, 4, 5, 5),
        (10.01, 4, 10, 5), (36, 4, 10, 5),
    ],
)  # fmt: skip
def test_the_longer_side_of_a_defect_has_the_points_of_its_step(inches, four, ten_along, ten_across):
    along = SizedDefect("stain", 0.0, along_mm=inches * INCH, across_mm=0.1)
    across = SizedDefect("stain", 0.0, along_mm=0.1, across_mm=inches * INCH)
    assert (points_of(along, FOUR), points_of(across, FOUR)) == (four, four)
    assert (points_of(along, TEN), points_of(across, TEN)) == (ten_along, ten_across)


def test_a_hole_has_the_most_points_whatever_its_size():
    hole = SizedDefect("hole", 0.0, 0.2, 0.2)
    assert (points_of(hole, FOUR), points_of(hole, TEN)) == (4, 10)


def test_a_yard_never_has_more_than_its_most_points():
    holes = [SizedDefect("hole", 0.1 * i, 1.0, 1.0) for i in range(9)]
    next_yard = SizedDefect("stain", 0.92, 1.0, 1.0)
    assert score_roll([*holes, next_yard], 0.0, FOUR).points == 4 + 1


def test_on_too_little_area_there_is_no_figure_per_area():
    score = score_roll([SizedDefect("hole", 0.0, 1.0, 1.0)], 9.99 * MM2_PER_YD2, FOUR)
    assert (score.points, score.per_100_yd2, score.per_100_m2, score.accepted) == (4, None, None, None)


def test_points_are_given_per_100_square_yards_and_metres_and_compared_with_the_limit():
    holes = [SizedDefect("hole", float(i), 1.0, 1.0) for i in range(7)]
    score = score_roll(holes, 100 * MM2_PER_YD2, FOUR)
    assert score.per_100_yd2 == pytest.approx(28.0)
    assert score.per_100_m2 == pytest.approx(28.0 * MM2_PER_M2 / MM2_PER_YD2)
    assert score.accepted
    assert score_roll([*holes, holes[0]], 100 * MM2_PER_YD2, FOUR).accepted  # the same yard, full already
    assert not score_roll([*holes, SizedDefect("stain", 9.5, 1, 1)], 100 * MM2_PER_YD2, FOUR).accepted


def test_by_ten_points_first_quality_has_at_most_one_a_linear_yard_of_sixty_inches():
    area_mm2 = 120 * 36 * 60 * INCH**2  # 120 linear yards
    twelve = [SizedDefect("hole", float(i), 1.0, 1.0) for i in range(12)]
    score = score_roll(twelve, area_mm2, TEN)
    assert (score.points, score.accepted) == (120, True)
    assert score.per_100_yd2 == pytest.approx(60.0)
    assert not score_roll([*twelve, SizedDefect("stain", 20.0, 1, 1)], area_mm2, TEN).accepted
    assert not score_roll(twelve, area_mm2 * 119 / 120, TEN).accepted
