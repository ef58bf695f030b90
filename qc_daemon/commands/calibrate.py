"""Commands of calibration: calibrate dark, white, check, reset, list, transfer."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from qc_daemon.calibration import check_tile, check_wavelengths, take_dark
from qc_daemon.commands import calibrate_camera
from qc_daemon.commands.output import console, print_json, say, table
from qc_daemon.config import DEFAULT_FILE, load_config
from qc_daemon.domain.calibration import CheckKind, CheckRun
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan
from qc_daemon.references import take_tile_reference
from qc_daemon.wiring import calibration as wiring
from qc_daemon.wiring.archive import archive_config
from qc_daemon.wiring.calibration_settings import grey_tile, wavelength_standard, white_tile

ConfigOption = Annotated[Path, typer.Option("--config", help="Configuration file of the station.")]
StationOption = Annotated[
    Path | None, typer.Option("--station", help="Station folder; that of the configuration if not given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


class Method(StrEnum):
    """How a transfer is estimated."""

    BEST = "best"
    BIAS_SLOPE = "bias-slope"
    PDS = "pds"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    calibrate = typer.Typer(
        help="Calibrate and check the instruments of a station.",
        no_args_is_help=True,
    )
    for name, command in (
        ("dark", dark), ("white", white), ("check", check),
        ("reset", reset), ("list", list_due), ("transfer", transfer),
    ):  # fmt: skip
        calibrate.command(name)(command)
    calibrate_camera.register(calibrate)
    app.add_typer(calibrate, name="calibrate")


def dark(config: ConfigOption = DEFAULT_FILE, as_json: JsonOption = False) -> None:
    """Take a scan for its dark level and store it."""
    with wiring.open_bench(load_config(config)) as (bench, _):
        taken = take_dark(bench)
    level = taken.scan.dark_counts
    if as_json:
        print_json(
            {
                **_scan_json(taken.id, taken.instrument, taken.scan, taken.taken_at.isoformat()),
                "mean_dark_counts": float(level.mean()),
                "highest_dark_counts": float(level.max()),
            }
        )
    else:
        typer.echo(
            f"{taken.instrument.serial}: dark level {level.mean():.0f} counts on average, "
            f"{level.max():.0f} at most"
        )


def white(config: ConfigOption = DEFAULT_FILE, as_json: JsonOption = False) -> None:
    """Measure the white tile in front of the spectrometer, also while the station runs."""
    settings = load_config(config)
    if wiring.station_runs(settings):
        taken = wiring.white_of_running_station(settings)
    else:
        with wiring.open_bench(settings) as (bench, line):
            tile = line.show_white_tile() or white_tile(settings)
            taken = take_tile_reference(bench.spectrometer, tile, bench.store, bench.clock, bench.new_id)
    if as_json:
        document = _scan_json(taken.id, taken.instrument, taken.scan, taken.taken_at.isoformat())
        print_json({**document, "tile": taken.tile_id})
    else:
        peak = float(taken.scan.net_counts.max())
        typer.echo(
            f"{taken.instrument.serial}: white reference of {taken.tile_id}, {peak:.0f} counts at its peak"
        )


def check(
    standard: Annotated[
        CheckKind, typer.Option(help="What lies in front of the spectrometer.")
    ] = CheckKind.TILE,
    config: ConfigOption = DEFAULT_FILE,
    as_json: JsonOption = False,
) -> None:
    """Check the spectrometer against a standard; exit status 1 if it is out of control."""
    settings = load_config(config)
    with wiring.open_bench(settings) as (bench, line):
        if standard is CheckKind.TILE:
            run = check_tile(bench, line.show_grey_tile() or grey_tile(settings))
        else:
            run = check_wavelengths(bench, line.show_wavelength_standard() or wavelength_standard(settings))
    if as_json:
        print_json(_check_json(run))
    else:
        _print_check(run)
    raise typer.Exit(0 if run.in_control else 1)


def reset(
    who: Annotated[str, typer.Option(help="Who says so.")],
    why: Annotated[str, typer.Option(help="What was found and done.")],
    serial: Annotated[
        str | None, typer.Option(help="Which spectrometer, if the station knows several.")
    ] = None,
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a spectrometer may be trusted again; its control charts begin anew."""
    made = wiring.reset_control(archive_config(config, station), serial, who, why)
    if as_json:
        print_json({"serial": made.serial, "who": made.who, "why": made.why, "at": made.at.isoformat()})
    else:
        typer.echo(f"{made.serial}: control charts reset by {made.who}")


def list_due(
    config: ConfigOption = DEFAULT_FILE, station: StationOption = None, as_json: JsonOption = False
) -> None:
    """Show what was done with each spectrometer and what is due, also while the station runs."""
    found = wiring.list_duties(archive_config(config, station))
    if as_json:
        print_json({"spectrometers": [_duties_json(one) for one in found]})
        return
    rows = table("spectrometer", "what", "state", "done", "due")
    for one in found:
        for duty in one.duties:
            moments = (
                moment.isoformat(" ", "seconds") if moment else "-" for moment in (duty.done_at, duty.due_at)
            )
            rows.add_row(f"{one.kind} {one.serial}", duty.what, duty.state, *moments)
    console().print(rows)


def transfer(
    source: Annotated[
        Path, typer.Option("--from", help="Dataset folder of the unit whose spectra are corrected.")
    ],
    target: Annotated[
        Path, typer.Option("--to", help="Dataset folder of the same specimens on the unit to look like.")
    ],
    out: Annotated[Path, typer.Option(help="File to write; name it in calibration.transfer.")],
    method: Annotated[Method, typer.Option(help="How it is estimated.")] = Method.BEST,
    from_serial: Annotated[str | None, typer.Option(help="Serial number, if --from does not say it.")] = None,
    to_serial: Annotated[str | None, typer.Option(help="Serial number, if --to does not say it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make spectra of one unit look like those of another; exit status 1 if it does not help."""
    fitted = wiring.make_transfer(source, target, from_serial, to_serial, method.value, out)
    made = fitted.transfer
    if as_json:
        print_json(
            {
                "file": str(out),
                "sha256": made.digest,
                "from_serial": made.source_serial,
                "to_serial": made.target_serial,
                "method": made.method,
                "specimens": len(fitted.specimens),
                "difference_before": fitted.before,
                "difference_after": fitted.after,
            }
        )
    else:
        typer.echo(f"{out}: {made.source_serial} as {made.target_serial}, {made.method}, {made.digest[:12]}")
        typer.echo(
            f"difference of absorbance over {len(fitted.specimens)} specimens (RMS): "
            f"{fitted.before:.4f} before, {fitted.after:.4f} after on specimens left out"
        )
    if fitted.after >= fitted.before:
        say("the transfer does not help on specimens that it has not seen; do not use it")
        raise typer.Exit(1)


def _scan_json(scan_id: str, instrument: InstrumentIdentity, scan: Scan, taken_at: str) -> dict[str, Any]:
    conditions = scan.conditions
    return {
        "id": scan_id,
        "taken_at": taken_at,
        "instrument": instrument.kind,
        "serial": instrument.serial,
        "config_name": scan.settings.config_name,
        "scans_averaged": scan.settings.scans_averaged,
        "pga_gain": scan.settings.pga_gain,
        "system_temperature_c": conditions.system_temperature_c,
        "detector_temperature_c": conditions.detector_temperature_c,
        "humidity_percent": conditions.humidity_percent,
        "lamp_photodiode_counts": conditions.lamp_photodiode_counts,
        "highest_counts": float(scan.counts.max()),
    }


def _check_json(run: CheckRun) -> dict[str, Any]:
    return {
        **_scan_json(run.id, run.instrument, run.scan, run.done_at.isoformat()),
        "kind": run.kind.value,
        "standard": run.standard_id,
        "reference": run.white_id,
        "in_control": run.in_control,
        "values": [
            {
                "position_nm": value.position_nm,
                "certified": value.certified,
                "measured": value.measured,
                "rule": value.rule or None,
            }
            for value in run.values
        ],
    }


def _print_check(run: CheckRun) -> None:
    rows = table("nm", "certified", "measured", "residual", "rule")
    for value in run.values:
        measured, residual = ("-", "-")
        if value.measured is not None:
            measured, residual = f"{value.measured:.4f}", f"{value.measured - value.certified:+.4f}"
        rows.add_row(
            f"{value.position_nm:g}", f"{value.certified:.4f}", measured, residual, value.rule or "-"
        )
    console().print(rows)
    state = (
        "in control" if run.in_control else "OUT OF CONTROL: verdicts are REFER until a check is in control"
    )
    typer.echo(f"{run.instrument.serial}: {run.kind.value} check against {run.standard_id}: {state}")


def _duties_json(one: wiring.SpectrometerDuties) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "serial": one.serial,
        "duties": [
            {
                "what": duty.what,
                "state": duty.state,
                "done_at": duty.done_at.isoformat() if duty.done_at else None,
                "due_at": duty.due_at.isoformat() if duty.due_at else None,
            }
            for duty in one.duties
        ],
    }
