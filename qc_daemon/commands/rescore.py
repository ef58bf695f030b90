"""Command rescore: a new model judges what was measured in years."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from qc_daemon.commands.output import print_json, say
from qc_daemon.config import DEFAULT_FILE
from qc_daemon.wiring.archive import archive_config
from qc_daemon.wiring.rescore import rescore as rescore_station

ConfigOption = Annotated[Path, typer.Option("--config", help="Configuration file of the station.")]
StationOption = Annotated[
    Path | None, typer.Option("--station", help="Station folder; that of the configuration if not given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(rescore)


def rescore(
    model: Annotated[str, typer.Option(metavar="NAME", help="Model of the library, or its folder.")],
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Ray that is there; one is started if not given.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that judge at once; one for each core if not given.")
    ] = os.cpu_count() or 1,
    certificates: Annotated[
        bool, typer.Option("--certificates", help="Have the station write a certificate of each.")
    ] = False,
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge every stored acquisition with a model, on Ray; the old conclusions stay.

    Killed, it goes on where it was when it is called again. Exit status 1 if stored bytes are
    missing or damaged.
    """
    shown = Console(stderr=True)
    with Progress(console=shown, disable=not shown.is_terminal, transient=True) as progress:
        task = progress.add_task("judging", total=None)
        done = rescore_station(
            archive_config(config, station),
            model,
            ray,
            workers,
            lambda drawn, total: progress.update(task, completed=drawn, total=total),
            certified=certificates,
        )
    if as_json:
        print_json(asdict(done))
    else:
        for problem in done.problems:
            say(problem)
        typer.echo(
            f"{done.drawn} conclusions drawn, {done.judged_before} acquisitions judged by this model before, "
            f"{done.retired} let go by retention, {len(done.problems)} damaged"
        )
    raise typer.Exit(1 if done.problems else 0)
