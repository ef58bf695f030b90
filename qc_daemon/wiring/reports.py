"""Writes certificates and reports from what a station has stored.

Heavy packages are imported where they are used, so that a command starts at once.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qc_daemon.clock import SystemClock
from qc_daemon.config import Config
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.inspection import ReportFile
from qc_daemon.domain.period_records import DayRecord, LotRecord
from qc_daemon.domain.sampling import SamplingPlan, judge_lot
from qc_daemon.wiring.archive import one_inspection
from qc_daemon.wiring.database import open_inspections
from qc_daemon.wiring.station import inspection_store
from qc_daemon.wiring.templates import templates_in_use
from qc_daemon.workplace import Workplace

if TYPE_CHECKING:
    from reports.typesetting import Sheet
    from storage.inspection_store import SqlInspectionStore
    from storage.report_reader import SqlReportReader

ReportLanguage = Literal["zh", "en", "both"]


def write_certificate(config: Config, key: str, language: ReportLanguage | None, out: Path | None) -> Path:
    """Write the certificate of a stored inspection, beside a running station too; return its path."""
    from reports.certificate import certificate_sheet
    from reports.content import certificate_content
    from reports.renderer import render_apart, write_whole
    from storage.report_reader import SqlReportReader

    section = config.station
    with open_inspections(config) as reader:
        number = one_inspection(reader, key).number
        acquisition, conclusion, around = SqlReportReader(reader).load(number)
    path = out or Path(f"certificate-{number}.pdf")
    content = certificate_content(number, acquisition, conclusion, section.name, around)
    sheet = certificate_sheet(content, language or section.language, templates_in_use(config))
    write_whole(path, render_apart(sheet))
    return path


def write_lot_report(config: Config, lot: str, language: ReportLanguage | None, out: Path | None) -> Path:
    """Write the report of a lot from its stored records, beside a running station too; return its path.

    Raises:
        InputError: nothing of the lot was inspected, or all of it is UNDECIDED.
    """
    from reports.renderer import render_apart, write_whole

    with _report_reader(config) as reader:
        sheet = _lot_sheet(config, reader.lot(lot), language or config.station.language)
    path = out or Path(f"lot-{_file_name(lot)}.pdf")
    write_whole(path, render_apart(sheet))
    return path


def write_daily_report(config: Config, day: date, language: ReportLanguage | None, out: Path | None) -> Path:
    """Write the report of a UTC day from what is stored, beside a running station too; return its path.

    Raises:
        InputError: the day has not begun.
    """
    from reports.renderer import render_apart, write_whole

    if day > SystemClock().now().date():
        raise InputError(f"report: --daily {day}: expected a day that has begun in UTC")
    with _report_reader(config) as reader:
        sheet = _daily_sheet(config, reader.day(day), language or config.station.language)
    path = out or Path(f"day-{day}.pdf")
    write_whole(path, render_apart(sheet))
    return path


def nightly_reports(config: Config, workplace: Workplace) -> Callable[[], None]:
    """Return the job that writes and records the report of the day before and of each lot of that day."""

    def write() -> None:
        from storage.report_reader import SqlReportReader

        store = inspection_store(workplace)
        language, reader = config.station.language, SqlReportReader(store)
        day = reader.day(SystemClock().now().date() - timedelta(days=1))
        sheets = [("day", str(day.day), _daily_sheet(config, day, language))]
        lots = sorted({one.lot for one in day.inspections if one.lot and one.outcome is not None})
        sheets += [("lot", lot, _lot_sheet(config, reader.lot(lot), language)) for lot in lots]
        for kind, subject, sheet in sheets:
            _write_and_record(config, store, kind, subject, sheet)

    return write


def _write_and_record(
    config: Config, store: "SqlInspectionStore", kind: str, subject: str, sheet: "Sheet"
) -> None:
    from reports.record import sha256
    from reports.renderer import render_apart, write_whole
    from storage.period_rows import add_period_report

    folder, language = config.station.folder, config.station.language
    pdf = render_apart(sheet)
    digest = sha256(pdf)
    # A lot grows for days: each of its reports stays beside the one before.
    path = folder / "reports" / f"{kind}-{_file_name(subject)}-{digest[:8]}-{language}.pdf"
    write_whole(path, pdf)
    with store.transaction() as session:
        report = ReportFile(str(path), language, digest)
        add_period_report(session, kind, subject, folder, report, SystemClock().now())


@contextmanager
def _report_reader(config: Config) -> Iterator["SqlReportReader"]:
    from storage.report_reader import SqlReportReader

    with open_inspections(config) as reader:
        yield SqlReportReader(reader)


def _lot_sheet(config: Config, record: LotRecord, language: ReportLanguage) -> "Sheet":
    from reports.lot_report import LotReport, lot_sheet

    if record.rule is None:
        raise InputError(f'lot "{record.lot}": all of its inspections are UNDECIDED; expected a conclusion')
    plan = SamplingPlan(config.sampling.specimens_per_roll, config.sampling.rolls_per_lot)
    judgement = judge_lot([one.figures for one in record.inspections], record.rule, plan)
    written_at = record.inspections[-1].accepted_at  # not now: the same lot gives the same bytes
    report = LotReport(record, judgement, plan, config.station.name, written_at)
    return lot_sheet(report, language, templates_in_use(config))


def _daily_sheet(config: Config, record: DayRecord, language: ReportLanguage) -> "Sheet":
    from reports.daily_report import CheckLimits, DailyReport, daily_sheet
    from reports.spc import ControlRules

    calibration = config.calibration
    over_at = datetime.combine(record.day, time(), UTC) + timedelta(days=1)
    report = DailyReport(
        record,
        config.station.name,
        ControlRules(calibration.baseline_checks, calibration.ewma_weight),
        CheckLimits(calibration.tile_limit_percent, calibration.wavelength_limit_nm),
        min(over_at, SystemClock().now()),
    )
    return daily_sheet(report, language, templates_in_use(config))


def _file_name(subject: str) -> str:
    """Return a text as part of a file name; what is not a letter, digit, dot or dash becomes a dash."""
    return re.sub(r"[^\w.-]+", "-", subject)[:80].strip(".") or "-"
