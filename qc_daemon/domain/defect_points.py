"""Penalty points of the defects of a roll, by a rule that is a data file of `defect_rules/`.

A figure per 100 square yards needs fabric that was looked at: where that was less than the rule asks
for, there is no such figure, rather than one extrapolated from a few square millimetres.
"""

import tomllib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

MM_PER_INCH = 25.4
M_PER_YARD = 0.9144
MM2_PER_YD2 = (M_PER_YARD * 1000.0) ** 2
MM2_PER_M2 = 1e6
HOLE = "hole"

_RULES = "qc_daemon.domain.defect_rules"


@dataclass(frozen=True, slots=True)
class PointStep:
    """Points of a defect up to and including a length in mm; None for every longer one."""

    to_mm: float | None
    points: int


@dataclass(frozen=True, slots=True)
class PointRule:
    """How defects are scored.

    Attributes:
        along: steps for a defect that is longer along the roll than across it.
        across: steps for all others.
        most_points_per_yard: one linear yard has never more.
        accept_limit_per_100_yd2: a roll with more is not accepted.
        least_area_yd2: less inspected area than this gives no figure per area.
    """

    name: str
    version: str
    source: str
    points_of_a_hole: int
    most_points_per_yard: int
    accept_limit_per_100_yd2: float
    least_area_yd2: float
    along: tuple[PointStep, ...]
    across: tuple[PointStep, ...]


@dataclass(frozen=True, slots=True)
class SizedDefect:
    """A defect with its place along the roll and the sides of its box."""

    kind: str
    position_m: float
    along_mm: float
    across_mm: float


@dataclass(frozen=True, slots=True)
class RollPoints:
    """The score of a roll; all but the points is None on too little area."""

    points: int
    per_100_yd2: float | None
    per_100_m2: float | None
    accepted: bool | None


def score_roll(defects: Sequence[SizedDefect], inspected_area_mm2: float, rule: PointRule) -> RollPoints:
    """Return the points of the defects found on `inspected_area_mm2` of one roll."""
    by_yard: defaultdict[int, int] = defaultdict(int)
    for defect in defects:
        by_yard[int(defect.position_m / M_PER_YARD)] += points_of(defect, rule)
    points = sum(min(yard, rule.most_points_per_yard) for yard in by_yard.values())
    area_yd2 = inspected_area_mm2 / MM2_PER_YD2
    if area_yd2 < rule.least_area_yd2:
        return RollPoints(points, None, None, None)
    per_100_yd2 = 100.0 * points / area_yd2
    per_100_m2 = 100.0 * points / (inspected_area_mm2 / MM2_PER_M2)
    return RollPoints(points, per_100_yd2, per_100_m2, per_100_yd2 <= rule.accept_limit_per_100_yd2)


def points_of(defect: SizedDefect, rule: PointRule) -> int:
    """Return the points of one defect; its longer side counts."""
    if defect.kind == HOLE:
        return rule.points_of_a_hole
    steps = rule.along if defect.along_mm > defect.across_mm else rule.across
    length_mm = max(defect.along_mm, defect.across_mm)
    return next(step.points for step in steps if step.to_mm is None or length_mm <= step.to_mm)


@cache
def point_rule(name: str, version: str) -> PointRule:
    """Return a rule that this version ships, such as ("four-point", "1")."""
    text = resources.files(_RULES).joinpath(f"{name}-{version}.toml").read_text("utf-8")
    fields: dict[str, Any] = tomllib.loads(text)
    fields |= {way: tuple(_step(**step) for step in fields[way]) for way in ("along", "across")}
    return PointRule(**fields)


def _step(points: int, to_inch: float | None = None) -> PointStep:
    return PointStep(None if to_inch is None else to_inch * MM_PER_INCH, points)
