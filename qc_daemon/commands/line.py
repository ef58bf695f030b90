"""Commands of the line: demo, check, status, inspect."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from qc_daemon.clock import SystemClock
from qc_daemon.commands.output import (
    console,
    inspection_json,
    print_json,
    reasons_text,
    shares_text,
    table,
)
from qc_daemon.config import DEFAULT_FILE, Config, EmulatedLineSection, load_config
from qc_daemon.demonstration import Shown, demonstrate
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.label import parse_label
from qc_daemon.domain.verdict import Outcome
from qc_daemon.pipeline import Station, certify, inspect_specimen
from qc_daemon.references import renew_reference
from qc_daemon.status import read_status
from qc_daemon.wiring.archive import reason_sentences, station_folder, status_file
from qc_daemon.wiring.checks import check_everything
from qc_daemon.wiring.history import run_query
from qc_daemon.wiring.lines import (
    ReplayAgreement,
    demo_config,
    mill_line,
    open_line,
    replay_agreement,
    replay_line,
)
from qc_daemon.wiring.station import open_repaired_store, open_workplace

ConfigOption = Annotated[Path, typer.Option("--config", help="Configuration file of the station.")]
StationOption = Annotated[
    Path | None, typer.Option("--station", help="Station folder; that of the configuration if not given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]

_ROWS_SHOWN = 40
_EXAMPLE_SQL = "SELECT verdict, count(*) AS inspections FROM v_inspections GROUP BY verdict"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (demo, check, status, inspect):
        app.command()(command)


def demo(
    specimens: Annotated[int, typer.Option(min=1, help="How many virtual specimens to inspect.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the virtual mill.")] = 1,
    replay: Annotated[
        Path | None, typer.Option(help="Inspect the recorded scans of this folder instead.")
    ] = None,
    station: Annotated[Path, typer.Option(help="Folder of the demo station.")] = Path("station"),
    as_json: JsonOption = False,
) -> None:
    """Inspect specimens end to end without hardware, over real serial and network protocols."""
    config = demo_config(station)
    fabric = EmulatedLineSection(specimens=specimens, seed=seed)
    opened = replay_line(replay) if replay is not None else mill_line(fabric, loop=False)
    with (
        opened as line,  # first: a folder that cannot be read leaves no station behind
        open_repaired_store(config) as store,
        open_workplace(config, nullcontext(line), store) as workplace,
    ):
        shown = _watched(demonstrate(workplace, line), quiet=as_json)
        conclusions = [one.inspection.conclusion for one in shown]
        agreement = replay_agreement(workplace.judges, replay, conclusions) if replay is not None else None
    if as_json:
        print_json(_demo_json(station, shown, agreement))
    else:
        _print_demo(config, shown, agreement)


def check(config: ConfigOption = DEFAULT_FILE, as_json: JsonOption = False) -> None:
    """Check configuration, database, model and instruments: one line each."""
    lines = check_everything(load_config(config))
    if as_json:
        print_json({"ok": all(line.ok for line in lines), "checks": [asdict(line) for line in lines]})
    else:
        typer.echo(f"ok    configuration: {config}")
        for line in lines:
            typer.echo(f"{'ok  ' if line.ok else 'FAIL'}  {line.what}: {line.found}")
    raise typer.Exit(0 if all(line.ok for line in lines) else 1)


def status(
    config: ConfigOption = DEFAULT_FILE, station: StationOption = None, as_json: JsonOption = False
) -> None:
    """Show the health of the running station; exit status 1 unless it runs without alarms."""
    found = read_status(status_file(station_folder(config, station)), SystemClock().now())
    if as_json:
        print_json(found)
    else:
        _print_status(found)
    raise typer.Exit(0 if found["state"] == "running" and not found["alarms"] else 1)


def inspect(
    specimen: Annotated[str, typer.Option(help="Identity of the specimen.")],
    lot: Annotated[str, typer.Option(help="Lot it belongs to.")] = "",
    roll: Annotated[str, typer.Option(help="Roll it lies on.")] = "",
    position_m: Annotated[float, typer.Option(min=0, help="Position along the roll, metres.")] = 0.0,
    label: Annotated[str, typer.Option(help='Declared label: "cotton 60 polyester 40".')] = "",
    config: ConfigOption = DEFAULT_FILE,
    as_json: JsonOption = False,
) -> None:
    """Inspect what lies in front of the instruments now; exit status 1 if the verdict is FAIL."""
    declared = parse_label(label) if label else None
    settings = load_config(config)
    with (
        open_repaired_store(settings) as store,
        open_workplace(settings, open_line(settings), store) as work,
        work.open_instruments() as instruments,
    ):
        judges = work.judges
        renew_reference(
            instruments.spectrometer, work.line, store, judges.clock, judges.new_id,
            judges.reference_limits, None,
        )  # fmt: skip
        work.line.next_specimen()
        inspection = inspect_specimen(
            Station(instruments.spectrometer, instruments.camera, judges, store),
            Specimen(specimen, lot, roll, position_m, declared),
        )
        report, seconds = certify(
            judges, store, work.report_writer,
            inspection.number, inspection.acquisition, inspection.conclusion,
        )  # fmt: skip
    one = Shown(inspection, report, seconds)
    if as_json:
        print_json(_shown_json(one))
    else:
        _print_inspections([one])
        typer.echo(f"certificate: {report.path}")
    raise typer.Exit(1 if inspection.conclusion.verdict.outcome is Outcome.FAIL else 0)


def _watched(inspections: Iterator[Shown], quiet: bool) -> list[Shown]:
    """Collect inspections, with a line of progress on a terminal."""
    done: list[Shown] = []
    watch = console()
    if quiet or not watch.is_terminal:
        return list(inspections)
    with watch.status("inspecting ...") as progress:
        for one in inspections:
            done.append(one)
            progress.update(f"inspected {len(done)}: {one.inspection.acquisition.specimen.id}")
    return done


def _shown_json(one: Shown) -> dict[str, Any]:
    reasons = reason_sentences(one.inspection.conclusion.verdict)
    return inspection_json(one.inspection, reasons, one.report, one.report_seconds)


def _summary(shown: Sequence[Shown]) -> dict[str, int]:
    outcomes = Counter(one.inspection.conclusion.verdict.outcome for one in shown)
    return {
        "inspected": len(shown),
        "pass": outcomes[Outcome.PASS],
        "fail": outcomes[Outcome.FAIL],
        "refer": outcomes[Outcome.REFER],
        "undecided": 0,
    }


def _demo_json(station: Path, shown: Sequence[Shown], agreement: ReplayAgreement | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "station": str(station),
        "inspections": [_shown_json(one) for one in shown],
        "summary": _summary(shown),
    }
    if agreement is not None:
        document["replay"] = asdict(agreement)
    return document


def _print_demo(config: Config, shown: Sequence[Shown], agreement: ReplayAgreement | None) -> None:
    if agreement is None:
        typer.echo(
            "Virtual fabric: these are simulated results. Every fourth specimen is declared falsely.\n"
        )
    if len(shown) <= _ROWS_SHOWN:
        _print_inspections(shown)
    else:
        _print_by_specimen(shown)
    summary = _summary(shown)
    typer.echo()
    typer.echo(
        f"{summary['inspected']} inspected: {summary['pass']} PASS, {summary['fail']} FAIL, "
        f"{summary['refer']} REFER (to wet chemistry)"
    )
    if agreement is not None:
        typer.echo(agreement.sentence())
    last_report = next((one.report for one in reversed(shown) if one.report is not None), None)
    if last_report is not None:
        typer.echo(f"certificate:  {last_report.path}")
    folder = config.station.folder
    where = "" if folder == Path("station") else f"--station {folder} "
    typer.echo(f'SQL to try:   .venv/bin/qc-daemon history sql {where}"{_EXAMPLE_SQL}"')
    answer = run_query(config, _EXAMPLE_SQL)
    rows = table(*answer.columns)
    for row in answer.rows:
        rows.add_row(*(str(cell) for cell in row))
    console().print(rows)


def _print_inspections(shown: Sequence[Shown]) -> None:
    rows = table("No.", "specimen", "declared %", "inferred % (90 % interval)", "verdict", "because")
    for one in shown:
        inspection = one.inspection
        label, verdict = inspection.acquisition.specimen.label, inspection.conclusion.verdict
        rows.add_row(
            str(inspection.number),
            inspection.acquisition.specimen.id,
            label.text if label else "-",
            shares_text(inspection.conclusion.composition),
            verdict.outcome.value,
            reasons_text(verdict),
        )
    console().print(rows)


def _print_by_specimen(shown: Sequence[Shown]) -> None:
    rows = table("specimen", "declared %", "scans", "PASS", "FAIL", "REFER", "mean inferred %")
    for name in dict.fromkeys(one.inspection.acquisition.specimen.id for one in shown):
        own = [one for one in shown if one.inspection.acquisition.specimen.id == name]
        counts = _summary(own)
        label = own[0].inspection.acquisition.specimen.label
        rows.add_row(
            name,
            label.text if label else "-",
            str(len(own)),
            str(counts["pass"]),
            str(counts["fail"]),
            str(counts["refer"]),
            _mean_shares(own),
        )
    console().print(rows)


def _mean_shares(shown: Sequence[Shown]) -> str:
    compositions = [
        one.inspection.conclusion.composition
        for one in shown
        if one.inspection.conclusion.composition is not None
    ]
    if not compositions:
        return "-"
    means = {
        share.fibre: sum(made.shares[index].percent for made in compositions) / len(compositions)
        for index, share in enumerate(compositions[0].shares)
    }
    novel = sum(made.novel for made in compositions)
    words = ", ".join(
        f"{fibre} {mean:.1f}" for fibre, mean in sorted(means.items(), key=lambda item: -item[1]) if mean >= 1
    )
    return f"{words} ({novel} unknown)" if novel else words


def _line_text(line: dict[str, Any]) -> str:
    counts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in line["counts"].items() if count)
    return " ".join(
        part for part in ("line:", line["device"], line["state"], counts and f"({counts})") if part
    )


def _print_status(found: dict[str, Any]) -> None:
    typer.echo(f"state: {found['state']}")
    for name, entry in found["instruments"].items():
        typer.echo(f"{name}: {entry['state']} since {entry['since']}, serial {entry['serial']}")
    typer.echo(f"waiting in the journal: {found['journal_pending']}")
    if found.get("line"):
        typer.echo(_line_text(found["line"]))
    last = found["last_inspection"]
    if last:
        typer.echo(f"last inspection: {last['number']} {last['specimen']} {last['verdict']} at {last['at']}")
    for alarm in found["alarms"]:
        typer.echo(f"ALARM {alarm}")
