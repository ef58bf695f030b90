"""Command plant push: what waits for the plant, sent by hand."""

from pathlib import Path
from typing import Annotated

import typer

from qc_daemon.config import DEFAULT_FILE, load_config
from qc_daemon.wiring.plant import push_to_plant

ConfigOption = Annotated[Path, typer.Option("--config", help="Configuration file of the station.")]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    plant = typer.Typer(help="The database that all stations of a plant send to.", no_args_is_help=True)
    plant.callback()(lambda: None)  # one command, and still called by its name
    plant.command("push")(plant_push)
    app.add_typer(plant, name="plant")


def plant_push(config: ConfigOption = DEFAULT_FILE) -> None:
    """Push what the plant lacks of a station that does not run; a running one does so by itself."""
    typer.echo(f"{push_to_plant(load_config(config))} records and messages pushed")
