"""Turns a sheet into a PDF/A-3b file. Imports little: it runs in a child process of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import typst

from qc_daemon.domain.errors import ReportFailed
from reports.fonts import font_folders

_TEMPLATE = Path(__file__).parent / "templates" / "certificate.typ"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the template reads, by name, and the aware time that the document states as its own."""

    inputs: Mapping[str, str]
    dated: datetime


def typeset(sheet: Sheet) -> bytes:
    """Return the PDF of a sheet; equal sheets give equal bytes.

    Raises:
        ReportFailed: the layout engine refused, with its own words in one line.
    """
    try:
        pdf = _compiler().compile(
            format="pdf",
            pdf_standards="a-3b",
            sys_inputs=dict(sheet.inputs),
            timestamp=sheet.dated.astimezone(UTC)
            .replace(microsecond=0)
            .astimezone(UTC)
            .replace(microsecond=0),
        )
    except typst.TypstError as error:
        raise ReportFailed(f"certificate.typ: {' '.join(str(error).split())}") from error
    assert isinstance(pdf, bytes), "one PDF without an output file"
    return pdf


@cache
def _compiler() -> typst.Compiler:
    return typst.Compiler(_TEMPLATE, font_paths=font_folders(), ignore_system_fonts=True)
