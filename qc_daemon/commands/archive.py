"""Commands of the archive: conclude, fsck, db."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from qc_daemon.commands.output import print_json, say
from qc_daemon.config import DEFAULT_FILE
from qc_daemon.domain.errors import InputError, Retired
from qc_daemon.pipeline import conclude as draw_conclusion
from qc_daemon.wiring import archive as wiring

ConfigOption = Annotated[Path, typer.Option("--config", help="Configuration file of the station.")]
StationOption = Annotated[
    Path | None, typer.Option("--station", help="Station folder; that of the configuration if not given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (conclude, fsck):
        app.command()(command)
    db = typer.Typer(help="The schema of the database.", no_args_is_help=True)
    db.command("upgrade")(db_upgrade)
    db.command("current")(db_current)
    app.add_typer(db, name="db")


def conclude(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Numbers or ids.")] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="Every acquisition of the station.")] = False,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Model to use instead of the active one: its name in `models list`, or its folder.",
        ),
    ] = None,
    certificates: Annotated[
        bool | None,
        typer.Option(
            help="Have the station write certificates; if not said, of those named and not of --all."
        ),
    ] = None,
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
) -> None:
    """Draw new conclusions from stored facts; the old ones stay."""
    if bool(ids) == all_of_them:
        raise InputError("conclude: expected either ids or --all")
    certified = not all_of_them if certificates is None else certificates
    with wiring.open_archive(wiring.archive_config(config, station), model) as (judges, store):
        for number in wiring.find_numbers(store, ids or []):
            try:
                acquisition = store.load_acquisition(number)
            except Retired as gone:
                if not all_of_them:
                    raise
                say(f"{number}: left out, {gone}")
                continue
            serial, at = acquisition.spectrometer.serial, acquisition.triggered_at
            conclusion = draw_conclusion(judges, acquisition, store.calibration_standing(serial, at))
            store.add_conclusion(number, conclusion, certified=certified)
            say(f"{number}: {conclusion.verdict.outcome.value}")


def fsck(
    config: ConfigOption = DEFAULT_FILE, station: StationOption = None, as_json: JsonOption = False
) -> None:
    """Check every promise of the station from outside; exit status 1 if one is broken."""
    found = wiring.check_promises(wiring.archive_config(config, station))
    if as_json:
        print_json(asdict(found))
    else:
        for what, count in asdict(found.checked).items():
            typer.echo(f"checked {count} {what.replace('_', ' ')}")
        for note in found.notes:
            typer.echo(f"note: {note}")
        for problem in found.problems:
            typer.echo(f"PROBLEM {problem}")
        typer.echo("clean" if found.ok else f"{len(found.problems)} problems")
    raise typer.Exit(0 if found.ok else 1)


def db_upgrade(config: ConfigOption = DEFAULT_FILE, station: StationOption = None) -> None:
    """Bring the database to the schema of this software."""
    typer.echo(wiring.upgrade_database(wiring.archive_config(config, station)))


def db_current(config: ConfigOption = DEFAULT_FILE, station: StationOption = None) -> None:
    """Print the schema revision of the database."""
    typer.echo(wiring.database_revision(wiring.archive_config(config, station)))
