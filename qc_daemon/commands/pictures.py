"""Works through a folder of pictures before a person's eyes."""

import sys
from collections.abc import Iterable, Sized
from pathlib import Path
from typing import Protocol

import typer
from rich.console import Console
from rich.progress import track

from qc_daemon.commands.output import say
from qc_daemon.domain.errors import InputError


class Worked(Protocol):
    """What became of one picture."""

    @property
    def debris_percent(self) -> float:
        """Share of it that is debris."""
        ...

    @property
    def problem(self) -> str | None:
        """Why nothing was written for it."""
        ...


class FolderWork(Protocol):
    """Work that is done to one picture after the other."""

    @property
    def images(self) -> Sized:
        """All of them."""
        ...

    def run(self) -> Iterable[Worked]:
        """Do it."""
        ...


def work_through(work: FolderWork, doing: str, out: Path, what: str, with_debris: str, without: str) -> None:
    """Show progress, name what could not be done, and sum up.

    Args:
        work: what is done.
        doing: what to call it while it is done.
        out: where it writes to.
        what: what it writes.
        with_debris: what to call those of pictures with debris.
        without: and those without.

    Raises:
        Exit: with the status of wrong input, if a picture could not be done.
    """
    failed, dirty, total = 0, 0, len(work.images)
    shown = track(work.run(), doing, total=total, console=Console(stderr=True), transient=True,
                  disable=not sys.stderr.isatty())  # fmt: skip
    for worked in shown:
        if worked.problem is not None:
            failed += 1
            say(f"qc-daemon: {worked.problem}")
        dirty += worked.debris_percent > 0.0
    done = total - failed
    typer.echo(f"{done} of {total} {what} in {out}: {dirty} {with_debris}, {done - dirty} {without}")
    if failed:
        raise typer.Exit(InputError.exit_status)
