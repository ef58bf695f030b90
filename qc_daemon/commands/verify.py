"""Command verify: is a certificate, or the ledger of a station, still what was written?"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from qc_daemon.commands.output import print_json
from qc_daemon.config import DEFAULT_FILE
from qc_daemon.domain.errors import InputError
from qc_daemon.wiring.verification import Verification, verify_file, verify_ledger

ConfigOption = Annotated[Path, typer.Option("--config", help="Configuration file of the station.")]
StationOption = Annotated[
    Path | None, typer.Option("--station", help="Station folder; that of the configuration if not given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(verify)


def verify(
    file: Annotated[Path | None, typer.Argument(metavar="FILE.pdf", help="Certificate to check.")] = None,
    ledger: Annotated[bool, typer.Option("--ledger", help="Check the whole ledger instead.")] = False,
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a certificate against its own record and, with a station, against what that knows of it.

    Exit status 1 if something was changed.
    """
    if (file is None) != ledger:
        raise InputError("verify: expected either a file or --ledger")
    found = verify_ledger(config, station) if file is None else verify_file(file, config, station)
    if as_json:
        print_json({"ok": found.ok, **asdict(found)})
    else:
        _print(found)
    raise typer.Exit(0 if found.ok else 1)


def _print(found: Verification) -> None:
    for line in found.checked:
        typer.echo(f"ok    {line}")
    for line in found.notes:
        typer.echo(f"note  {line}")
    for line in found.problems:
        typer.echo(f"FAIL  {line}")
    typer.echo("unchanged" if found.ok else f"{len(found.problems)} problems")
