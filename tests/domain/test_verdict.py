from builders import a_composition
from hypothesis import given
from hypothesis import strategies as st

from qc_daemon.domain.label import parse_label
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import TOLERANCES
from qc_daemon.domain.verdict import Outcome, judge

GB = TOLERANCES["GB/T 29862-2013"]
EU = TOLERANCES["EU 1007/2011"]
BLEND = parse_label("cotton 60 polyester 40")


def blend(cotton: float, half_width: float):
    return a_composition(
        {
            "cotton": (cotton - half_width, cotton, cotton + half_width),
            "polyester": (100 - cotton - half_width, 100 - cotton, 100 - cotton + half_width),
        }
    )


def test_pass_needs_the_whole_interval_inside_the_tolerance() -> None:
    assert judge(blend(61.0, 3.0), BLEND, GB, ()).outcome is Outcome.PASS


def test_fail_needs_the_whole_interval_outside_the_tolerance() -> None:
    verdict = judge(blend(75.0, 3.0), BLEND, GB, ())
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reasons[0] == Reason(ReasonCode.OUTSIDE_TOLERANCE, "cotton", 15.0, 5.0)


def test_an_interval_across_the_limit_is_referred() -> None:
    verdict = judge(blend(64.0, 3.0), BLEND, GB, ())
    assert verdict.outcome is Outcome.REFER
    assert verdict.reasons[0].code is ReasonCode.UNDECIDED_WITHIN_UNCERTAINTY


def test_the_european_rule_is_narrower_than_the_chinese_one() -> None:
    assert judge(blend(64.0, 0.5), BLEND, GB, ()).outcome is Outcome.PASS
    assert judge(blend(64.0, 0.5), BLEND, EU, ()).outcome is Outcome.FAIL


def test_minor_components_have_the_smaller_tolerance() -> None:
    label = parse_label("cotton 92 polyester 8")
    assert judge(blend(96.0, 0.5), label, GB, ()).outcome is Outcome.FAIL


def test_a_deviation_that_no_other_fibre_makes_up_for_is_referred() -> None:
    """The network lost sight of the polyester: its interval is narrow and wrong, the others are wide."""
    composition = a_composition(
        {"cotton": (40.0, 75.0, 100.0), "polyester": (0.0, 0.0, 1.0), "wool": (0.0, 25.0, 60.0)}
    )
    verdict = judge(composition, BLEND, GB, ())
    assert verdict.outcome is Outcome.REFER
    assert verdict.reasons[-1] == Reason(ReasonCode.ONE_SIDED)


def test_a_deviation_that_another_fibre_makes_up_for_fails() -> None:
    composition = a_composition(
        {"cotton": (65.0, 75.0, 85.0), "polyester": (0.0, 0.0, 1.0), "wool": (0.0, 25.0, 60.0)}
    )
    assert judge(composition, BLEND, GB, ()).outcome is Outcome.FAIL


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_a_certain_answer_is_never_referred_for_one_side(cotton: int, nylon: int, declared: int) -> None:
    nylon = min(nylon, 100 - cotton)
    true = {"cotton": cotton, "nylon": nylon, "polyester": 100 - cotton - nylon}
    composition = a_composition({name: (float(p), float(p), float(p)) for name, p in true.items()})
    label = parse_label(f"cotton {declared} polyester {100 - declared}")
    for tolerance in TOLERANCES.values():
        assert judge(composition, label, tolerance, ()).outcome is not Outcome.REFER


def test_an_undeclared_fibre_fails() -> None:
    verdict = judge(blend(80.0, 2.0), parse_label("cotton 100"), GB, ())
    assert verdict.outcome is Outcome.FAIL
    assert ReasonCode.UNDECLARED_FIBRE in [reason.code for reason in verdict.reasons]


def test_without_a_label_nothing_is_passed_or_failed() -> None:
    verdict = judge(blend(60.0, 1.0), None, GB, ())
    assert (verdict.outcome, verdict.reasons) == (Outcome.REFER, (Reason(ReasonCode.NO_LABEL),))


def test_a_novel_specimen_is_referred_even_if_its_shares_fit() -> None:
    composition = a_composition(
        {"cotton": (59, 60, 61), "polyester": (39, 40, 41)}, novelty=2.0, main_fibre="unknown"
    )
    assert judge(composition, BLEND, GB, ()).outcome is Outcome.REFER


def test_a_declared_fibre_that_the_model_does_not_know_is_referred() -> None:
    verdict = judge(blend(60.0, 1.0), parse_label("cotton 60 silk 40"), GB, ())
    assert verdict.reasons == (Reason(ReasonCode.FIBRE_OUTSIDE_MODEL, "silk"),)


def test_any_finding_of_the_gates_leads_to_refer() -> None:
    finding = Reason(ReasonCode.SATURATED)
    assert judge(None, BLEND, GB, [finding]).reasons == (finding,)
    assert judge(blend(60.0, 1.0), BLEND, GB, [finding]).outcome is Outcome.REFER


@given(st.floats(0, 100), st.floats(0, 30))
def test_a_wider_interval_never_turns_refer_into_an_answer(cotton: float, half_width: float) -> None:
    def outcome(width: float) -> Outcome:
        lo, hi = max(cotton - width, 0.0), min(cotton + width, 100.0)
        composition = a_composition(
            {"cotton": (lo, cotton, hi), "polyester": (100 - hi, 100 - cotton, 100 - lo)}
        )
        return judge(composition, BLEND, GB, ()).outcome

    if outcome(half_width) is Outcome.REFER:
        assert outcome(half_width + 1.0) is Outcome.REFER


@given(st.integers(0, 100))
def test_a_perfect_certain_answer_passes_every_label(cotton: int) -> None:
    label = parse_label(f"cotton {cotton} polyester {100 - cotton}")
    for tolerance in TOLERANCES.values():
        assert judge(blend(float(cotton), 0.0), label, tolerance, ()).outcome is Outcome.PASS
