"""SQL of the views of rolls: counts, and points of their defects by the rules of `domain.defect_points`.

The rules' numbers are written into the SQL, so that the views and `score_roll` cannot differ.
"""

# ruff: noqa: S608  (the parts put together here are constants of the software)

from collections.abc import Sequence

from qc_daemon.domain.defect_points import (
    HOLE,
    M_PER_YARD,
    MM2_PER_M2,
    MM2_PER_YD2,
    PointRule,
    PointStep,
    point_rule,
)
from storage.dialects import SqlDialect

FOUR_POINT = point_rule("four-point", "1")
TEN_POINT = point_rule("ten-point", "2")

COUNTS = """count(*) AS inspections,
    count(*) FILTER (WHERE verdict = 'PASS') AS passed,
    count(*) FILTER (WHERE verdict = 'FAIL') AS failed,
    count(*) FILTER (WHERE verdict = 'REFER') AS referred,
    count(*) FILTER (WHERE verdict = 'UNDECIDED') AS undecided,
    CAST(coalesce(sum(defects), 0) AS BIGINT) AS defects,
    min(accepted_at) AS first_accepted_at,
    max(accepted_at) AS last_accepted_at"""


def roll_points(sql: SqlDialect) -> str:
    """Return the query of the view of the points of rolls by each rule."""
    return f"{_roll_points(FOUR_POINT, sql)}UNION ALL{_roll_points(TEN_POINT, sql)}"


def rolls(sql: SqlDialect) -> str:
    """Return the query of the view of rolls."""
    return f"""
SELECT
    lot, roll, inspections, passed, failed, referred, undecided, defects,
    first_accepted_at, last_accepted_at, first_position_m, last_position_m, inspected_area_mm2,
    '{FOUR_POINT.name} {FOUR_POINT.version}' AS points_rule, points,
    {_per_area(FOUR_POINT, MM2_PER_YD2)} AS points_per_100_yd2,
    {_per_area(FOUR_POINT, MM2_PER_M2)} AS points_per_100_m2,
    {_limit(FOUR_POINT)} AS accept_limit_per_100_yd2,
    {_accepted(FOUR_POINT)} AS accepted,
    '{TEN_POINT.name} {TEN_POINT.version}' AS ten_points_rule, ten_points,
    {_per_area(TEN_POINT, MM2_PER_YD2, "ten_points")} AS ten_points_per_100_yd2,
    {_limit(TEN_POINT)} AS ten_points_limit_per_100_yd2,
    {_accepted(TEN_POINT, "ten_points")} AS ten_points_accepted
FROM (
    SELECT
        lot, roll,
        {COUNTS},
        min(position_m) AS first_position_m,
        max(position_m) AS last_position_m,
        coalesce(sum(inspected_area_mm2), 0.0) AS inspected_area_mm2,
        {_points_of_roll(FOUR_POINT, sql)} AS points,
        {_points_of_roll(TEN_POINT, sql)} AS ten_points
    FROM v_inspections AS r
    GROUP BY lot, roll
) AS scored
"""


def _points_of_roll(rule: PointRule, sql: SqlDialect) -> str:
    """Return a scalar query: the points of the roll that `r` groups by, at most so many of each yard.

    It stands in the query that aggregates, so that SQLite computes it once for each roll.
    """
    most = rule.most_points_per_yard
    return f"""(
        SELECT CAST(coalesce(sum(CASE WHEN of_yard > {most} THEN {most} ELSE of_yard END), 0) AS BIGINT)
        FROM (
            SELECT sum({_points_of_defect(rule)}) AS of_yard
            FROM v_defects AS d WHERE d.lot = r.lot AND d.roll = r.roll
            GROUP BY {sql.truncated(f"d.position_m / {M_PER_YARD}")}
        ) AS yards
    )"""


def _points_of_defect(rule: PointRule) -> str:
    return (
        f"CASE WHEN kind = '{HOLE}' THEN {rule.points_of_a_hole}"
        f" WHEN height_um > width_um THEN {_points_of_length('height_um', rule.along)}"
        f" ELSE {_points_of_length('width_um', rule.across)} END"
    )


def _points_of_length(column: str, steps: Sequence[PointStep]) -> str:
    *bounded, last = steps
    cases = " ".join(
        f"WHEN {column} <= {step.to_mm * 1000.0} THEN {step.points}" for step in bounded if step.to_mm
    )
    return f"CASE {cases} ELSE {last.points} END"


def _per_area(rule: PointRule, unit_mm2: float, points: str = "points") -> str:
    """Return points per 100 units of area; NULL on less area than the rule asks for."""
    enough = f"inspected_area_mm2 >= {rule.least_area_yd2 * MM2_PER_YD2}"
    return f"CASE WHEN {enough} THEN 100.0 * {points} / (inspected_area_mm2 / {unit_mm2}) END"


def _accepted(rule: PointRule, points: str = "points") -> str:
    """Return 1 or 0; NULL on less area than the rule asks for."""
    per_area = _per_area(rule, MM2_PER_YD2, points)
    return f"CAST(({per_area}) <= {rule.accept_limit_per_100_yd2} AS INTEGER)"


def _limit(rule: PointRule) -> str:
    return f"CAST({rule.accept_limit_per_100_yd2} AS DOUBLE PRECISION)"


def _roll_points(rule: PointRule, sql: SqlDialect) -> str:
    return f"""
SELECT
    lot, roll, '{rule.name}' AS rule, '{rule.version}' AS rule_version, defects, inspected_area_mm2, points,
    {_per_area(rule, MM2_PER_YD2)} AS points_per_100_yd2,
    {_per_area(rule, MM2_PER_M2)} AS points_per_100_m2,
    {_limit(rule)} AS accept_limit_per_100_yd2,
    {_accepted(rule)} AS accepted
FROM (
    SELECT
        r.lot, r.roll, CAST(coalesce(sum(r.defects), 0) AS BIGINT) AS defects,
        coalesce(sum(r.inspected_area_mm2), 0.0) AS inspected_area_mm2,
        {_points_of_roll(rule, sql)} AS points
    FROM v_inspections AS r
    GROUP BY r.lot, r.roll
) AS scored
"""
