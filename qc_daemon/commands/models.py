"""Commands of the model library: models list, show, activate, parity, export."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from qc_daemon.commands.output import console, print_json, say, table
from qc_daemon.config import DEFAULT_FILE
from qc_daemon.wiring import models as wiring
from qc_daemon.wiring.archive import archive_config

ConfigOption = Annotated[Path, typer.Option("--config", help="Configuration file of the station.")]
StationOption = Annotated[
    Path | None, typer.Option("--station", help="Station folder; that of the configuration if not given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the model's folder.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    models = typer.Typer(help="The models that a station can use.", no_args_is_help=True)
    models.command("list")(models_list)
    models.command("show")(models_show)
    models.command("activate")(models_activate)
    models.command("parity")(models_parity)
    models.command("export")(models_export)
    app.add_typer(models, name="models")


def models_list(
    config: ConfigOption = DEFAULT_FILE, station: StationOption = None, as_json: JsonOption = False
) -> None:
    """List the shipped models and those of the station; exit status 1 if one is damaged."""
    found = wiring.list_models(wiring.station_of(config, station))
    if as_json:
        print_json({"models": [asdict(model) for model in found]})
    else:
        rows = table("", "name", "version", "fibres", "folder")
        for model in found:
            state = "active" if model.active else ""
            rows.add_row(
                state, model.name, model.version[:12], model.problem or ", ".join(model.fibres), model.folder
            )
        console().print(rows)
    raise typer.Exit(1 if any(model.problem for model in found) else 0)


def models_show(
    name: NameArgument,
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a model says of itself: fibres, range, training, versions, files."""
    card = wiring.show_model(wiring.station_of(config, station), name)
    if as_json:
        print_json({"version": card.version, "folder": str(card.folder), "manifest": asdict(card.manifest)})
        return
    manifest = card.manifest
    grid, image, training = manifest.grid, manifest.image, manifest.training
    lines = {
        "name": manifest.name,
        "version": card.version,
        "folder": str(card.folder),
        "fibres": ", ".join(manifest.fibres),
        "shares": manifest.basis,
        "range": f"{grid.first_nm:.0f} to {grid.last_nm:.0f} nm, {grid.bands} bands",
        "image": f"{image.side_px} px of {image.um_per_pixel:g} µm" if image else "not read",
        "trained on": "; ".join(training.sets),
        "calibrated on": f"{training.calibration_specimens} specimens: {training.calibrated_on}",
        "validation": f"mean error of a share {100.0 * training.validation_error:.1f} percentage points",
        "made with": ", ".join(manifest.versions),
    }
    for what, text in lines.items():
        typer.echo(f"{what + ':':15s}{text}")
    for seal in manifest.files:
        typer.echo(f"{seal.sha256}  {seal.name}")


def models_activate(
    name: NameArgument, config: ConfigOption = DEFAULT_FILE, station: StationOption = None
) -> None:
    """Make a model the station's own from its next start on, once it reproduced its golden outputs."""
    settings = archive_config(config, station)
    version = wiring.activate_model(settings, name)
    typer.echo(
        f"{version.name} {version.digest[:12]} is active from the next start of {settings.station.folder}"
    )


def models_parity(
    name: NameArgument,
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare MindSpore and ONNX Runtime on a model; exit status 1 if they differ by more than 1e-5."""
    parity = wiring.compare_model(wiring.station_of(config, station), name)
    if as_json:
        print_json({**asdict(parity), "tolerance": wiring.parity_tolerance(), "ok": parity.ok})
        raise typer.Exit(0 if parity.ok else 1)
    rows = table("output", "mindspore - onnx", "mindspore - golden", "onnx - golden")
    for one in parity.outputs:
        figures = (one.difference, one.mindspore_from_golden, one.onnx_from_golden)
        rows.add_row(one.output, *(f"{figure:.1e}" for figure in figures))
    console().print(rows)
    verdict = "within" if parity.ok else "OUTSIDE"
    typer.echo(
        f"largest absolute differences on {parity.inputs} inputs; {verdict} {wiring.parity_tolerance():g}"
    )
    typer.echo(
        f"{parity.mindspore} {parity.mindspore_ms:.2f} ms, {parity.onnx} {parity.onnx_ms:.2f} ms a specimen "
        f"(median): ratio {parity.mindspore_ms / parity.onnx_ms:.1f}"
    )
    raise typer.Exit(0 if parity.ok else 1)


def models_export(
    name: NameArgument,
    graph_format: Annotated[wiring.GraphFormat, typer.Option("--format", help="What to write.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model's graph for another program, with SHA-256 sums; "om" with what compiles it."""
    exported = wiring.export_model(wiring.station_of(config, station), name, graph_format, out)
    if as_json:
        print_json({**asdict(exported), "folder": str(exported.folder)})
    else:
        for seal in exported.files:
            typer.echo(f"{seal.sha256}  {exported.folder / seal.name}")
    if not exported.compiled:
        say(
            f"no atc on this computer, so no model.om yet: run {exported.folder / 'convert.sh'} on one with "
            f"CANN 8.0.0; {exported.folder / 'CONVERT.txt'} says how"
        )
