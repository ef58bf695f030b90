"""Where on its roll a specimen lay, among the other places that were inspected; geometry in fractions."""

from collections.abc import Sequence
from dataclasses import dataclass

from qc_daemon.domain.surroundings import InspectedPosition
from reports.charts import Tick, axis_ticks

UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True)
class RollMark:
    """An inspected place: how far along (fraction), what came of it, and whether it is this one."""

    at: float
    outcome: str
    here: bool


@dataclass(frozen=True, slots=True)
class RollMap:
    """The roll from its start to the furthest inspected place; positions in metres on the ticks."""

    marks: tuple[RollMark, ...]
    ticks: tuple[Tick, ...]


def roll_map(positions: Sequence[InspectedPosition], here: int | None) -> RollMap | None:
    """Return the map of a roll; None with fewer than two places, when there is nothing to compare.

    Args:
        positions: what was inspected on it.
        here: number of the inspection that the map is for, drawn last; None for none.
    """
    furthest = max((place.position_m for place in positions), default=0.0)
    if len(positions) < 2 or furthest <= 0.0:
        return None
    end = furthest * 1.02  # so that the last mark is whole
    marks = [
        RollMark(
            round(place.position_m / end, 4),
            place.outcome.value if place.outcome else UNDECIDED,
            place.number == here,
        )
        for place in positions
    ]
    return RollMap(tuple(sorted(marks, key=lambda mark: (mark.here, mark.at))), axis_ticks(0.0, end, 8))
