"""What the REST interface takes and gives."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path as InPath
from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from qc_daemon.domain.page import InspectionLine, RollLine
from qc_daemon.domain.people import LONGEST_NAME

LARGEST = 2**63 - 1

Verdict = Literal["PASS", "FAIL", "REFER", "UNDECIDED"]
Number = Annotated[int, InPath(ge=1, le=LARGEST, description="Number of an inspection on this station.")]
Before = Annotated[int | None, Query(ge=1, le=LARGEST, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Rows at most.")]
# PostgreSQL keeps no NUL in a text, and nobody types control characters.
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
# Latin and Chinese words with single spaces between them: what a scanner or a PLC can also say.
_WORDS = r"^[!-~\u00a1-\u024f\u4e00-\u9fff]( ?[!-~\u00a1-\u024f\u4e00-\u9fff])*$"
Name = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=LONGEST_NAME,
        pattern=_WORDS,
    ),
]
After = Annotated[int, Query(ge=0, le=LARGEST, description="Number of the last one that was heard.")]
Filter = Annotated[str, Query(max_length=200, pattern=_PRINTABLE)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*\S[^\x00]*$")]


class Inspections(BaseModel):
    """Inspections from the newest back; `next` is the `before` of the next page, null at the end."""

    items: tuple[InspectionLine, ...]
    next: int | None


class ShareModel(BaseModel):
    """Share of a fibre in percent by mass, with its interval and what the label says.

    `uncleaned_percent`: had the debris in the image not been filled; null if nothing was.
    """

    fibre: str
    percent: float
    lo: float
    hi: float
    declared_percent: float | None
    uncleaned_percent: float | None


class InspectionModel(BaseModel):
    """One inspection: its line, its shares, why its verdict is what it is, and its reports."""

    inspection: InspectionLine
    shares: tuple[ShareModel, ...]
    reasons: tuple[str, ...]
    reports: tuple[str, ...] = Field(description="SHA-256 of each certificate, newest first.")


class Rolls(BaseModel):
    """Rolls, the one that was inspected last first."""

    items: tuple[RollLine, ...]
    next: int | None


class VerdictOut(BaseModel):
    """A verdict for who follows the line: ask again with `after` of the last one."""

    number: int
    specimen: str
    lot: str
    roll: str
    position_m: float
    verdict: Verdict
    accepted_at: datetime


class Verdicts(BaseModel):
    """Verdicts in the order of their numbers; an UNDECIDED one ends the list until it is decided."""

    items: tuple[VerdictOut, ...]


class RollOrderIn(BaseModel):
    """A roll that is to be inspected, with its declared label."""

    model_config = ConfigDict(extra="forbid")

    order: Name
    lot: Name
    roll: Name
    label: Annotated[str, StringConstraints(max_length=500)] = Field(
        "", description='"cotton 60 polyester 40"'
    )


class RollOrderOut(BaseModel):
    """An order as the station keeps it."""

    order: str
    lot: str
    roll: str
    label: str
    ordered_by: str
    ordered_at: datetime


class RollOrders(BaseModel):
    """Orders, the newest first."""

    items: tuple[RollOrderOut, ...]
    next: int | None


class AlarmAction(BaseModel):
    """What is done about an alarm, and why."""

    model_config = ConfigDict(extra="forbid")

    code: Name
    subject: Annotated[str, StringConstraints(max_length=200)] = ""
    why: Reason


class Done(BaseModel):
    """It was done."""

    done: Literal[True] = True


class Health(BaseModel):
    """The health of the station, as `qc-daemon status --json` prints it."""

    state: str
    heartbeat_at: str
    instruments: dict[str, Any]
    journal_pending: int
    alarms: tuple[str, ...]
