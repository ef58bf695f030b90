"""The command detect-debris: masks of what is foreign in a folder of pictures."""

from pathlib import Path
from typing import Annotated

import typer

from qc_daemon.commands.pictures import work_through
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
    work_through(wiring.folder_detector(images, out), "looking", out, "masks", "with debris", "without")
