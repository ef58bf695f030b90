"""The judgement of a roll and of a lot, from several specimens of each.

A roll's share is the mean of its specimens, a lot's the mean of its rolls: specimens of one roll resemble
one another, so rolls are what a lot is a sample of. Two things make a mean uncertain:

- the model. It errs alike on specimens of the same cloth, so its interval is not narrowed by measuring
  more of them: the mean half-width is kept whole.
- the cloth, which differs between specimens (or rolls). With a standard deviation s of n of them, the mean
  is uncertain by t s / √n, t being the quantile of Student's distribution for the model's coverage.

Both are added as squares. What the model errs by chance is in s too, and so is counted twice: the interval
is rather too wide. A single specimen says nothing of the spread, so one alone never meets a plan.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qc_daemon.domain.composition import FibreShare
from qc_daemon.domain.inspection import Acquisition, Conclusion
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.reasons import JUDGEMENTS, Reason, ReasonCode
from qc_daemon.domain.rules import Tolerance
from qc_daemon.domain.verdict import Outcome, Verdict, compare, judged_shares

# These of the judgement's own reasons say that the specimen could not be compared with its label.
_NOT_COMPARED = frozenset(
    {
        ReasonCode.NO_LABEL,
        ReasonCode.NOVEL,
        ReasonCode.FIBRE_OUTSIDE_MODEL,
        ReasonCode.BASIS_UNKNOWN,
        ReasonCode.REGAIN_UNKNOWN,
    }
)
_DEFAULT_COVERAGE = 0.9


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """How many specimens of a roll and rolls of a lot a verdict needs.

    Attributes:
        specimens_per_roll: usable ones, at least 2.
        rolls_per_lot: with enough specimens, at least 1.
    """

    specimens_per_roll: int
    rolls_per_lot: int

    def __post_init__(self) -> None:
        if self.specimens_per_roll < 2 or self.rolls_per_lot < 1:
            raise ValueError(
                "expected at least 2 specimens per roll and 1 roll per lot, "
                f"got {self.specimens_per_roll} and {self.rolls_per_lot}"
            )


@dataclass(frozen=True, slots=True)
class InspectionFigures:
    """What a roll's judgement needs of one inspection.

    Attributes:
        shares: on the basis of the label (`judged_shares`); () if nothing was inferred.
        coverage: nominal coverage of their intervals, 0..1.
    """

    specimen: str
    roll: str
    position_m: float
    label: DeclaredLabel | None
    shares: tuple[FibreShare, ...]
    coverage: float
    verdict: Verdict

    @property
    def usable(self) -> bool:
        """Tell whether it was measured and could be compared with its label."""
        return bool(self.shares) and not any(
            reason.code in _NOT_COMPARED or (reason.code not in JUDGEMENTS and not reason.is_remark)
            for reason in self.verdict.reasons
        )


@dataclass(frozen=True, slots=True)
class GroupShare:
    """The mean share of one fibre in a roll or lot, with its interval, and the spread around it.

    Attributes:
        spread_pp: standard deviation between specimens (of a lot: between rolls); None if of fewer than two.
    """

    mean: FibreShare
    spread_pp: float | None


@dataclass(frozen=True, slots=True)
class RollJudgement:
    """What several specimens say of a roll."""

    roll: str
    specimens: tuple[InspectionFigures, ...]
    usable: int
    shares: tuple[GroupShare, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class LotJudgement:
    """What several rolls say of a lot.

    Attributes:
        label: of all specimens; None if there is none or they differ.
        usable_rolls: with as many usable specimens as the plan asks for.
    """

    label: DeclaredLabel | None
    rolls: tuple[RollJudgement, ...]
    usable_rolls: int
    shares: tuple[GroupShare, ...]
    verdict: Verdict


def figures_of(acquisition: Acquisition, conclusion: Conclusion, rule: Tolerance) -> InspectionFigures:
    """Return what the judgement of a roll needs of one inspection, its shares as `rule` counts them."""
    specimen, composition = acquisition.specimen, conclusion.composition
    return InspectionFigures(
        specimen=specimen.id,
        roll=specimen.roll,
        position_m=specimen.position_m,
        label=specimen.label,
        shares=() if composition is None else judged_shares(composition, specimen.label, rule),
        coverage=_DEFAULT_COVERAGE if composition is None else composition.interval_coverage,
        verdict=conclusion.verdict,
    )


def judge_lot(inspections: Sequence[InspectionFigures], rule: Tolerance, plan: SamplingPlan) -> LotJudgement:
    """Judge a lot by the inspections of its specimens, which may be of several rolls.

    PASS and FAIL need as many rolls with as many usable specimens as the plan asks for, one label, and the
    mean of each fibre wholly within its tolerance, or wholly outside. A roll that failed, or a specimen
    that did while the mean passes, refers the lot: its cloth is not alike.
    """
    names = dict.fromkeys(one.roll for one in inspections)
    rolls = tuple(judge_roll([one for one in inspections if one.roll == name], rule, plan) for name in names)
    sampled = [roll for roll in rolls if roll.usable >= plan.specimens_per_roll]
    if len(sampled) == 1:  # nothing is known of the spread between rolls; that within the roll is kept
        shares = sampled[0].shares
    else:
        shares = _means([_model_means(roll.specimens) for roll in sampled], _coverage(inspections))
    obstacles = list(_label_obstacles(inspections))
    if len(sampled) < plan.rolls_per_lot:
        obstacles.append(Reason(ReasonCode.TOO_FEW_ROLLS, "", float(len(sampled)), float(plan.rolls_per_lot)))
    label = _common_label(inspections)
    verdict = _verdict(shares, label, rule, obstacles, inspections)
    return LotJudgement(label, rolls, len(sampled), shares, verdict)


def judge_roll(
    inspections: Sequence[InspectionFigures], rule: Tolerance, plan: SamplingPlan
) -> RollJudgement:
    """Judge a roll by the inspections of its specimens, all of the one roll."""
    usable = [one for one in inspections if one.usable]
    shares = _means([one.shares for one in usable], _coverage(usable))
    obstacles = list(_label_obstacles(inspections))
    if len(usable) < plan.specimens_per_roll:
        wanted = float(plan.specimens_per_roll)
        obstacles.append(Reason(ReasonCode.TOO_FEW_SPECIMENS, "", float(len(usable)), wanted))
    verdict = _verdict(shares, _common_label(inspections), rule, obstacles, inspections)
    roll = inspections[0].roll if inspections else ""
    return RollJudgement(roll, tuple(inspections), len(usable), shares, verdict)


def student_quantile(coverage: float, degrees_of_freedom: int) -> float:
    """Return t such that a Student variable lies within ±t with probability `coverage`.

    With t = √ν tan θ the distribution's integral is that of cos^(ν-1) θ, which is summed numerically.
    """
    angle = np.linspace(0.0, np.pi / 2.0, 20001)
    density = np.cos(angle) ** (degrees_of_freedom - 1)
    steps = (density[1:] + density[:-1]) / 2.0
    within = np.concatenate(([0.0], np.cumsum(steps))) / steps.sum()
    return float(np.sqrt(degrees_of_freedom) * np.tan(np.interp(coverage, within, angle)))


def _verdict(
    shares: Sequence[GroupShare],
    label: DeclaredLabel | None,
    rule: Tolerance,
    obstacles: Sequence[Reason],
    inspections: Sequence[InspectionFigures],
) -> Verdict:
    if obstacles or label is None or not shares:
        return Verdict(Outcome.REFER, tuple(obstacles))
    verdict = compare([group.mean for group in shares], label, rule)
    failed = sum(one.usable and one.verdict.outcome is Outcome.FAIL for one in inspections)
    if verdict.outcome is Outcome.FAIL or not failed:
        return verdict
    unlike = Reason(ReasonCode.SPECIMENS_FAILED, "", float(failed), float(len(inspections)))
    return Verdict(Outcome.REFER, (*verdict.reasons, unlike))


def _label_obstacles(inspections: Iterable[InspectionFigures]) -> Iterator[Reason]:
    declared = {_declared(one.label) for one in inspections}
    if None in declared or not declared:
        yield Reason(ReasonCode.NO_LABEL)
    if len(declared - {None}) > 1:
        yield Reason(ReasonCode.LABELS_DIFFER)


def _common_label(inspections: Iterable[InspectionFigures]) -> DeclaredLabel | None:
    labels = [one.label for one in inspections if one.label is not None]
    return labels[0] if len({_declared(label) for label in labels}) == 1 else None


def _declared(label: DeclaredLabel | None) -> frozenset[tuple[str, float]] | None:
    """Return what a label declares, whatever its words and their order."""
    return None if label is None else frozenset((line.fibre, line.percent) for line in label.fibres)


def _coverage(inspections: Sequence[InspectionFigures]) -> float:
    return max((one.coverage for one in inspections if one.shares), default=_DEFAULT_COVERAGE)


def _model_means(inspections: Iterable[InspectionFigures]) -> tuple[FibreShare, ...]:
    """Return the mean shares of the usable specimens, with the uncertainty of the model alone."""
    return tuple(
        _model_mean(*of_fibre) for of_fibre in _by_fibre([one.shares for one in inspections if one.usable])
    )


def _means(groups: Sequence[Sequence[FibreShare]], coverage: float) -> tuple[GroupShare, ...]:
    """Return the mean share of each fibre over groups (specimens, or rolls) with its interval."""
    return tuple(_mean(fibre, shares, coverage) for fibre, shares in _by_fibre(groups))


def _by_fibre(groups: Sequence[Sequence[FibreShare]]) -> Iterator[tuple[str, list[FibreShare]]]:
    """Yield each fibre with its share in every group; where it is not known, it may be all or nothing."""
    for fibre in dict.fromkeys(share.fibre for group in groups for share in group):
        unknown = FibreShare(fibre, 0.0, 0.0, 100.0)
        yield fibre, [next((s for s in group if s.fibre == fibre), unknown) for group in groups]


def _mean(fibre: str, shares: Sequence[FibreShare], coverage: float) -> GroupShare:
    model = _model_mean(fibre, shares)
    if len(shares) < 2:
        return GroupShare(model, None)
    spread_pp = float(np.std([share.percent for share in shares], ddof=1))
    cloth_pp = student_quantile(coverage, len(shares) - 1) * spread_pp / len(shares) ** 0.5
    below, above = (
        float(np.hypot(end, cloth_pp)) for end in (model.percent - model.lo, model.hi - model.percent)
    )
    return GroupShare(_share(fibre, model.percent, model.percent - below, model.percent + above), spread_pp)


def _model_mean(fibre: str, shares: Sequence[FibreShare]) -> FibreShare:
    """Return a mean with the mean of the intervals around it: what the specimens have in common stays."""
    return _share(
        fibre,
        *(float(np.mean(ends)) for ends in zip(*((s.percent, s.lo, s.hi) for s in shares), strict=True)),
    )


def _share(fibre: str, percent: float, lo: float, hi: float) -> FibreShare:
    return FibreShare(fibre, percent, max(min(lo, percent), 0.0), min(max(hi, percent), 100.0))
