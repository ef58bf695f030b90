"""Turns a sheet into a sealed PDF/A-3b file. Imports little: it runs in a child process of its own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import typst

from qc_daemon.domain.errors import ReportFailed
from reports.fonts import font_folders
from reports.seal import sealed

SHIPPED_TEMPLATES = Path(__file__).parent / "templates"
_PLACE = re.compile(r"┌─ (\S+?):(\d+):\d+")
_UNKNOWN_FONT = "unknown font family"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a template reads, by name, and the aware time that the document states as its own."""

    template: Path
    inputs: Mapping[str, str]
    dated: datetime


def typeset(sheet: Sheet) -> bytes:
    """Return the sealed PDF of a sheet; equal sheets give equal bytes.

    Raises:
        ReportFailed: the layout engine refused; one line with the template's file and line.
    """
    try:
        pdf, warnings = _compiler(sheet.template).compile_with_warnings(
            format="pdf",
            pdf_standards="a-3b",
            sys_inputs=dict(sheet.inputs),
            timestamp=sheet.dated.astimezone(UTC).replace(microsecond=0),
        )
    except typst.TypstError as error:
        raise ReportFailed(_one_line(sheet.template, error)) from error
    for warning in warnings:
        if _UNKNOWN_FONT in warning.message:
            raise ReportFailed(_one_line(sheet.template, warning))
    assert isinstance(pdf, bytes), "one PDF without an output file"
    return sealed(pdf)


@lru_cache(maxsize=4)
def _compiler(template: Path) -> typst.Compiler:
    fonts = [*font_folders(), template.parent]  # a factory may bring fonts of its own
    return typst.Compiler(template, font_paths=fonts, ignore_system_fonts=True)


def _one_line(template: Path, fault: "typst.TypstError | typst.TypstWarning") -> str:
    """Return what the engine said, behind the file and line that it means."""
    found = _PLACE.search(fault.diagnostic)
    where = f"{Path(found[1]).name}, line {found[2]}" if found else template.name
    return f"{where}: {' '.join([fault.message, *fault.hints])}"
