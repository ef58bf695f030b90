"""Writes certificates and reports from what a station has stored.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from datetime import date
from pathlib import Path
from typing import Literal

from qc_daemon.config import Config
from qc_daemon.domain.errors import Unavailable
from qc_daemon.wiring.archive import one_inspection
from qc_daemon.wiring.station import decoders
from qc_daemon.wiring.templates import templates_in_use

ReportLanguage = Literal["zh", "en", "both"]


def write_certificate(config: Config, key: str, language: ReportLanguage | None, out: Path | None) -> Path:
    """Write the certificate of a stored inspection, beside a running station too; return its path."""
    from reports.certificate import certificate_sheet
    from reports.content import certificate_content
    from reports.renderer import render_apart, write_whole
    from storage.inspection_reader import open_inspections
    from storage.report_reader import SqlReportReader

    section = config.station
    with open_inspections(section.folder, None, *decoders()) as reader:
        number = one_inspection(reader, key).number
        acquisition, conclusion, around = SqlReportReader(reader).load(number)
    path = out or Path(f"certificate-{number}.pdf")
    content = certificate_content(number, acquisition, conclusion, section.name, around)
    sheet = certificate_sheet(content, language or section.language, templates_in_use(config))
    write_whole(path, render_apart(sheet))
    return path


def write_lot_report(config: Config, lot: str, language: ReportLanguage | None, out: Path | None) -> Path:
    """Write the report of a lot; return its path."""
    raise Unavailable("reports of lots cannot be written yet")


def write_daily_report(config: Config, day: date, language: ReportLanguage | None, out: Path | None) -> Path:
    """Write the report of a UTC day; return its path."""
    raise Unavailable("reports of days cannot be written yet")
