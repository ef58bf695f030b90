"""Every boundary of every rule: at it, just inside, just outside; with and without an interval.

A row measures cotton against a label; polyester takes the rest, so each deviation has its other side.
"""

from dataclasses import replace

import pytest
from builders import a_composition

from qc_daemon.domain.label import parse_label
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import TOLERANCES, Tolerance
from qc_daemon.domain.verdict import Outcome, compare, judge, judged_shares

GB = TOLERANCES["GB/T 29862-2013"]
FILLINGS = TOLERANCES["GB/T 29862-2013 fillings"]
EU = TOLERANCES["EU 1007/2011"]
CARDED = TOLERANCES["EU 1007/2011 carded"]
BEFORE = Tolerance("GB/T 29862-2013", "1", "GB/T 29862-2013, 7.4", 5.0, 10.0, 3.0)
STEP = 0.01


def composed(**shares: float | tuple[float, float, float]):
    """A composition of fibres with shares, or with (lo, percent, hi)."""
    ends = {name: s if isinstance(s, tuple) else (s, s, s) for name, s in shares.items()}
    return a_composition(ends)


def blend(cotton: float, lo: float | None = None, hi: float | None = None):
    low, high = cotton if lo is None else lo, cotton if hi is None else hi
    return composed(cotton=(low, cotton, high), polyester=(100 - high, 100 - cotton, 100 - low))


def outcome_of(composition, label: str, rule: Tolerance) -> Outcome:
    return judge(composition, parse_label(label), rule, ()).outcome


# rule, cotton declared, allowed deviation of it (the smaller of the two fibres' decides)
DEVIATIONS = [
    (GB, 60.0, 5.0), (GB, 11.0, 5.0), (GB, 10.0, 3.0), (GB, 90.0, 3.0), (GB, 4.0, 3.0), (GB, 89.0, 5.0),
    (FILLINGS, 60.0, 5.0), (FILLINGS, 20.0, 5.0), (FILLINGS, 10.0, 5.0),
    (EU, 60.0, 3.0), (EU, 10.0, 3.0), (EU, 5.0, 3.0), (CARDED, 60.0, 3.0), (CARDED, 8.0, 3.0),
    (BEFORE, 60.0, 5.0), (BEFORE, 10.0, 3.0), (BEFORE, 11.0, 5.0),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "declared", "allowed"), DEVIATIONS)
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_certain_share_passes_up_to_the_allowed_deviation_and_fails_beyond(
    rule: Tolerance, declared: float, allowed: float, side: float
) -> None:
    label = f"cotton {declared:g} polyester {100 - declared:g}"
    limit = declared + side * allowed
    assert outcome_of(blend(limit), label, rule) is Outcome.PASS
    assert outcome_of(blend(limit - side * STEP), label, rule) is Outcome.PASS
    assert outcome_of(blend(limit + side * STEP), label, rule) is Outcome.FAIL


@pytest.mark.parametrize(("rule", "declared", "allowed"), DEVIATIONS)
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_an_interval_passes_wholly_inside_fails_wholly_outside_and_is_referred_between(
    rule: Tolerance, declared: float, allowed: float, side: float
) -> None:
    label = f"cotton {declared:g} polyester {100 - declared:g}"
    limit = declared + side * allowed

    def outcome(near: float, far: float) -> Outcome:
        lo, hi = sorted((limit + side * near, limit + side * far))
        return outcome_of(blend((lo + hi) / 2, lo, hi), label, rule)

    assert outcome(-0.5, 0.0) is Outcome.PASS  # it ends at the limit
    assert outcome(-0.5, -STEP) is Outcome.PASS
    assert outcome(-0.5, STEP) is Outcome.REFER
    assert outcome(0.0, 0.5) is Outcome.REFER  # it begins at the limit, which is still allowed
    assert outcome(STEP, 0.5) is Outcome.FAIL


# rule, allowed share of a fibre that is not declared, whether exactly that much is allowed
UNDECLARED = [
    (GB, 3.0, True),
    (FILLINGS, 5.0, True),
    (EU, 2.0, False),
    (CARDED, 5.0, False),
    (BEFORE, 5.0, True),
]


def pure(wool: float, lo: float, hi: float):
    return composed(cotton=(100 - hi, 100 - wool, 100 - lo), wool=(lo, wool, hi))


@pytest.mark.parametrize(("rule", "limit", "included"), UNDECLARED)
def test_a_certain_undeclared_fibre_passes_up_to_its_limit_and_fails_beyond(
    rule: Tolerance, limit: float, included: bool
) -> None:
    def outcome(wool: float) -> Outcome:
        return outcome_of(pure(wool, wool, wool), "cotton 100", rule)

    assert outcome(limit - STEP) is Outcome.PASS
    assert outcome(limit) is (Outcome.PASS if included else Outcome.FAIL)
    assert outcome(limit + STEP) is Outcome.FAIL


@pytest.mark.parametrize(("rule", "limit", "included"), UNDECLARED)
def test_an_interval_of_an_undeclared_fibre_is_judged_like_any_other(
    rule: Tolerance, limit: float, included: bool
) -> None:
    def outcome(lo: float, hi: float) -> Outcome:
        return outcome_of(pure((lo + hi) / 2, lo, hi), "cotton 100", rule)

    assert outcome(limit - 1.0, limit - STEP) is Outcome.PASS
    assert outcome(limit - 1.0, limit) is (Outcome.PASS if included else Outcome.REFER)
    assert outcome(limit - 1.0, limit + STEP) is Outcome.REFER
    assert outcome(limit, limit + 1.0) is (Outcome.REFER if included else Outcome.FAIL)
    assert outcome(limit + STEP, limit + 1.0) is Outcome.FAIL


@pytest.mark.parametrize(("rule", "limit", "included"), UNDECLARED[:4])
def test_undeclared_fibres_within_the_limit_each_but_not_together_are_referred(
    rule: Tolerance, limit: float, included: bool
) -> None:
    def verdict(each: float):
        composition = composed(cotton=50 - each, polyester=50 - each, wool=each, silk=each)
        return judge(composition, parse_label("cotton 50 polyester 50"), rule, ())

    assert verdict(limit / 2 - STEP).outcome is Outcome.PASS
    assert verdict(limit / 2).outcome is (Outcome.PASS if included else Outcome.REFER)
    beyond = verdict(limit / 2 + STEP)
    assert beyond.outcome is Outcome.REFER
    assert Reason(ReasonCode.UNDECLARED_TOTAL, "", pytest.approx(limit + 2 * STEP), limit) in beyond.reasons


def test_a_rule_of_before_does_not_ask_for_the_sum_of_undeclared_fibres() -> None:
    assert outcome_of(composed(cotton=94.0, wool=3.0, silk=3.0), "cotton 95 silk 5", BEFORE) is Outcome.PASS


TRACES = [(GB, 3.0), (FILLINGS, 5.0)]


@pytest.mark.parametrize(("rule", "limit"), TRACES)
def test_what_is_declared_at_little_must_not_be_absent(rule: Tolerance, limit: float) -> None:
    def verdict(declared: float, lo: float, percent: float, hi: float):
        label = parse_label(f"polyester {100 - declared:g} cotton {declared:g}")
        return judge(blend(percent, lo, hi), label, rule, ())

    certain = verdict(limit, 0.0, 0.0, 0.0)
    assert certain.outcome is Outcome.FAIL
    assert Reason(ReasonCode.DECLARED_ABSENT, "cotton", -limit, limit) in certain.reasons
    maybe = verdict(limit, 0.0, 0.5, 1.0)
    assert maybe.outcome is Outcome.REFER
    assert Reason(ReasonCode.DECLARED_UNSEEN, "cotton", 0.5 - limit, limit) in maybe.reasons
    assert verdict(limit, STEP, 0.5, 1.0).outcome is Outcome.PASS
    assert verdict(limit - 1.0, 0.0, 0.0, 0.0).outcome is Outcome.FAIL
    just_above = verdict(limit + STEP, 0.0, 0.0, 1.0)  # the plain deviation decides alone
    assert not {ReasonCode.DECLARED_ABSENT, ReasonCode.DECLARED_UNSEEN} & {r.code for r in just_above.reasons}


@pytest.mark.parametrize("rule", [EU, CARDED, BEFORE])
def test_other_rules_do_not_ask_for_traces(rule: Tolerance) -> None:
    assert outcome_of(blend(0.0), "cotton 2 polyester 98", rule) is Outcome.PASS


def test_the_union_takes_declared_fibres_without_extraneous_ones() -> None:
    """Article 20(3): 57 of 98.1 is 58.1, within 3 of 61; 57 of 100 is not."""
    composition = composed(cotton=57.0, polyester=41.1, wool=1.9)
    label = parse_label("cotton 61 polyester 39")
    shares = judged_shares(composition, label, EU)
    assert [share.percent for share in shares] == pytest.approx([5700 / 98.1, 4110 / 98.1, 1.9])
    assert judge(composition, label, EU, ()).outcome is Outcome.PASS
    assert judge(composition, label, replace(EU, undeclared_left_out=False), ()).outcome is not Outcome.PASS


def test_extraneous_fibres_beyond_the_limit_are_not_left_out() -> None:
    composition = composed(cotton=58.0, polyester=40.0, wool=2.0)
    shares = judged_shares(composition, parse_label("cotton 60 polyester 40"), EU)
    assert shares == composition.shares


@pytest.mark.parametrize("rule", TOLERANCES.values())
@pytest.mark.parametrize(
    "finding",
    [code for code in ReasonCode if not Reason(code).is_remark and code is not ReasonCode.WITHIN_TOLERANCE],
)
def test_no_finding_of_any_kind_lets_a_specimen_pass_or_fail(rule: Tolerance, finding: ReasonCode) -> None:
    label = parse_label("cotton 60 polyester 40")
    assert judge(blend(60.0), label, rule, [Reason(finding)]).outcome is Outcome.REFER
    assert judge(blend(90.0), label, rule, [Reason(finding)]).outcome is Outcome.REFER
    assert judge(None, label, rule, [Reason(finding)]).outcome is Outcome.REFER


@pytest.mark.parametrize("finding", [code for code in ReasonCode if Reason(code).is_remark])
def test_a_remark_decides_nothing_and_is_said(finding: ReasonCode) -> None:
    verdict = judge(blend(60.0), parse_label("cotton 60 polyester 40"), GB, [Reason(finding)])
    assert (verdict.outcome, verdict.reasons[-1].code) == (Outcome.PASS, finding)


def test_shares_are_compared_as_they_are_given() -> None:
    composition = blend(60.0)
    assert compare(composition.shares, parse_label("cotton 60 polyester 40"), GB).outcome is Outcome.PASS
