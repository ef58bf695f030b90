"""What the report of a lot says: pure values from its record and its judgement, ready for the layout."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.period_records import LotInspection, LotRecord
from qc_daemon.domain.rules import Tolerance
from qc_daemon.domain.sampling import GroupShare, LotJudgement, RollJudgement, SamplingPlan
from qc_daemon.domain.surroundings import InspectedPosition
from qc_daemon.domain.verdict import Outcome, Verdict
from reports import lot_wording as wording
from reports.content import ReportLanguage, printable_tree
from reports.fonts import printable
from reports.provenance import Fact, rule_text, utc
from reports.reason_wording import reason_sentence
from reports.roll_map import roll_map
from reports.seal import PLACEHOLDER
from reports.shares import ShareLine, named_shares, share_line, status_by_fibre
from reports.typesetting import SHIPPED_TEMPLATES, Sheet
from reports.wording import LANGUAGES, OUTCOMES, Language, term

RECORD_NAME = "report.json"
LOT_SCHEMA = "textile-qc-lot/1"
_NOTHING = "—"


@dataclass(frozen=True, slots=True)
class LotReport:
    """All that the report of a lot is made of; `written_at` is what it states as its own time."""

    record: LotRecord
    judgement: LotJudgement
    plan: SamplingPlan
    station_name: str
    written_at: datetime


def lot_sheet(report: LotReport, language: ReportLanguage, templates: Path = SHIPPED_TEMPLATES) -> Sheet:
    """Return what the template needs to lay the report of a lot out; it needs at least one conclusion."""
    languages = LANGUAGES if language == "both" else (language,)
    verdict = report.judgement.verdict
    content = {
        "subject": printable(report.record.lot),
        "station": printable(report.station_name),
        "outcome": verdict.outcome.value,
        "pages": [printable_tree(_page(report, spoken)) for spoken in languages],
    }
    return Sheet(
        template=templates / "lot.typ",
        inputs={
            "content": json.dumps(content, ensure_ascii=False),
            "record": json.dumps(_record(report), ensure_ascii=False, allow_nan=False, indent=1),
            "record_name": RECORD_NAME,
            "seal": PLACEHOLDER,
        },
        dated=report.written_at,
    )


def _page(report: LotReport, language: Language) -> Mapping[str, object]:
    record, judgement = report.record, report.judgement
    rule = record.rule
    assert rule is not None, "a lot without any conclusion has no report"
    other: Language = "en" if language == "zh" else "zh"
    coverage = max((one.figures.coverage for one in record.inspections), default=0.0)
    headings = {key: words.of(language) for key, words in wording.HEADINGS.items()}
    simulated = sum(one.simulated for one in record.inspections)
    return {
        "language": language,
        "headings": headings | {"interval": headings["interval"].format(percent=100.0 * coverage)},
        "verdict": OUTCOMES[judgement.verdict.outcome].of(language),
        "other_verdict": OUTCOMES[judgement.verdict.outcome].of(other),
        "advice": wording.ADVICE[judgement.verdict.outcome].of(language),
        "simulated": wording.SIMULATED_PART.of(language).format(count=simulated) if simulated else "",
        "facts": [asdict(fact) for fact in _facts(report, rule, language)],
        "shares": [asdict(line) for line in _lines(judgement, rule, language)],
        "spreads": [_spread(share) for share in _ordered(judgement.shares, judgement.label)],
        "shares_notes": list(_notes(report, language)),
        "reasons": [reason_sentence(reason, language) for reason in judgement.verdict.reasons],
        "rolls": [_roll(roll, record.inspections, language) for roll in judgement.rolls],
        "inspections": [_inspection(one, language) for one in record.inspections],
        "limits": [words.of(language) for words in wording.LIMITS],
    }


def _facts(report: LotReport, rule: Tolerance, language: Language) -> Iterator[Fact]:
    record, judgement = report.record, report.judgement
    first, last = record.inspections[0].accepted_at, record.inspections[-1].accepted_at
    usable = sum(roll.usable for roll in judgement.rolls)
    plan = wording.PLAN.of(language).format(
        specimens=report.plan.specimens_per_roll, rolls=report.plan.rolls_per_lot
    )
    for key, value in (
        ("label", judgement.label.text if judgement.label else _NOTHING),
        ("station", report.station_name),
        ("rolls", f"{len(judgement.rolls)} ({judgement.usable_rolls})"),
        ("specimens", f"{len(record.inspections)} ({usable})"),
        ("period", f"{utc(first)} – {utc(last)}"),
        ("plan", plan),
        ("rule", rule_text(rule, language)),
        ("basis", term(record.basis, language) if record.basis else _NOTHING),
    ):
        yield Fact(wording.FACTS[key].of(language), value)


def _lines(judgement: LotJudgement, rule: Tolerance, language: Language) -> Iterator[ShareLine]:
    status = status_by_fibre(judgement.verdict)
    label = judgement.label
    for share in _ordered(judgement.shares, label):
        fibre = share.mean.fibre
        declared = label.percent_of(fibre) if label else None
        yield share_line(fibre, share.mean, declared, rule, status.get(fibre, ""), language)


def _ordered(shares: Sequence[GroupShare], label: DeclaredLabel | None) -> list[GroupShare]:
    """Return declared fibres in the label's order, then the others by falling share."""
    places = {line.fibre: place for place, line in enumerate(label.fibres)} if label else {}
    return sorted(shares, key=lambda share: (places.get(share.mean.fibre, len(places)), -share.mean.percent))


def _spread(share: GroupShare) -> str:
    return _NOTHING if share.spread_pp is None else f"{share.spread_pp:.1f}"


def _notes(report: LotReport, language: Language) -> Iterator[str]:
    if not report.judgement.shares:
        yield wording.NO_MEANS.of(language)
    if report.record.undecided:
        yield wording.UNDECIDED_LEFT.of(language).format(count=len(report.record.undecided))


def _roll(
    roll: RollJudgement, inspections: Sequence[LotInspection], language: Language
) -> Mapping[str, object]:
    places = [
        InspectedPosition(one.number, one.figures.position_m, one.figures.verdict.outcome)
        for one in inspections
        if one.figures.roll == roll.roll
    ]
    drawn = roll_map(places, None)
    return {
        "roll": roll.roll or _NOTHING,
        "specimens": f"{len(roll.specimens)} ({roll.usable})",
        "means": named_shares([share.mean for share in roll.shares], language),
        "verdict": _outcome(roll.verdict, language),
        "outcome": roll.verdict.outcome.value,
        "map": asdict(drawn) if drawn else None,
    }


def _inspection(one: LotInspection, language: Language) -> Mapping[str, str]:
    figures = one.figures
    return {
        "number": str(one.number),
        "specimen": figures.specimen,
        "roll": figures.roll or _NOTHING,
        "position": f"{figures.position_m:.2f}",
        "found": named_shares(figures.shares, language),
        "verdict": _outcome(figures.verdict, language),
        "outcome": figures.verdict.outcome.value,
    }


def _outcome(verdict: Verdict, language: Language) -> str:
    return OUTCOMES[Outcome(verdict.outcome)].of(language)


def _record(report: LotReport) -> Mapping[str, object]:
    record, judgement = report.record, report.judgement
    return {
        "schema": LOT_SCHEMA,
        "station": report.station_name,
        "written_at": report.written_at.isoformat(),
        "lot": record.lot,
        "plan": asdict(report.plan),
        "rule": asdict(record.rule) if record.rule else None,
        "basis": record.basis,
        "verdict": judgement.verdict.outcome.value,
        "reasons": [asdict(reason) for reason in judgement.verdict.reasons],
        "shares": [asdict(share) for share in judgement.shares],
        "rolls": [
            {"roll": roll.roll, "usable": roll.usable, "verdict": roll.verdict.outcome.value,
             "shares": [asdict(share) for share in roll.shares]}
            for roll in judgement.rolls
        ],
        "inspections": [
            {"number": one.number, "accepted_at": one.accepted_at.isoformat(), "simulated": one.simulated,
             **asdict(one.figures)}
            for one in record.inspections
        ],
        "undecided": list(record.undecided),
        "ledger": asdict(record.ledger) if record.ledger else None,
    }  # fmt: skip
