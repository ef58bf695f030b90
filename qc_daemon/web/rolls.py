"""The rolls: how each was judged so far, and where its defects lie."""

import math
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.page import RollSheet
from qc_daemon.web.answers import NotFound
from qc_daemon.web.rendering import page
from qc_daemon.web.visitors import Visitor, known_visitor, parts_of

router = APIRouter(include_in_schema=False)

_ROWS = 25
_JUDGED = 2000  # a page judges no longer roll; `qc-daemon report --lot` does
_MARKS = 2000  # more on one map could not be told apart
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class RollMap:
    """The frame of a map: metres from `first_m`, `length_m` long, ticks every round number of metres."""

    first_m: float
    length_m: float
    field_mm: float
    ticks_m: tuple[float, ...]


@router.get("/rolls")
def rolls(
    request: Request, visitor: Annotated[Visitor, Depends(known_visitor)], before: str = ""
) -> Response:
    """List the rolls that were inspected last."""
    at = min(int(before), _LARGEST) if before.isascii() and before.isdecimal() else None
    lines = parts_of(request).reader.rolls(at, _ROWS + 1)
    older = lines[_ROWS - 1].last_number if len(lines) > _ROWS else None
    return page(request, visitor, "rolls.html", lines=lines[:_ROWS], older=older)


@router.get("/roll")
def roll(
    request: Request, visitor: Annotated[Visitor, Depends(known_visitor)], lot: str = "", roll: str = ""
) -> Response:
    """Show one roll: its map, its defects, its inspections along it."""
    parts = parts_of(request)
    try:
        sheet = parts.reader.roll(lot, roll)
    except InputError as error:
        raise NotFound("no_roll") from error
    judgement = parts.judge_roll(lot, roll) if sheet.line.inspections <= _JUDGED else None
    why = judgement.verdict.reasons if judgement else ()
    reasons = [parts.wording.reason(reason, visitor.language) for reason in why]
    return page(
        request, visitor, "roll.html",
        sheet=sheet, map=roll_map(sheet), marks=sheet.marks[:_MARKS], judgement=judgement, reasons=reasons,
    )  # fmt: skip


def roll_map(sheet: RollSheet) -> RollMap:
    """Return a frame that holds every inspection of a roll, also where all lie at one metre."""
    first_m, last_m = sheet.line.first_m, sheet.line.last_m
    length_m = max(last_m - first_m, 1.0)
    step = next(
        step for step in (10.0**power * factor for power in range(-1, 9) for factor in (1, 2, 5))
        if length_m / step <= 10
    )  # fmt: skip
    start = math.ceil(first_m / step)
    count = int(length_m / step + 1e-9) + 1
    ticks = tuple(tick for tick in ((start + k) * step for k in range(count)) if tick <= first_m + length_m)
    return RollMap(first_m, length_m, sheet.field_mm or 1.0, ticks)
