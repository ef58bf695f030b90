"""What reports of lots and days are about: inspections in few words, checks, and hours of instruments."""

from dataclasses import dataclass
from datetime import date, datetime

from qc_daemon.domain.ledger import LedgerHead
from qc_daemon.domain.rules import Tolerance
from qc_daemon.domain.sampling import InspectionFigures
from qc_daemon.domain.verdict import Outcome


@dataclass(frozen=True, slots=True)
class LotInspection:
    """One inspection of a lot with a conclusion; shares as its own rule counts them."""

    number: int
    accepted_at: datetime
    simulated: bool
    figures: InspectionFigures


@dataclass(frozen=True, slots=True)
class LotRecord:
    """All inspections of a lot.

    Attributes:
        rule: that the newest of them was judged by; None while all are UNDECIDED.
        undecided: numbers of those without a conclusion.
        basis: mass basis of the shares.
    """

    lot: str
    rule: Tolerance | None
    basis: str
    inspections: tuple[LotInspection, ...]
    undecided: tuple[int, ...]
    ledger: LedgerHead | None


@dataclass(frozen=True, slots=True)
class DayInspection:
    """One inspection of a day; `outcome` is None while UNDECIDED."""

    number: int
    lot: str
    accepted_at: datetime
    outcome: Outcome | None
    simulated: bool


@dataclass(frozen=True, slots=True)
class DefectCount:
    """Defects of one kind and severity, and in how many inspections."""

    kind: str
    severity: str
    defects: int
    inspections: int


@dataclass(frozen=True, slots=True)
class StateChange:
    """That an instrument passed to a state that lasts ("ready", "lost")."""

    instrument: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CheckPoint:
    """One value of a chart: measured less certified, and the rule that it broke ("" if none)."""

    at: datetime
    residual: float
    rule: str


@dataclass(frozen=True, slots=True)
class CheckSeries:
    """Residuals of one position of a standard, oldest first.

    Attributes:
        kind: "tile" (reflectance 0..1) or "wavelength" (nm).
    """

    serial: str
    kind: str
    standard_id: str
    position_nm: float
    points: tuple[CheckPoint, ...]


@dataclass(frozen=True, slots=True)
class AlarmOfDay:
    """An alarm that came on a day, and when it went; None while it is active."""

    code: str
    subject: str
    message: str
    raised_at: datetime
    cleared_at: datetime | None


@dataclass(frozen=True, slots=True)
class DayRecord:
    """What happened on a UTC day.

    Attributes:
        changes: of instruments on that day, oldest first, behind the last one before it of each.
        series: of each position of a standard, up to the end of the day.
        references: how many white references were taken.
    """

    day: date
    inspections: tuple[DayInspection, ...]
    defects: tuple[DefectCount, ...]
    changes: tuple[StateChange, ...]
    series: tuple[CheckSeries, ...]
    alarms: tuple[AlarmOfDay, ...]
    references: int
    ledger: LedgerHead | None
