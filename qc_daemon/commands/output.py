"""What commands print: one JSON document for machines, tables for people."""

import json
import sys
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from qc_daemon.domain.composition import Composition
from qc_daemon.domain.inspection import ReportFile
from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.domain.verdict import Verdict
from qc_daemon.pipeline import Inspection

_SHORT = {
    ReasonCode.UNDECIDED_WITHIN_UNCERTAINTY: "uncertain:",
    ReasonCode.OUTSIDE_TOLERANCE: "outside tolerance:",
    ReasonCode.UNDECLARED_FIBRE: "undeclared:",
    ReasonCode.FIBRE_OUTSIDE_MODEL: "not known to the model:",
    ReasonCode.ONE_SIDED: "seen on one side only",
    ReasonCode.NOVEL: "unlike all that the model knows",
}


def print_json(document: Any) -> None:
    """Print one JSON document and nothing else on stdout."""
    json.dump(document, sys.stdout, ensure_ascii=False, allow_nan=False, indent=1)
    sys.stdout.write("\n")


def say(text: str) -> None:
    """Tell a person something, on stderr, so that stdout stays the answer."""
    typer.echo(text, err=True)


def console() -> Console:
    """Return a console on stdout that a pipe gets without colours and 120 columns wide."""
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def inspection_json(
    inspection: Inspection, reasons: list[str], report: ReportFile | None, report_seconds: float
) -> dict[str, Any]:
    """Return one inspection as docs/operating.md states it; shares in percent by mass."""
    acquisition, conclusion = inspection.acquisition, inspection.conclusion
    composition, specimen = conclusion.composition, acquisition.specimen
    return {
        "id": acquisition.id,
        "number": inspection.number,
        "specimen": specimen.id,
        "lot": specimen.lot,
        "roll": specimen.roll,
        "accepted_at": inspection.accepted_at.isoformat(),
        "class": composition.main_fibre if composition else None,
        "shares": {
            share.fibre: {"percent": share.percent, "lo": share.lo, "hi": share.hi}
            for share in (composition.shares if composition else ())
        },
        "novelty": composition.novelty if composition else None,
        "filled_percent": conclusion.cleaned.filled_percent if conclusion.cleaned else None,
        "defects": [
            {"kind": defect.kind, "area_mm2": defect.area_mm2, "severity": defect.severity}
            for defect in conclusion.defects
        ],
        "verdict": conclusion.verdict.outcome.value,
        "reasons": reasons,
        "report": report.path if report else None,
        "seconds": {
            "acquire": round(acquisition.acquire_seconds, 4),
            "accept": round(inspection.accept_seconds, 4),
            "infer": round(conclusion.infer_seconds, 4),
            "record": round(inspection.record_seconds, 4),
            "report": round(report_seconds, 4),
        },
    }


def shares_text(composition: Composition | None, at_least_percent: float = 1.5) -> str:
    """Return the inferred shares in words, largest first, each with the ends of its interval."""
    if composition is None:
        return "-"
    if composition.novel:
        return "unknown"
    shares = sorted(composition.shares, key=lambda share: -share.percent)
    return ", ".join(
        f"{share.fibre} {share.percent:.1f} ({share.lo:.0f}-{share.hi:.0f})"
        for share in shares
        if share.percent >= at_least_percent
    )


def reasons_text(verdict: Verdict) -> str:
    """Return the reasons of a verdict in a few words, one group for each code."""
    subjects: dict[ReasonCode, list[str]] = {}
    for reason in verdict.reasons:
        subjects.setdefault(reason.code, []).append(reason.subject)
    if set(subjects) == {ReasonCode.WITHIN_TOLERANCE}:
        return "all within tolerance"
    return "; ".join(
        f"{_SHORT.get(code, code.value.replace('_', ' '))} {', '.join(named)}".strip()
        for code, named in subjects.items()
        if code is not ReasonCode.WITHIN_TOLERANCE
    )


def table(*columns: str) -> Table:
    """Return an empty table with a heading for each column."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column)
    return made
