import pytest
from builders import a_composition
from hypothesis import given
from hypothesis import strategies as st

from qc_daemon.domain.composition import FibreShare
from qc_daemon.domain.fibres import FIBRES
from qc_daemon.domain.label import parse_label
from qc_daemon.domain.mass_basis import (
    BASES,
    DRY_MASS,
    REGAINS,
    compared_basis,
    conversion_obstacle,
    on_basis,
)
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import TOLERANCES, Tolerance
from qc_daemon.domain.verdict import Outcome, judge, judged_shares

CHINESE, EUROPEAN = "conventional regain", "agreed allowances"


def shares_of(cotton: float, half_width: float = 0.0, other: str = "polyester") -> tuple[FibreShare, ...]:
    lo, hi = max(cotton - half_width, 0.0), min(cotton + half_width, 100.0)
    return (FibreShare("cotton", cotton, lo, hi), FibreShare(other, 100 - cotton, 100 - hi, 100 - lo))


@pytest.mark.parametrize(
    ("basis", "other", "expected"),
    [
        # 60 (1 + 0.085) of 60 (1 + 0.085) + 40 (1 + r)
        (CHINESE, "polyester", 100 * 65.1 / (65.1 + 40 * 1.004)),
        (EUROPEAN, "polyester", 100 * 65.1 / (65.1 + 40 * 1.015)),
        (CHINESE, "wool", 100 * 65.1 / (65.1 + 40 * 1.16)),
        (EUROPEAN, "wool", 100 * 65.1 / (65.1 + 40 * 1.17)),
        (EUROPEAN, "nylon", 100 * 65.1 / (65.1 + 40 * 1.0625)),
        (CHINESE, "viscose", 100 * 65.1 / (65.1 + 40 * 1.13)),
    ],
)
def test_dry_mass_becomes_mass_with_regain(basis: str, other: str, expected: float) -> None:
    converted = on_basis(shares_of(60.0, other=other), DRY_MASS, basis)
    assert converted[0].percent == pytest.approx(expected)
    assert sum(share.percent for share in converted) == pytest.approx(100.0)


@given(st.floats(0, 100), st.floats(0, 40), st.sampled_from(BASES), st.sampled_from(BASES))
def test_a_conversion_keeps_order_sum_and_comes_back(
    cotton: float, half: float, one: str, other: str
) -> None:
    shares = shares_of(cotton, half)
    there = on_basis(shares, one, other)
    back = on_basis(there, other, one)
    assert sum(share.percent for share in there) == pytest.approx(100.0)
    for before, between, after in zip(shares, there, back, strict=True):
        assert between.lo <= between.percent <= between.hi
        assert (after.percent, after.lo, after.hi) == pytest.approx((before.percent, before.lo, before.hi))


def test_the_ends_of_an_interval_of_two_fibres_are_converted_like_shares() -> None:
    lo, hi = (on_basis(shares_of(end), DRY_MASS, CHINESE)[0].percent for end in (55.0, 65.0))
    converted = on_basis(shares_of(60.0, 5.0), DRY_MASS, CHINESE)[0]
    assert (converted.lo, converted.hi) == pytest.approx((lo, hi))


def test_shares_as_labelled_and_rules_without_a_basis_are_left_as_they_are() -> None:
    shares = shares_of(60.0, 2.0)
    assert on_basis(shares, "as labelled, percent by mass", CHINESE) == shares
    assert on_basis(shares, "whatever", "") == shares
    assert compared_basis("as labelled, percent by mass", CHINESE) == "as labelled, percent by mass"
    assert compared_basis(DRY_MASS, CHINESE) == CHINESE


def test_an_unknown_basis_or_regain_is_an_obstacle() -> None:
    assert conversion_obstacle(shares_of(60.0), "air dry", CHINESE) == Reason(
        ReasonCode.BASIS_UNKNOWN, "air dry"
    )
    acetate = shares_of(60.0, other="acetate")
    assert conversion_obstacle(acetate, DRY_MASS, CHINESE) == Reason(ReasonCode.REGAIN_UNKNOWN, "acetate")
    assert conversion_obstacle(acetate, DRY_MASS, EUROPEAN) is None
    assert conversion_obstacle(shares_of(100.0, other="acetate"), DRY_MASS, CHINESE) is None


def test_a_verdict_is_on_the_basis_of_the_label() -> None:
    """Dry cotton 56 is cotton 57.6 with agreed allowances: within 3 of 60 only then."""
    label, rule = parse_label("cotton 60 polyester 40"), TOLERANCES["EU 1007/2011"]
    composition = a_composition(
        {"cotton": (56.0, 56.0, 56.0), "polyester": (44.0, 44.0, 44.0)}, basis=DRY_MASS
    )
    assert judge(composition, label, rule, ()).outcome is Outcome.PASS
    assert judged_shares(composition, label, rule)[0].percent == pytest.approx(57.64, abs=0.01)
    labelled = a_composition({"cotton": (56.0, 56.0, 56.0), "polyester": (44.0, 44.0, 44.0)})
    assert judge(labelled, label, rule, ()).outcome is Outcome.FAIL


def test_a_basis_that_cannot_be_converted_is_referred_with_the_reason() -> None:
    composition = a_composition(
        {"cotton": (60.0, 60.0, 60.0), "polyester": (40.0, 40.0, 40.0)}, basis="air dry"
    )
    label, rule = parse_label("cotton 60 polyester 40"), TOLERANCES["GB/T 29862-2013"]
    assert judge(composition, label, rule, ()).reasons == (Reason(ReasonCode.BASIS_UNKNOWN, "air dry"),)
    assert judged_shares(composition, label, rule) == composition.shares


def test_every_regain_is_of_a_fibre_that_a_label_may_name_and_has_a_source() -> None:
    names = {fibre.name for fibre in FIBRES}
    for regains in REGAINS.values():
        assert set(regains.percent) <= names
        assert all(0.0 <= percent <= 20.0 for percent in regains.percent.values())
        assert regains.source
    assert {"cotton", "linen", "nylon", "polyester", "viscose", "wool"} <= set(REGAINS[CHINESE].percent)
    assert names - set(REGAINS[EUROPEAN].percent) == {"other fibres"}


@pytest.mark.parametrize("rule", TOLERANCES.values(), ids=lambda rule: rule.name)
@pytest.mark.parametrize("fibre", [fibre.name for fibre in FIBRES])
def test_every_fibre_of_a_label_is_converted_by_its_regain_or_referred_for_want_of_one(
    fibre: str, rule: Tolerance
) -> None:
    other = "polyester" if fibre == "cotton" else "cotton"
    certain = {fibre: (60.0, 60.0, 60.0), other: (40.0, 40.0, 40.0)}
    label = parse_label(f"{fibre} 60 {other} 40")
    dry = a_composition(certain, basis=DRY_MASS)
    verdict, judged = judge(dry, label, rule, ()), judged_shares(dry, label, rule)
    if (regain := REGAINS[rule.basis].percent.get(fibre)) is None:
        assert verdict.outcome is Outcome.REFER
        assert Reason(ReasonCode.REGAIN_UNKNOWN, fibre) in verdict.reasons
        assert judged == dry.shares
    else:
        with_it, rest = 60 * (1 + regain / 100), 40 * (1 + REGAINS[rule.basis].percent[other] / 100)
        assert judged[0].percent == pytest.approx(100 * with_it / (with_it + rest))
        assert ReasonCode.REGAIN_UNKNOWN not in {reason.code for reason in verdict.reasons}
    labelled = judge(a_composition(certain), label, rule, ())
    assert labelled.outcome is Outcome.PASS, "shares as labelled need no regain"
