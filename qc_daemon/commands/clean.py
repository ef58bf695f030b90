"""The command clean: debris out of a folder of pictures."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from qc_daemon.commands.output import say
from qc_daemon.commands.pictures import work_through
from qc_daemon.wiring import cleaning as wiring


class Method(StrEnum):
    """What fills holes."""

    PMPN = "pmpn"
    GAUSSIAN = "gaussian"
    FSR = "fsr"
    TELEA = "telea"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(clean)


def clean(
    images: Annotated[Path, typer.Option(help="Folder of PNG, JPEG or TIFF images.")],
    out: Annotated[Path, typer.Option(help="Folder to write to; never that of the images.")],
    masks: Annotated[
        Path | None,
        typer.Option(
            help="Folder of masks of the same stems, not zero = hole; debris is looked for if not given."
        ),
    ] = None,
    method: Annotated[Method, typer.Option(help="What fills the holes.")] = Method.PMPN,
) -> None:
    """Fill debris in images; known pixels stay bit-identical, images without any are copied.

    An image that cannot be cleaned is named on stderr, the others are done, and the exit status is 2.
    """
    cleaner = wiring.folder_cleaner(images, masks, out, method.value, _warn)
    for mask in cleaner.masks_without_image:
        say(f"qc-daemon: {mask}: belongs to no image of {images}")
    work_through(cleaner.work, "cleaning", out, "images", "filled", "copied")


def _warn(message: str) -> None:
    say(f"qc-daemon: {message}")
