"""Commands replay and correct: does a stored conclusion come out again, and what was wrongly named?"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from qc_daemon.commands.output import print_json, say
from qc_daemon.config import DEFAULT_FILE
from qc_daemon.domain.corrections import CorrectedField
from qc_daemon.domain.errors import InputError
from qc_daemon.wiring.archive import archive_config
from qc_daemon.wiring.corrections import correct_inspection
from qc_daemon.wiring.replay import Replayed, replay_sample, replay_some, sentence

ConfigOption = Annotated[Path, typer.Option("--config", help="Configuration file of the station.")]
StationOption = Annotated[
    Path | None, typer.Option("--station", help="Station folder; that of the configuration if not given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
FieldName = Literal["lot", "roll", "specimen", "position-m", "label"]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(replay)
    app.command()(correct)


def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Numbers or ids.")] = None,
    sample: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Share of all inspections, drawn at random.")
    ] = None,
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw conclusions again from stored bytes and compare: bit for bit on the same runtime.

    Exit status 1 if one comes out otherwise or cannot be drawn.
    """
    if bool(ids) == (sample is not None):
        raise InputError("replay: expected either ids or --sample SHARE")
    chosen = archive_config(config, station)
    found = replay_some(chosen, ids or []) if sample is None else replay_sample(chosen, sample)
    ok = all(one.ok for one in found)
    if as_json:
        print_json({"ok": ok, "replayed": [{"ok": one.ok, **asdict(one)} for one in found]})
    else:
        _print(found)
    raise typer.Exit(0 if ok else 1)


def correct(
    one: Annotated[str, typer.Argument(metavar="ID", help="Number or id of an inspection.")],
    field: Annotated[FieldName, typer.Option(help="What was wrong.")],
    value: Annotated[str, typer.Option(help="What it should be.")],
    who: Annotated[str, typer.Option(help="Who says so.")],
    why: Annotated[str, typer.Option(help="And why.")],
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
) -> None:
    """Correct what an inspection is called; what was measured stays as it is, and readable."""
    chosen = CorrectedField(field.replace("-", "_"))
    done = correct_inspection(config, station, one, chosen, value, who, why)
    typer.echo(f'inspection {done.number}: {field} was "{done.old_value or ""}", is now "{done.value}"')
    if chosen is CorrectedField.LABEL:
        say(f"the verdict follows the old label until `qc-daemon conclude {done.number}` draws a new one")


def _print(found: list[Replayed]) -> None:
    for one in found:
        if not one.ok or one.retired:
            typer.echo(sentence(one))
    exact = sum(one.ok and one.replay is not None and one.replay.exact for one in found)
    near = sum(one.ok and one.replay is not None and not one.replay.exact for one in found)
    wrong = sum(not one.ok for one in found)
    typer.echo(f"{exact} bit for bit, {near} within tolerance (other version or runtime), {wrong} otherwise")
