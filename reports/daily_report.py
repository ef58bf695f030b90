"""What the report of a day says: pure values from its record, ready for the layout."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from qc_daemon.domain.availability import Availability, availability
from qc_daemon.domain.period_records import AlarmOfDay, CheckSeries, DayInspection, DayRecord
from qc_daemon.domain.verdict import Outcome
from reports import day_wording as wording
from reports.content import ReportLanguage, printable_tree
from reports.fonts import printable
from reports.lot_report import RECORD_NAME
from reports.lot_wording import SIMULATED_PART
from reports.seal import PLACEHOLDER
from reports.spc import LEAST_RUNS_FOR_CPK, ControlRules, baseline, capability, check_plot, p_plot
from reports.typesetting import SHIPPED_TEMPLATES, Sheet
from reports.wording import LANGUAGES, Language, term

DAY_SCHEMA = "textile-qc-day/1"
_NOTHING = "—"
_UNDECIDED = "undecided"
_LEAST_POINTS = 2
_SCALE = {"tile": 100.0, "wavelength": 1.0}  # reflectance is shown in percent


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """Action limits of the checks: percent reflectance of a tile, nm of a peak."""

    tile_percent: float
    wavelength_nm: float

    def of(self, kind: str) -> float:
        """Return the limit of a kind of check, in the unit of its chart."""
        return self.tile_percent if kind == "tile" else self.wavelength_nm


@dataclass(frozen=True, slots=True)
class DailyReport:
    """All that the report of a day is made of.

    Attributes:
        until: the end of what is reported: that of the day, or now if the day is not over.
    """

    record: DayRecord
    station_name: str
    rules: ControlRules
    limits: CheckLimits
    until: datetime


def daily_sheet(report: DailyReport, language: ReportLanguage, templates: Path = SHIPPED_TEMPLATES) -> Sheet:
    """Return what the template needs to lay the report of a day out."""
    languages = LANGUAGES if language == "both" else (language,)
    day = report.record.day.isoformat()
    plots = [
        asdict(check_plot(series.points, _SCALE[series.kind], report.rules)) for series in _charted(report)
    ]
    p_chart = p_plot(_hours(report.record.inspections))
    content = {
        "subject": day,
        "station": printable(report.station_name),
        "plots": plots,
        "p_chart": asdict(p_chart) if p_chart else None,
        "pages": [printable_tree(_page(report, spoken)) for spoken in languages],
    }
    return Sheet(
        template=templates / "daily.typ",
        inputs={
            "content": json.dumps(content, ensure_ascii=False),
            "record": json.dumps(_record(report), ensure_ascii=False, allow_nan=False, indent=1, default=str),
            "record_name": RECORD_NAME,
            "seal": PLACEHOLDER,
        },
        dated=report.until,
    )


def _page(report: DailyReport, language: Language) -> Mapping[str, object]:
    record = report.record
    simulated = sum(one.simulated for one in record.inspections)
    return {
        "language": language,
        "headings": {key: words.of(language) for key, words in wording.HEADINGS.items()},
        "simulated": SIMULATED_PART.of(language).format(count=simulated) if simulated else "",
        "totals": _counts(record.inspections),
        "lots": [{"lot": lot or _NOTHING, **_counts(of_lot)} for lot, of_lot in _by_lot(record.inspections)],
        "nothing": wording.NOTHING_INSPECTED.of(language),
        "p_note": wording.P_CHART_NOTE.of(language),
        "defects": [
            [term(one.kind, language), term(one.severity, language), str(one.defects), str(one.inspections)]
            for one in record.defects
        ],
        "no_defects": wording.NO_DEFECTS_TODAY.of(language),
        "instruments": [_instrument(one, language) for one in _availabilities(report)],
        "no_states": wording.NO_STATES.of(language),
        "references": wording.REFERENCES.of(language).format(count=record.references),
        "charts": [_chart_texts(series, report, language) for series in _charted(report)],
        "no_charts": wording.NO_CHARTS.of(language),
        "alarms": [_alarm(one, language) for one in record.alarms],
        "no_alarms": wording.NO_ALARMS.of(language),
    }


def _counts(inspections: Sequence[DayInspection]) -> Mapping[str, str]:
    counts = Counter(one.outcome.value.lower() if one.outcome else _UNDECIDED for one in inspections)
    named = (*(outcome.value.lower() for outcome in Outcome), _UNDECIDED)
    return {"inspected": str(len(inspections))} | {name: str(counts[name]) for name in named}


def _by_lot(inspections: Sequence[DayInspection]) -> Iterator[tuple[str, list[DayInspection]]]:
    for lot in dict.fromkeys(one.lot for one in inspections):
        yield lot, [one for one in inspections if one.lot == lot]


def _hours(inspections: Sequence[DayInspection]) -> list[tuple[int, int, int]]:
    inspected = Counter(one.accepted_at.astimezone(UTC).hour for one in inspections)
    failed = Counter(
        one.accepted_at.astimezone(UTC).hour for one in inspections if one.outcome is Outcome.FAIL
    )
    return [(hour, inspected[hour], failed[hour]) for hour in range(24)]


def _availabilities(report: DailyReport) -> tuple[Availability, ...]:
    start = datetime.combine(report.record.day, time(), UTC)
    return availability(report.record.changes, start, min(start + timedelta(days=1), report.until))


def _instrument(one: Availability, language: Language) -> list[str]:
    share = _NOTHING if one.share is None else f"{100.0 * one.share:.1f}"
    hours = f"{one.available_s / 3600.0:.1f} / {one.recorded_s / 3600.0:.1f}"
    return [term(one.instrument, language), share, hours, str(one.lost)]


def _charted(report: DailyReport) -> list[CheckSeries]:
    return [series for series in report.record.series if len(series.points) >= _LEAST_POINTS]


def _chart_texts(series: CheckSeries, report: DailyReport, language: Language) -> Mapping[str, str]:
    name = wording.CHART_NAME[series.kind].of(language)
    scale, runs = _SCALE[series.kind], report.rules.baseline_runs
    has_limits = baseline(series.points, scale, report.rules) is not None
    note = wording.CHART_NOTE if has_limits else wording.CHART_NO_LIMITS
    return {
        "name": name.format(standard=series.standard_id, position=series.position_nm),
        "serial": series.serial,
        "note": note.of(language).format(weight=report.rules.ewma_weight, runs=runs),
        "cpk": _cpk(series, report.limits.of(series.kind), scale, language),
    }


def _cpk(series: CheckSeries, limit: float, scale: float, language: Language) -> str:
    cpk = capability(series.points, limit / scale)
    if cpk is not None:
        return wording.CPK.of(language).format(cpk=cpk, limit=limit)
    stable = not series.points[-1].rule
    why = wording.TOO_FEW_FOR_CPK if stable else wording.NOT_STABLE
    return wording.NO_CPK.of(language).format(why=why.of(language).format(runs=LEAST_RUNS_FOR_CPK))


def _alarm(alarm: AlarmOfDay, language: Language) -> list[str]:
    cleared = f"{alarm.cleared_at:%H:%M}" if alarm.cleared_at else wording.STILL_ACTIVE.of(language)
    about = f"{alarm.code} {alarm.subject}".strip()
    return [f"{alarm.raised_at:%H:%M}", cleared, f"{about}: {alarm.message}"]


def _record(report: DailyReport) -> Mapping[str, object]:
    return {
        "schema": DAY_SCHEMA,
        "station": report.station_name,
        "until": report.until.isoformat(),
        "availability": [asdict(one) for one in _availabilities(report)],
        **asdict(report.record),
    }
