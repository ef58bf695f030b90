import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from builders_reports import TRIGGERED_AT, a_composition
from pypdf import PdfReader

from qc_daemon.domain.availability import availability
from qc_daemon.domain.composition import FibreShare
from qc_daemon.domain.label import parse_label
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
from qc_daemon.domain.rules import TOLERANCES
from qc_daemon.domain.sampling import InspectionFigures, SamplingPlan, judge_lot
from qc_daemon.domain.verdict import Outcome, judge
from reports.daily_report import CheckLimits, DailyReport, daily_sheet
from reports.lot_report import LotReport, lot_sheet
from reports.seal import is_intact
from reports.spc import ControlRules, baseline, capability, check_plot, p_plot
from reports.typesetting import typeset

GB = TOLERANCES["GB/T 29862-2013"]
RULES = ControlRules(10, 0.3)
MIDNIGHT = TRIGGERED_AT.replace(hour=0, minute=0, second=0)


def lot_report(*cottons, rolls=2):
    """A lot whose rolls have a specimen for each share of cotton, declared at 60 %."""
    label = parse_label("cotton 60 polyester 40")
    plan = SamplingPlan(3, 2)
    inspections = []
    for roll in range(rolls):
        for place, cotton in enumerate(cottons):
            shares = {"cotton": (cotton, cotton - 2, cotton + 2)}
            shares["polyester"] = (100 - cotton, 98 - cotton, 102 - cotton)
            figures = InspectionFigures(
                f"S-{roll}-{place}", f"R-{roll}", 10.0 * place, label,
                tuple(FibreShare(name, *ends) for name, ends in shares.items()), 0.9,
                judge(a_composition(shares), label, GB, ()),
            )  # fmt: skip
            inspections.append(LotInspection(len(inspections) + 1, TRIGGERED_AT, False, figures))
    record = LotRecord(
        "L26-1107", GB, "conventional regain", tuple(inspections), (99,), LedgerHead(5, "a" * 64)
    )
    judgement = judge_lot([one.figures for one in inspections], GB, plan)
    return LotReport(record, judgement, plan, "Line 3", TRIGGERED_AT)


def points(*residuals, broken=()):
    return tuple(
        CheckPoint(MIDNIGHT - timedelta(days=len(residuals) - k), residual, "1_3s" if k in broken else "")
        for k, residual in enumerate(residuals)
    )


def daily_report(**changes):
    inspections = tuple(
        DayInspection(n, f"L-{n % 2}", MIDNIGHT + timedelta(minutes=30 * n), outcome, False)
        for n, outcome in enumerate([Outcome.PASS, Outcome.FAIL, Outcome.REFER, Outcome.PASS, None] * 6)
    )
    record = DayRecord(
        day=MIDNIGHT.date(),
        inspections=inspections,
        defects=(DefectCount("hole", "major", 4, 3), DefectCount("stain", "minor", 31, 17)),
        changes=(
            StateChange("spectrometer", "ready", MIDNIGHT - timedelta(days=3)),
            StateChange("spectrometer", "lost", MIDNIGHT + timedelta(hours=6)),
            StateChange("spectrometer", "ready", MIDNIGHT + timedelta(hours=12)),
        ),
        series=(CheckSeries("6460027", "tile", "GREY-50", 1300.0, points(*[0.001, -0.001, 0.002] * 10)),),
        alarms=(AlarmOfDay("store", "", "database is locked", MIDNIGHT + timedelta(hours=5), None),),
        references=3,
        ledger=None,
    )
    report = DailyReport(record, "Line 3", RULES, CheckLimits(2.0, 1.0), MIDNIGHT + timedelta(days=1))
    return replace(report, record=replace(record, **changes))


def text_of(sheet):
    reader = PdfReader(io.BytesIO(typeset(sheet)))
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def test_the_report_of_a_lot_says_its_verdict_means_spread_and_every_inspection():
    text = text_of(lot_sheet(lot_report(59.5, 60.0, 60.5), "en"))
    for words in (
        "Lot L26-1107", "PASS 合格", "Rolls (usable) 2 (2)", "Specimens (usable) 6 (6)",
        "3 specimens per roll, 2 rolls per lot", "UNDECIDED and left out: 1 inspections.",
        "Cotton 60 60.0 58.0 – 62.0 0.0 ± 5", "S-1-2", "R-0", "Cotton 60.5, Polyester 39.5",
    ):  # fmt: skip
        assert words in text, words


def test_a_lot_with_a_failed_specimen_is_referred_and_says_why_in_chinese():
    text = text_of(lot_sheet(lot_report(60.0, 60.0, 50.0, 60.0, 60.0), "zh"))
    assert "送检 REFER" in text
    assert "个别样品不合格" in text


def test_a_lot_of_too_few_specimens_has_no_means_and_names_the_plan():
    text = text_of(lot_sheet(lot_report(60.0, 60.0), "en"))
    assert "There are too few usable specimens for a mean of the lot." in text
    assert "Fewer rolls than the plan asks for (0 of 2)" in text


def test_the_record_of_a_lot_has_the_judgement_and_the_same_lot_gives_the_same_sealed_bytes():
    report = lot_report(59.5, 60.0, 60.5)
    pdf = typeset(lot_sheet(report, "both"))
    assert pdf == typeset(lot_sheet(report, "both"))
    assert is_intact(pdf)
    (content,) = PdfReader(io.BytesIO(pdf)).attachments["report.json"]
    record = json.loads(content)
    assert (record["verdict"], len(record["inspections"]), record["undecided"]) == ("PASS", 6, [99])
    assert record["shares"][0]["mean"]["percent"] == pytest.approx(60.0)


def test_many_rolls_and_specimens_with_long_names_stay_within_their_pages():
    report = lot_report(*[60.0 + 0.1 * k for k in range(12)], rolls=14)
    record = replace(
        report.record,
        lot="LOT-" * 30,
        inspections=tuple(
            replace(one, figures=replace(one.figures, specimen="A-specimen-of-a-very-long-name-" * 3))
            for one in report.record.inspections
        ),
    )
    reader = PdfReader(io.BytesIO(typeset(lot_sheet(replace(report, record=record), "en"))))
    assert 5 <= len(reader.pages) <= 25
    assert f"Page {len(reader.pages)} of {len(reader.pages)}" in reader.pages[-1].extract_text()


def test_the_report_of_a_day_counts_verdicts_defects_hours_and_alarms():
    text = text_of(daily_sheet(daily_report(), "en"))
    for words in (
        "2026-11-24", "Inspected 30", "PASS 12", "FAIL 6", "REFER 6", "UNDECIDED 6",
        "L-0 15 6 3 3 3", "hole major 4 3", "stain minor 31 17", "Spectrometer 75.0 18.0 / 24.0 1",
        "05:00 active store: database is locked", "3 white references", "Cpk",
    ):  # fmt: skip
        assert words in text, words


def test_a_day_without_anything_says_so_in_both_languages():
    empty = daily_report(inspections=(), defects=(), changes=(), series=(), alarms=(), references=0)
    text = text_of(daily_sheet(empty, "both"))
    for words in ("当日没有检验", "Nothing was inspected", "No alarm was raised", "No states of instruments"):
        assert words in text


def test_availability_counts_only_recorded_time_in_which_results_may_be_used():
    start, end = MIDNIGHT, MIDNIGHT + timedelta(days=1)
    changes = [
        StateChange("camera", "warming", start + timedelta(hours=20)),
        StateChange("camera", "degraded", start + timedelta(hours=21)),
        StateChange("camera", "lost", start + timedelta(hours=23)),
    ]
    (camera,) = availability(changes, start, end)
    assert (camera.recorded_s, camera.available_s, camera.lost) == (4 * 3600, 2 * 3600, 1)
    assert camera.share == 0.5
    assert availability([], start, end) == ()


def test_cpk_is_given_only_of_a_long_and_steady_process():
    steady = [0.001, -0.001] * 13
    assert capability(points(*steady), 0.02) == pytest.approx(0.02 / (3 * 0.002 / 1.128))
    assert capability(points(*steady[:24]), 0.02) is None
    assert capability(points(*steady, 0.05, broken=(26,)), 0.02) is None
    assert capability(points(*[0.0] * 30), 0.02) is None


def test_a_chart_has_limits_from_its_first_steady_checks_and_marks_what_broke_a_rule():
    residuals = [1.0, -1.0] * 5 + [9.0]
    plot = check_plot(points(*residuals, broken=(10,)), 1.0, RULES)
    assert [broken for _, _, broken in plot.points] == [False] * 10 + [True]
    assert len(plot.limits) == 2 and len(plot.smooth) == 11
    assert baseline(points(*residuals[:9]), 1.0, RULES) is None
    assert check_plot(points(1.0, 2.0), 1.0, RULES).limits == ()
    assert all(0.0 <= up <= 1.0 for _, up, _ in plot.points)


def test_a_p_chart_needs_enough_inspections_in_all_and_each_hour_and_a_fail():
    assert p_plot([(0, 10, 1), (1, 9, 1)]) is None
    assert p_plot([(0, 10, 0), (1, 10, 0)]) is None
    assert p_plot([(hour, 2, hour % 2) for hour in range(12)]) is None  # even 2 of 2 would break no limit
    plot = p_plot([(0, 50, 1), (1, 50, 2), (2, 50, 40)])
    assert [broken for _, _, broken in plot.points] == [True, True, True]  # the mean is that of all
    assert plot.centre == pytest.approx(43 / 150 / (0.8 * 1.05), rel=1e-3)
