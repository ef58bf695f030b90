import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from qc_daemon.domain.composition import FibreShare
from qc_daemon.domain.label import parse_label
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import TOLERANCES
from qc_daemon.domain.sampling import (
    InspectionFigures,
    SamplingPlan,
    judge_lot,
    judge_roll,
    student_quantile,
)
from qc_daemon.domain.verdict import Outcome, Verdict, compare

GB = TOLERANCES["GB/T 29862-2013"]
BLEND = parse_label("cotton 60 polyester 40")
PLAN = SamplingPlan(specimens_per_roll=3, rolls_per_lot=2)


def inspected(cotton: float, half_width: float = 1.0, roll: str = "R-1", label=BLEND, findings=()):
    """An inspection of a blend of two; its own verdict is that of its shares unless there are findings."""
    ends = (max(cotton - half_width, 0.0), min(cotton + half_width, 100.0))
    shares = (
        FibreShare("cotton", cotton, *ends),
        FibreShare("polyester", 100.0 - cotton, 100.0 - ends[1], 100.0 - ends[0]),
    )
    verdict = compare(shares, label or BLEND, GB)
    if findings:
        verdict = Verdict(Outcome.REFER, tuple(findings))
    return InspectionFigures("S", roll, 0.0, label, shares, 0.9, verdict)


def codes(verdict: Verdict) -> list[ReasonCode]:
    return [reason.code for reason in verdict.reasons]


def test_a_roll_of_alike_specimens_passes():
    roll = judge_roll([inspected(60.0), inspected(61.0), inspected(59.0)], GB, PLAN)
    assert (roll.verdict.outcome, roll.usable) == (Outcome.PASS, 3)
    cotton = roll.shares[0]
    assert (cotton.mean.percent, cotton.spread_pp) == (pytest.approx(60.0), pytest.approx(1.0))


def test_the_interval_of_a_mean_adds_the_model_whole_and_the_cloth_by_the_count():
    roll = judge_roll([inspected(60.0), inspected(61.0), inspected(59.0)], GB, PLAN)
    half_width = np.hypot(1.0, 2.92 * 1.0 / np.sqrt(3.0))
    assert roll.shares[0].mean.hi - 60.0 == pytest.approx(half_width, abs=1e-3)


@given(st.integers(2, 40), st.floats(0.0, 5.0))
def test_more_specimens_never_make_a_mean_surer_than_the_model(count: int, half_width: float):
    roll = judge_roll([inspected(50.0, half_width)] * count, GB, PLAN)
    mean = roll.shares[0].mean
    assert mean.hi - mean.lo == pytest.approx(2.0 * half_width)


def test_a_wide_spread_refers_a_roll_that_a_mean_alone_would_pass():
    roll = judge_roll([inspected(56.0), inspected(60.0), inspected(64.0)], GB, PLAN)
    assert roll.shares[0].mean.percent == pytest.approx(60.0)
    assert roll.verdict.outcome is Outcome.REFER
    assert ReasonCode.UNDECIDED_WITHIN_UNCERTAINTY in codes(roll.verdict)


def test_a_roll_that_is_surely_off_its_label_fails():
    assert (
        judge_roll([inspected(80.0), inspected(81.0), inspected(80.5)], GB, PLAN).verdict.outcome
        is Outcome.FAIL
    )


def test_fewer_usable_specimens_than_the_plan_asks_for_refer_a_roll():
    unusable = inspected(60.0, findings=[Reason(ReasonCode.SATURATED)])
    roll = judge_roll([inspected(60.0), inspected(60.0), unusable], GB, PLAN)
    assert roll.verdict.reasons == (Reason(ReasonCode.TOO_FEW_SPECIMENS, "", 2.0, 3.0),)


@pytest.mark.parametrize(
    ("reason", "usable"),
    [
        (ReasonCode.SATURATED, False),
        (ReasonCode.NOVEL, False),
        (ReasonCode.BLEND_OUTSIDE_MODEL, False),
        (ReasonCode.FIBRE_OUTSIDE_MODEL, False),
        (ReasonCode.REGAIN_UNKNOWN, False),
        (ReasonCode.REFERENCE_AGEING, True),
        (ReasonCode.UNDECIDED_WITHIN_UNCERTAINTY, True),
        (ReasonCode.ONE_SIDED, True),
        (ReasonCode.OUTSIDE_TOLERANCE, True),
    ],
)
def test_a_specimen_counts_if_it_was_measured_and_compared(reason: ReasonCode, usable: bool):
    assert inspected(60.0, findings=[Reason(reason)]).usable is usable


def test_a_specimen_without_shares_does_not_count():
    empty = InspectionFigures("S", "R-1", 0.0, BLEND, (), 0.9, Verdict(Outcome.REFER, ()))
    assert not empty.usable
    assert judge_roll([empty], GB, PLAN).verdict.outcome is Outcome.REFER


def test_one_failed_specimen_among_good_ones_refers_the_roll():
    roll = judge_roll([*[inspected(60.0, 0.1)] * 20, inspected(70.0, 0.1)], GB, PLAN)
    assert roll.verdict.outcome is Outcome.REFER
    assert roll.verdict.reasons[-1] == Reason(ReasonCode.SPECIMENS_FAILED, "", 1.0, 21.0)


def test_specimens_of_different_labels_are_not_judged_together():
    other = parse_label("cotton 50 polyester 50")
    roll = judge_roll([inspected(60.0), inspected(60.0), inspected(60.0, label=other)], GB, PLAN)
    assert codes(roll.verdict) == [ReasonCode.LABELS_DIFFER]
    assert codes(judge_roll([inspected(60.0, label=None)] * 3, GB, PLAN).verdict) == [ReasonCode.NO_LABEL]


def test_a_label_in_other_words_is_the_same_label():
    zh = parse_label("涤纶40% 棉60%")
    roll = judge_roll([inspected(60.0), inspected(60.0, label=zh), inspected(60.0)], GB, PLAN)
    assert roll.verdict.outcome is Outcome.PASS


def lot_of(*cotton_by_roll: float, each: int = 3, half_width: float = 1.0):
    return [
        inspected(cotton, half_width, roll=f"R-{number}")
        for number, cotton in enumerate(cotton_by_roll)
        for _ in range(each)
    ]


def test_a_lot_of_alike_rolls_passes_and_names_its_rolls():
    lot = judge_lot(lot_of(60.0, 60.2, 59.8), GB, PLAN)
    assert (lot.verdict.outcome, lot.usable_rolls) == (Outcome.PASS, 3)
    assert [roll.roll for roll in lot.rolls] == ["R-0", "R-1", "R-2"]
    assert lot.label is BLEND


def test_a_lot_is_as_unsure_as_its_rolls_differ_however_many_specimens_each_has():
    few, many = (judge_lot(lot_of(58.0, 62.0, each=n), GB, PLAN) for n in (3, 12))
    assert few.shares[0].mean.hi == pytest.approx(many.shares[0].mean.hi)
    assert many.shares[0].spread_pp == pytest.approx(np.std([58.0, 62.0], ddof=1))
    assert many.verdict.outcome is Outcome.REFER


def test_a_lot_with_fewer_rolls_than_planned_is_referred_with_the_count():
    lot = judge_lot([*lot_of(60.0), inspected(60.0, roll="R-9")], GB, PLAN)
    assert lot.verdict.reasons == (Reason(ReasonCode.TOO_FEW_ROLLS, "", 1.0, 2.0),)


def test_a_lot_of_one_roll_may_be_planned():
    lot = judge_lot(lot_of(60.0), GB, SamplingPlan(3, 1))
    assert lot.verdict.outcome is Outcome.PASS
    assert lot.shares == lot.rolls[0].shares


def test_a_lot_whose_rolls_all_fail_fails():
    assert judge_lot(lot_of(80.0, 80.5, 81.0), GB, PLAN).verdict.outcome is Outcome.FAIL


def test_nothing_inspected_is_referred():
    assert judge_lot([], GB, PLAN).verdict.outcome is Outcome.REFER


@pytest.mark.parametrize("plan", [(1, 1), (3, 0)])
def test_a_plan_of_one_specimen_is_refused(plan: tuple[int, int]):
    with pytest.raises(ValueError, match="at least 2 specimens per roll and 1 roll"):
        SamplingPlan(*plan)


@pytest.mark.parametrize("freedom", [1, 2, 3, 7, 30, 200])
@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.95])
def test_student_quantiles_are_those_of_scipy(freedom: int, coverage: float):
    assert student_quantile(coverage, freedom) == pytest.approx(
        student.ppf((1 + coverage) / 2, freedom), rel=1e-5
    )
