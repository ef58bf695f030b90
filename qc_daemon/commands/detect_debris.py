"""The command detect-debris: masks of what is foreign in a folder of pictures."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from qc_daemon.commands.output import say
from qc_daemon.domain.errors import InputError
from qc_daemon.wiring import debris as wiring


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("detect-debris")(detect_debris)


def detect_debris(
    images: Annotated[Path, typer.Option(help="Folder of PNG, JPEG or TIFF images.")],
    out: Annotated[Path, typer.Option(help="Folder to write masks to; never that of the images.")],
) -> None:
    """Write one mask PNG of each image, 255 where debris or a stain lies.

    An image that cannot be read is named on stderr, the others are done, and the exit status is 2.
    """
    detector = wiring.folder_detector(images, out)
    failed, dirty = 0, 0
    shown = track(detector.run(), "looking", total=len(detector), console=Console(stderr=True),
                  transient=True, disable=not sys.stderr.isatty())  # fmt: skip
    for found in shown:
        if found.problem is not None:
            failed += 1
            say(f"qc-daemon: {found.problem}")
        dirty += found.debris_percent > 0.0
    done = len(detector) - failed
    typer.echo(f"{done} of {len(detector)} masks in {out}: {dirty} with debris, {done - dirty} without")
    if failed:
        raise typer.Exit(InputError.exit_status)
