"""Commands that keep evidence: retention, hold, backup, restore."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from qc_daemon.commands.archive import ConfigOption, JsonOption, StationOption
from qc_daemon.commands.output import print_json, say
from qc_daemon.config import DEFAULT_FILE
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.retention import LetGo
from qc_daemon.wiring import keeping as wiring
from qc_daemon.wiring.archive import archive_config


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (retention, hold, backup, restore):
        app.command()(command)


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let evidence go that is older or more than [retention] allows; never what is held."""
    run = wiring.would_retire if dry_run else wiring.run_retention
    done = run(archive_config(config, station))
    if as_json:
        print_json({"dry_run": dry_run, "retired": [asdict(one) for one in done]})
    else:
        _print_retired(done, "would go" if dry_run else "gone")


def hold(
    lot: Annotated[str, typer.Option(help="Lot whose evidence must not go.")],
    who: Annotated[str, typer.Option(help="Who decides that.")],
    why: Annotated[str, typer.Option(help="Why: a complaint, a lawsuit, a study.")],
    release: Annotated[bool, typer.Option("--release", help="Release the lot instead.")] = False,
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
) -> None:
    """Put a lot under legal hold: retention leaves its evidence alone until it is released."""
    for name, text in (("--who", who), ("--why", why)):
        if not text.strip():
            raise InputError(f"hold: {name} is empty; expected a text")
    wiring.hold_lot(archive_config(config, station), lot, not release, who.strip(), why.strip())
    typer.echo(f"{lot}: {'released' if release else 'held'}")


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of the backup; later ones add to it.")
    ],
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the station, also while it runs, and check the copy as fsck does."""
    done = wiring.backup(archive_config(config, station), target)
    if as_json:
        print_json(asdict(done))
        return
    typer.echo(f"{done.copied_files} files ({done.copied_bytes / 1e6:.1f} MB) copied, besides the database")
    typer.echo(f"{done.found.checked.acquisitions} acquisitions in {target}: clean")


def restore(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that `qc-daemon backup` wrote.")],
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
) -> None:
    """Put a backup back as the station; never over an existing one, and only after it was checked."""
    folder = wiring.folder_to_restore(config, station)
    found = wiring.restore(source, folder)
    typer.echo(f"{found.checked.acquisitions} acquisitions restored into {folder}: clean")
    for note in found.notes:
        say(f"note: {note}")


def _print_retired(done: Sequence[LetGo], verb: str) -> None:
    for one in done:
        typer.echo(f"{one.kind.value}: {one.contents} contents, {one.size_bytes / 1e6:.1f} MB {verb}")
