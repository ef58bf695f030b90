"""What the pages of a report on a lot or a day must say, told from its attached record alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from qc_daemon.domain.composition import FibreShare
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.verdict import Outcome
from reports.provenance import utc
from reports.read_back import Expected, moment, said
from reports.reason_wording import reason_sentence
from reports.shares import named_shares
from reports.wording import OUTCOMES, Language, fibre_name, term

_NOTHING = "—"


def expected_of_lot(record: Mapping[str, Any], language: Language) -> Iterator[Expected]:
    """Yield what the pages of a lot must say in `language`.

    Raises:
        KeyError, TypeError, ValueError: the record is not one of a lot.
    """
    yield said("lot", record["lot"])
    yield said("station", record["station"])
    verdict = OUTCOMES[Outcome(record["verdict"])]
    other: Language = "en" if language == "zh" else "zh"
    yield said("verdict", verdict.of(language), verdict.of(other))
    inspections = record["inspections"]
    first, last = (utc(moment(inspections[end]["accepted_at"])) for end in (0, -1))
    yield said("time of the inspections", f"{first} – {last}")
    yield said("rule", record["rule"]["clause"])
    for share in record["shares"]:
        mean = share["mean"]
        yield said(
            f"share of {mean['fibre']}",
            fibre_name(mean["fibre"], language),
            f"{mean['percent']:.1f}",
            f"{mean['lo']:.1f} – {mean['hi']:.1f}",
        )
    for reason in record["reasons"]:
        code = ReasonCode(reason["code"])
        yield said(f"reason {code.value}", reason_sentence(Reason(**{**reason, "code": code}), language))
    for roll in record["rolls"]:
        count = sum(one["roll"] == roll["roll"] for one in inspections)
        yield said(f"roll {roll['roll']}", roll["roll"] or _NOTHING, f"{count} ({roll['usable']})")
    for one in inspections:
        yield _inspection_of_lot(one, language)


def expected_of_day(record: Mapping[str, Any], language: Language) -> Iterator[Expected]:
    """Yield what the pages of a day must say in `language`.

    Raises:
        KeyError, TypeError, ValueError: the record is not one of a day.
    """
    yield said("day", record["day"])
    yield said("station", record["station"])
    inspections = record["inspections"]
    for lot in dict.fromkeys(one["lot"] for one in inspections):
        outcomes = Counter(one["outcome"] for one in inspections if one["lot"] == lot)
        counts = (outcomes.total(), *(outcomes[outcome.value] for outcome in Outcome), outcomes[None])
        yield said(f"verdicts of lot {lot}", lot or _NOTHING, "".join(map(str, counts)))
    for defect in record["defects"]:
        counts = (defect["defects"], defect["inspections"])
        kind, severity = term(defect["kind"], language), term(defect["severity"], language)
        yield said(f"defects {defect['kind']}", kind, severity, "".join(map(str, counts)))
    for alarm in record["alarms"]:
        about = f"{alarm['code']} {alarm['subject']}".strip()
        yield said(
            f"alarm {alarm['code']}", f"{moment(alarm['raised_at']):%H:%M}", f"{about}: {alarm['message']}"
        )


def _inspection_of_lot(one: Mapping[str, Any], language: Language) -> Expected:
    shares = [FibreShare(**share) for share in one["shares"]]
    return said(
        f"inspection {one['number']}",
        f"{one['number']} {one['specimen']}",
        one["roll"] or _NOTHING,
        f"{one['position_m']:.2f}",
        named_shares(shares, language),
        OUTCOMES[Outcome(one["verdict"]["outcome"])].of(language),
    )
