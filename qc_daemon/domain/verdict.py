"""The judgement: a declared label, a tolerance, and a guard band as wide as the uncertainty.

PASS only if the whole prediction interval of every fibre lies inside the tolerance. FAIL only if
the whole interval of some fibre lies outside and another fibre is seen to make up for it. Otherwise
REFER to wet chemistry. This is the decision rule with guard band w = U of ILAC-G8:09/2019, applied on
both sides, with one check more (docs/decisions/0006-a-fail-has-two-sides.md). Shares are compared on the
mass basis of the label.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from qc_daemon.domain.composition import Composition, FibreShare
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.mass_basis import conversion_obstacle, on_basis
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import Tolerance


class Outcome(StrEnum):
    """What is to be done with the specimen; REFER sends it to wet chemistry."""

    PASS = "PASS"
    FAIL = "FAIL"
    REFER = "REFER"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome and every reason for it."""

    outcome: Outcome
    reasons: tuple[Reason, ...]


def judge(
    composition: Composition | None,
    label: DeclaredLabel | None,
    tolerance: Tolerance,
    findings: Iterable[Reason],
) -> Verdict:
    """Judge a composition against a label; `findings` are what the quality gates had to say.

    Any finding, a missing label, a novel specimen, a declared fibre that the model does not know or a mass
    basis that cannot be converted leads to REFER: then the station has no ground to pass or fail. A finding
    that is a remark is said behind the reasons and decides nothing.
    """
    given = list(findings)
    remarks = tuple(finding for finding in given if finding.is_remark)
    obstacles = [finding for finding in given if not finding.is_remark]
    if label is None:
        obstacles.append(Reason(ReasonCode.NO_LABEL))
    if composition is not None and composition.novel:
        obstacles.append(Reason(ReasonCode.NOVEL, "", composition.novelty, composition.novelty_limit))
    if composition is not None and label is not None:
        obstacles += _incomparable(composition, label, tolerance)
    if obstacles or composition is None or label is None:
        return Verdict(Outcome.REFER, (*obstacles, *remarks))
    verdict = compare(judged_shares(composition, label, tolerance), label, tolerance)
    return Verdict(verdict.outcome, (*verdict.reasons, *remarks))


def judged_shares(
    composition: Composition, label: DeclaredLabel | None, tolerance: Tolerance
) -> tuple[FibreShare, ...]:
    """Return the shares as the rule compares them with the label: on its basis, by its way of counting.

    Where nothing can be converted (`Verdict` says so), they are those of the composition.
    """
    shares, basis = composition.shares, composition.basis
    if conversion_obstacle(shares, basis, tolerance.basis) is None:
        shares = on_basis(shares, basis, tolerance.basis)
    return _without_undeclared(shares, label, tolerance) if label is not None else shares


def compare(shares: Sequence[FibreShare], label: DeclaredLabel, tolerance: Tolerance) -> Verdict:
    """Compare shares on the label's basis with the label, each interval with its tolerance."""
    judged = [
        pair
        for share in shares
        for pair in (_compare_share(share, label, tolerance), _compare_trace(share, label, tolerance))
    ]
    judged.append(_compare_undeclared(shares, label, tolerance))
    reasons = tuple(reason for _, reason in judged if reason is not None)
    outcomes = {outcome for outcome, _ in judged}
    if Outcome.FAIL in outcomes:
        outside = [reason for outcome, reason in judged if outcome is Outcome.FAIL]
        if any(reason is not None and _made_up_for(reason, shares, label) for reason in outside):
            return Verdict(Outcome.FAIL, reasons)
        return Verdict(Outcome.REFER, (*reasons, Reason(ReasonCode.ONE_SIDED)))
    return Verdict(Outcome.REFER if Outcome.REFER in outcomes else Outcome.PASS, reasons)


def _incomparable(composition: Composition, label: DeclaredLabel, tolerance: Tolerance) -> Iterator[Reason]:
    for line in label.fibres:
        if composition.share_of(line.fibre) is None:
            yield Reason(ReasonCode.FIBRE_OUTSIDE_MODEL, line.fibre)
    obstacle = conversion_obstacle(composition.shares, composition.basis, tolerance.basis)
    if obstacle is not None:
        yield obstacle


def _without_undeclared(
    shares: Sequence[FibreShare], label: DeclaredLabel, tolerance: Tolerance
) -> tuple[FibreShare, ...]:
    """Return shares of which the declared ones are taken of their own sum, if the rule wants that.

    Only fibres that the rule allows are left out: with more of them the label is judged as it stands.
    """
    undeclared = _undeclared_percent(shares, label)
    if not tolerance.undeclared_left_out or not _is_allowed_undeclared(undeclared, tolerance):
        return tuple(shares)
    scale = 100.0 / (100.0 - undeclared)
    return tuple(
        FibreShare(s.fibre, *(min(scale * end, 100.0) for end in (s.percent, s.lo, s.hi)))
        if label.percent_of(s.fibre) > 0.0
        else s
        for s in shares
    )


def _undeclared_percent(shares: Sequence[FibreShare], label: DeclaredLabel) -> float:
    return sum(share.percent for share in shares if label.percent_of(share.fibre) <= 0.0)


def _is_allowed_undeclared(percent: float, tolerance: Tolerance) -> bool:
    limit = tolerance.deviation_pp_at(0.0)
    return percent < limit or (percent == limit and tolerance.undeclared_limit_included)


def _made_up_for(outside: Reason, shares: Sequence[FibreShare], label: DeclaredLabel) -> bool:
    """Tell whether some fibre is surely off its label in the other direction.

    Shares sum to 100 %: what one fibre has too little of, others have too much of. Each interval is
    wrong once in ten times; that two are wrong in opposite directions is rare.
    """
    lacks = outside.value is not None and outside.value < 0.0
    return any(
        share.lo > label.percent_of(share.fibre) if lacks else share.hi < label.percent_of(share.fibre)
        for share in shares
    )


def _compare_share(
    share: FibreShare, label: DeclaredLabel, tolerance: Tolerance
) -> tuple[Outcome, Reason | None]:
    declared = label.percent_of(share.fibre)
    allowed_pp = tolerance.deviation_pp_at(declared)
    deviation_pp = share.percent - declared
    if declared > 0.0:
        low, high = declared - allowed_pp, declared + allowed_pp
        inside = low <= share.lo and share.hi <= high
        outside = share.hi < low or share.lo > high
    else:
        inside = _is_allowed_undeclared(share.hi, tolerance)
        outside = not _is_allowed_undeclared(share.lo, tolerance)
    if inside:
        reason = Reason(ReasonCode.WITHIN_TOLERANCE, share.fibre, deviation_pp, allowed_pp)
        return Outcome.PASS, reason if declared > 0 else None
    if outside:
        code = ReasonCode.OUTSIDE_TOLERANCE if declared > 0 else ReasonCode.UNDECLARED_FIBRE
        return Outcome.FAIL, Reason(code, share.fibre, deviation_pp, allowed_pp)
    code = ReasonCode.UNDECIDED_WITHIN_UNCERTAINTY
    return Outcome.REFER, Reason(code, share.fibre, deviation_pp, allowed_pp)


def _compare_trace(
    share: FibreShare, label: DeclaredLabel, tolerance: Tolerance
) -> tuple[Outcome, Reason | None]:
    """Judge whether a little that is declared is there at all, if the rule asks for that."""
    declared = label.percent_of(share.fibre)
    if share.lo > 0.0 or not tolerance.must_be_present_at(declared):
        return Outcome.PASS, None
    absent = share.hi <= 0.0
    code = ReasonCode.DECLARED_ABSENT if absent else ReasonCode.DECLARED_UNSEEN
    reason = Reason(code, share.fibre, share.percent - declared, declared)
    return (Outcome.FAIL if absent else Outcome.REFER), reason


def _compare_undeclared(
    shares: Sequence[FibreShare], label: DeclaredLabel, tolerance: Tolerance
) -> tuple[Outcome, Reason | None]:
    """Refer specimens whose undeclared fibres are each within the limit but not together.

    The intervals of a sum are not known, so this cannot fail a specimen. Rules of before do not ask.
    """
    total, limit = _undeclared_percent(shares, label), tolerance.undeclared_limit_percent
    if limit is None or _is_allowed_undeclared(total, tolerance):
        return Outcome.PASS, None
    return Outcome.REFER, Reason(ReasonCode.UNDECLARED_TOTAL, "", total, limit)
