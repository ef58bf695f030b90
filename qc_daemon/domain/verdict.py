"""The judgement: a declared label, a tolerance, and a guard band as wide as the uncertainty.

PASS only if the whole prediction interval of every fibre lies inside the tolerance. FAIL only if
the whole interval of some fibre lies outside and another fibre is seen to make up for it. Otherwise
REFER to wet chemistry. This is the decision rule with guard band w = U of ILAC-G8:09/2019, applied on
both sides, with one check more (docs/decisions/0006-a-fail-has-two-sides.md).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from qc_daemon.domain.composition import Composition, FibreShare
from qc_daemon.domain.errors import LabelError
from qc_daemon.domain.reasons import Reason, ReasonCode

# Generic names of Annex I of Regulation (EU) No 1007/2011 and of GB/T 4146.1, with trade usage.
FIBRE_NAMES: Mapping[str, str] = {
    "cotton": "cotton", "棉": "cotton", "全棉": "cotton", "纯棉": "cotton",
    "linen": "linen", "flax": "linen", "亚麻": "linen", "麻": "linen",
    "nylon": "nylon", "polyamide": "nylon", "锦纶": "nylon", "尼龙": "nylon", "聚酰胺纤维": "nylon",
    "polyester": "polyester", "pet": "polyester", "涤纶": "polyester", "涤": "polyester",
    "聚酯纤维": "polyester", "聚酯": "polyester",
    "viscose": "viscose", "rayon": "viscose", "粘纤": "viscose", "粘胶纤维": "viscose",
    "粘胶": "viscose", "人造棉": "viscose",
    "wool": "wool", "羊毛": "wool", "毛": "wool",
    "acrylic": "acrylic", "腈纶": "acrylic", "聚丙烯腈纤维": "acrylic",
    "acetate": "acetate", "醋酯纤维": "acetate", "醋纤": "acetate",
    "silk": "silk", "桑蚕丝": "silk", "蚕丝": "silk",
    "elastane": "elastane", "spandex": "elastane", "氨纶": "elastane",
}  # fmt: skip

_NUMBER = r"(\d+(?:\.\d+)?)\s*[%％]?"
_NAME = r"([^\W\d_]+)"
_NUMBER_FIRST = re.compile(_NUMBER + r"\s*" + _NAME)
_NAME_FIRST = re.compile(_NAME + r"\s*[:：]?\s*" + _NUMBER)
_SEPARATORS = re.compile(r"[\s,，;；/、+]*")


class Outcome(StrEnum):
    """What is to be done with the specimen; REFER sends it to wet chemistry."""

    PASS = "PASS"
    FAIL = "FAIL"
    REFER = "REFER"


@dataclass(frozen=True, slots=True)
class DeclaredFibre:
    """One line of a label: a fibre and its declared share in percent by mass."""

    fibre: str
    percent: float


@dataclass(frozen=True, slots=True)
class DeclaredLabel:
    """A declared composition that sums to 100 %, and the text that it was read from."""

    text: str
    fibres: tuple[DeclaredFibre, ...]

    def percent_of(self, fibre: str) -> float:
        """Return the declared share of `fibre` in percent; 0 if it is not declared."""
        return next((line.percent for line in self.fibres if line.fibre == fibre), 0.0)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A versioned rule: how far a share may be from its label, in percentage points.

    Components declared at or below `minor_component_percent` have the smaller
    `minor_deviation_pp`. `clause` says where the figures come from.
    """

    name: str
    version: str
    clause: str
    max_deviation_pp: float
    minor_component_percent: float
    minor_deviation_pp: float

    def deviation_pp_at(self, declared_percent: float) -> float:
        """Return the allowed deviation for a component declared at `declared_percent`."""
        minor = 0.0 < declared_percent <= self.minor_component_percent
        return self.minor_deviation_pp if minor else self.max_deviation_pp


TOLERANCES: Mapping[str, Tolerance] = {
    tolerance.name: tolerance
    for tolerance in (
        Tolerance("GB/T 29862-2013", "1", "GB/T 29862-2013, 7.4", 5.0, 10.0, 3.0),
        Tolerance("EU 1007/2011", "1", "Regulation (EU) No 1007/2011, Article 20(3)", 3.0, 0.0, 3.0),
    )
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome and every reason for it."""

    outcome: Outcome
    reasons: tuple[Reason, ...]


def parse_label(text: str) -> DeclaredLabel:
    """Read a label such as "cotton 60 polyester 40", "60% cotton 40% polyester" or "棉60% 涤纶40%".

    Raises:
        LabelError: a word is not a known fibre, a fibre stands twice, or the sum is not 100 %.
    """
    stripped = text.strip()
    pattern, name_group = (_NUMBER_FIRST, 2) if stripped[:1].isdigit() else (_NAME_FIRST, 1)
    fibres: list[DeclaredFibre] = []
    position = 0
    while position < len(stripped):
        match = pattern.match(stripped, position)
        if match is None:
            raise LabelError(
                f'label "{text}": cannot read "{stripped[position:]}"; expected fibre names with '
                'percentages, such as "cotton 60 polyester 40"'
            )
        fibres.append(DeclaredFibre(_fibre_named(match[name_group], text), float(match[3 - name_group])))
        separator = _SEPARATORS.match(stripped, match.end())
        position = separator.end() if separator else match.end()
    return _checked_label(text, tuple(fibres))


def _fibre_named(word: str, text: str) -> str:
    fibre = FIBRE_NAMES.get(word.lower())
    if fibre is None:
        known = ", ".join(sorted(set(FIBRE_NAMES.values())))
        raise LabelError(f'label "{text}": "{word}" is not a known fibre; known are {known}')
    return fibre


def _checked_label(text: str, fibres: tuple[DeclaredFibre, ...]) -> DeclaredLabel:
    names = [line.fibre for line in fibres]
    for name in names:
        if names.count(name) > 1:
            raise LabelError(f'label "{text}": {name} is declared twice; expected each fibre once')
    total = sum(line.percent for line in fibres)
    if abs(total - 100.0) > 0.5:
        raise LabelError(f'label "{text}": shares sum to {total:g} %; expected 100 %')
    return DeclaredLabel(text, fibres)


def judge(
    composition: Composition | None,
    label: DeclaredLabel | None,
    tolerance: Tolerance,
    findings: Iterable[Reason],
) -> Verdict:
    """Judge a composition against a label; `findings` are what the quality gates had to say.

    Any finding, a missing label, a novel specimen or a declared fibre that the model does not
    know leads to REFER: then the station has no ground to pass or fail. A finding that is a remark is
    said behind the reasons and decides nothing.
    """
    given = list(findings)
    remarks = tuple(finding for finding in given if finding.is_remark)
    obstacles = [finding for finding in given if not finding.is_remark]
    if label is None:
        obstacles.append(Reason(ReasonCode.NO_LABEL))
    if composition is not None and composition.novel:
        obstacles.append(Reason(ReasonCode.NOVEL, "", composition.novelty, composition.novelty_limit))
    if composition is not None and label is not None:
        obstacles += [
            Reason(ReasonCode.FIBRE_OUTSIDE_MODEL, line.fibre)
            for line in label.fibres
            if composition.share_of(line.fibre) is None
        ]
    if obstacles or composition is None or label is None:
        return Verdict(Outcome.REFER, (*obstacles, *remarks))
    verdict = _compare(composition, label, tolerance)
    return Verdict(verdict.outcome, (*verdict.reasons, *remarks))


def _compare(composition: Composition, label: DeclaredLabel, tolerance: Tolerance) -> Verdict:
    judged = [_compare_share(share, label, tolerance) for share in composition.shares]
    reasons = tuple(reason for _, reason in judged if reason is not None)
    outcomes = {outcome for outcome, _ in judged}
    if Outcome.FAIL in outcomes:
        outside = [reason for outcome, reason in judged if outcome is Outcome.FAIL]
        if any(reason is not None and _made_up_for(reason, composition, label) for reason in outside):
            return Verdict(Outcome.FAIL, reasons)
        return Verdict(Outcome.REFER, (*reasons, Reason(ReasonCode.ONE_SIDED)))
    return Verdict(Outcome.REFER if Outcome.REFER in outcomes else Outcome.PASS, reasons)


def _made_up_for(outside: Reason, composition: Composition, label: DeclaredLabel) -> bool:
    """Tell whether some fibre is surely off its label in the other direction.

    Shares sum to 100 %: what one fibre has too little of, others have too much of. Each interval is
    wrong once in ten times; that two are wrong in opposite directions is rare.
    """
    lacks = outside.value is not None and outside.value < 0.0
    return any(
        share.lo > label.percent_of(share.fibre) if lacks else share.hi < label.percent_of(share.fibre)
        for share in composition.shares
    )


def _compare_share(
    share: FibreShare, label: DeclaredLabel, tolerance: Tolerance
) -> tuple[Outcome, Reason | None]:
    declared = label.percent_of(share.fibre)
    allowed_pp = tolerance.deviation_pp_at(declared)
    deviation_pp = share.percent - declared
    low, high = declared - allowed_pp, declared + allowed_pp
    inside = low <= share.lo and share.hi <= high
    outside = share.hi < low or share.lo > high
    if inside:
        reason = Reason(ReasonCode.WITHIN_TOLERANCE, share.fibre, deviation_pp, allowed_pp)
        return Outcome.PASS, reason if declared > 0 else None
    if outside:
        code = ReasonCode.OUTSIDE_TOLERANCE if declared > 0 else ReasonCode.UNDECLARED_FIBRE
        return Outcome.FAIL, Reason(code, share.fibre, deviation_pp, allowed_pp)
    code = ReasonCode.UNDECIDED_WITHIN_UNCERTAINTY
    return Outcome.REFER, Reason(code, share.fibre, deviation_pp, allowed_pp)
