"""A lot and a day made up to try templates with, as `reports.golden` makes up an inspection.

Both come twice: full, with long names, several rolls, charts and alarms; and bare, with nothing that a
report can do without.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from qc_daemon.domain.composition import FibreShare
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.ledger import LedgerHead
from qc_daemon.domain.period_records import (
    AlarmOfDay,
    CheckPoint,
    CheckSeries,
    DayInspection,
    DayRecord,
    DefectCount,
    LotInspection,
    LotRecord,
    StateChange,
)
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import TOLERANCES
from qc_daemon.domain.sampling import InspectionFigures, SamplingPlan, judge_lot
from qc_daemon.domain.verdict import Outcome, Verdict, compare
from reports.daily_report import CheckLimits, DailyReport
from reports.golden import GOLDEN_LABEL, GOLDEN_SHARES
from reports.lot_report import LotReport
from reports.spc import ControlRules

_RULE = TOLERANCES["GB/T 29862-2013"]
_PLAN = SamplingPlan(3, 2)
_MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)
_ROLLS, _PLACES = 3, 4


def golden_lot() -> LotReport:
    """Return a lot of several rolls with five fibres."""
    figures = [
        _figures(f"SPECIMEN-{roll}-{place}-OF-A-LONG-NAME", f"ROLL-{roll}", 7.5 * place, 0.4 * (roll + place))
        for roll in range(_ROLLS)
        for place in range(_PLACES)
    ]
    return _lot("LOT-2026-01-OF-A-LONG-NAME", figures, (99,), LedgerHead(7, "0" * 64))


def bare_lot() -> LotReport:
    """Return a lot of one specimen without label, roll and shares."""
    verdict = Verdict(Outcome.REFER, (Reason(ReasonCode.NO_REFERENCE),))
    return _lot("L", [InspectionFigures("S", "", 0.0, None, (), 0.9, verdict)], (), None)


def golden_day() -> DailyReport:
    """Return a day with every verdict, several lots, defects, a lost instrument, charts and alarms."""
    outcomes = [Outcome.PASS, Outcome.PASS, Outcome.FAIL, Outcome.REFER, None] * 8
    inspections = tuple(
        DayInspection(n, f"LOT-{n % 3}-OF-A-LONG-NAME", _MIDNIGHT + timedelta(minutes=12 * n), outcome, True)
        for n, outcome in enumerate(outcomes)
    )
    changes = (
        StateChange("spectrometer", "ready", _MIDNIGHT - timedelta(hours=2)),
        StateChange("spectrometer", "lost", _MIDNIGHT + timedelta(hours=6)),
        StateChange("spectrometer", "ready", _MIDNIGHT + timedelta(hours=7)),
        StateChange("camera", "ready", _MIDNIGHT),
    )
    alarm = AlarmOfDay("store", "database", "database is locked " * 6, _MIDNIGHT + timedelta(hours=5), None)
    return _day(
        DayRecord(
            day=_MIDNIGHT.date(),
            inspections=inspections,
            defects=(DefectCount("hole", "major", 4, 3), DefectCount("stain", "minor", 31, 17)),
            changes=changes,
            series=(
                CheckSeries("golden", "tile", "GREY-50", 1300.0, _points(40, 0.002)),
                CheckSeries("golden", "wavelength", "PEAKS-1", 1534.6, _points(5, 0.2)),
            ),
            alarms=(alarm,),
            references=3,
            ledger=LedgerHead(7, "0" * 64),
        )
    )


def bare_day() -> DailyReport:
    """Return a day on which nothing happened."""
    return _day(DayRecord(_MIDNIGHT.date(), (), (), (), (), (), 0, None))


def _figures(specimen: str, roll: str, position_m: float, off_pp: float) -> InspectionFigures:
    """Return a specimen with `off_pp` more of the first golden fibre than usual, and less of the second."""
    changes = (off_pp, -off_pp, *[0.0] * (len(GOLDEN_SHARES) - 2))
    shares = tuple(
        FibreShare(one.fibre, one.percent + change, one.lo + change, one.hi + change)
        for one, change in zip(GOLDEN_SHARES, changes, strict=True)
    )
    label: DeclaredLabel = GOLDEN_LABEL
    return InspectionFigures(specimen, roll, position_m, label, shares, 0.9, compare(shares, label, _RULE))


def _lot(
    name: str, figures: Sequence[InspectionFigures], undecided: tuple[int, ...], ledger: LedgerHead | None
) -> LotReport:
    inspections = tuple(
        LotInspection(number, _MIDNIGHT + timedelta(minutes=number), True, one)
        for number, one in enumerate(figures, 1)
    )
    record = LotRecord(name, _RULE, "conventional regain", inspections, undecided, ledger)
    return LotReport(record, judge_lot(figures, _RULE, _PLAN), _PLAN, "Trial", _MIDNIGHT)


def _day(record: DayRecord) -> DailyReport:
    return DailyReport(
        record, "Trial", ControlRules(20, 0.2), CheckLimits(2.0, 1.0), _MIDNIGHT + timedelta(days=1)
    )


def _points(count: int, spread: float) -> tuple[CheckPoint, ...]:
    """Return residuals around zero, a day apart, the last but one out of control."""
    return tuple(
        CheckPoint(
            _MIDNIGHT - timedelta(days=count - k),
            spread * math.sin(2.4 * k),
            "1_3s" if k == count - 2 else "",
        )
        for k in range(count)
    )
