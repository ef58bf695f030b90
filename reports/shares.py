"""The table of shares: label, measured share, interval and tolerance of every fibre."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from qc_daemon.domain.composition import Composition, FibreShare
from qc_daemon.domain.inspection import Conclusion
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.mass_basis import compared_basis, conversion_obstacle
from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.domain.rules import Tolerance
from qc_daemon.domain.verdict import Verdict, judged_shares
from reports import certificate_wording as wording
from reports.charts import ShareBar, share_bar
from reports.wording import COMMA, Language, fibre_name

_NOTHING = "—"
_NAMED_PERCENT = 1.5  # smaller shares are left out of a line of many

# How a share lies in its tolerance: the symbol at the end of its row.
_STATUS: Mapping[ReasonCode, str] = {
    ReasonCode.WITHIN_TOLERANCE: "inside",
    ReasonCode.OUTSIDE_TOLERANCE: "outside",
    ReasonCode.UNDECLARED_FIBRE: "outside",
    ReasonCode.UNDECIDED_WITHIN_UNCERTAINTY: "edge",
    ReasonCode.FIBRE_OUTSIDE_MODEL: "edge",
}


@dataclass(frozen=True, slots=True)
class ShareLine:
    """One row, ready to print.

    Attributes:
        status: "inside", "outside", "edge", or "" for a share that was not judged.
        bar: None for a declared fibre that the model does not know.
    """

    fibre: str
    declared: str
    measured: str
    interval: str
    allowed: str
    status: str
    bar: ShareBar | None


@dataclass(frozen=True, slots=True)
class JudgedShares:
    """Shares as the rule compared them with the label, and the mass basis that they are on."""

    shares: tuple[FibreShare, ...]
    basis: str


def as_judged(composition: Composition, label: DeclaredLabel | None, tolerance: Tolerance) -> JudgedShares:
    """Return the shares of a composition as the rule compared them with the label."""
    convertible = conversion_obstacle(composition.shares, composition.basis, tolerance.basis) is None
    basis = compared_basis(composition.basis, tolerance.basis) if convertible else composition.basis
    return JudgedShares(judged_shares(composition, label, tolerance), basis)


def uncleaned_as_judged(conclusion: Conclusion, label: DeclaredLabel | None) -> tuple[FibreShare, ...]:
    """Return the shares had no debris been filled, counted like those that were judged; () if none was."""
    composition = conclusion.composition
    if composition is None or not conclusion.uncleaned:
        return ()
    uncleaned = replace(composition, shares=conclusion.uncleaned)
    return as_judged(uncleaned, label, conclusion.tolerance).shares


def share_lines(
    shares: Sequence[FibreShare],
    label: DeclaredLabel | None,
    tolerance: Tolerance,
    verdict: Verdict,
    language: Language,
) -> Iterator[ShareLine]:
    """Yield the declared fibres in the label's order, then the others by falling share."""
    status = status_by_fibre(verdict)
    declared = [line.fibre for line in label.fibres] if label else []
    others = [share for share in shares if share.fibre not in declared]
    by_fibre = {share.fibre: share for share in shares}
    rows = [(fibre, by_fibre.get(fibre)) for fibre in declared]
    rows += [(share.fibre, share) for share in sorted(others, key=lambda share: -share.percent)]
    for fibre, share in rows:
        percent = label.percent_of(fibre) if label else None
        yield share_line(fibre, share, percent, tolerance, status.get(fibre, ""), language)


def named_shares(shares: Sequence[FibreShare], language: Language) -> str:
    """Return the shares worth naming in a line of many, the largest first."""
    named = sorted((one for one in shares if one.percent >= _NAMED_PERCENT), key=lambda one: -one.percent)
    return (
        COMMA.of(language).join(f"{fibre_name(one.fibre, language)} {one.percent:.1f}" for one in named)
        or _NOTHING
    )


def largest_difference_pp(shares: Sequence[FibreShare], others: Sequence[FibreShare]) -> float:
    """Return how far two compositions are apart in the fibre in which they are furthest; 0 of nothing."""
    percent = {share.fibre: share.percent for share in others}
    return max((abs(share.percent - percent.get(share.fibre, 0.0)) for share in shares), default=0.0)


def status_by_fibre(verdict: Verdict) -> Mapping[str, str]:
    """Return how the share of each fibre lies in its tolerance, as `ShareLine.status` says it."""
    return {reason.subject: _STATUS.get(reason.code, "") for reason in verdict.reasons}


def share_line(
    fibre: str,
    share: FibreShare | None,
    declared: float | None,
    tolerance: Tolerance,
    status: str,
    language: Language,
) -> ShareLine:
    """Return the row of one fibre; `declared` is None without a label."""
    allowed_pp = tolerance.deviation_pp_at(declared or 0.0)
    return ShareLine(
        fibre=fibre_name(fibre, language),
        declared=f"{declared:g}" if declared else _NOTHING,
        measured=f"{share.percent:.1f}" if share else wording.NOT_IN_MODEL.of(language),
        interval=f"{share.lo:.1f} – {share.hi:.1f}" if share else _NOTHING,
        allowed=_allowed(declared, allowed_pp),
        status=status,
        bar=share_bar(share, declared, allowed_pp) if share else None,
    )


def _allowed(declared: float | None, allowed_pp: float) -> str:
    if declared is None:
        return _NOTHING
    return f"± {allowed_pp:g}" if declared > 0 else f"≤ {allowed_pp:g}"
