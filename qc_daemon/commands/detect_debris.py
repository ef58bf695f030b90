"""The command detect-debris: masks of what is foreign in a folder of pictures."""

from pathlib import Path
from typing import Annotated

import typer

from qc_daemon.commands.output import say
from qc_daemon.commands.pictures import work_through
from qc_daemon.wiring import debris as wiring


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("detect-debris")(detect_debris)


def detect_debris(
    images: Annotated[Path, typer.Option(help="Folder of PNG, JPEG or TIFF images.")],
    out: Annotated[Path, typer.Option(help="Folder to write masks to; never that of the images.")],
    moved: Annotated[
        bool,
        typer.Option(
            "--moved",
            help="All are of one camera, the specimen moved between them: what stays is on the optics.",
        ),
    ] = False,
    blank: Annotated[
        Path | None, typer.Option(help="Image of an even white view, by which the others are divided.")
    ] = None,
) -> None:
    """Write one mask PNG of each image, 255 where debris or a stain lies.

    An image that cannot be read is named on stderr, the others are done, and the exit status is 2. With
    --moved, dirt on the optics is in each mask, and by itself in OUT/optics/mask.png.
    """
    work = wiring.folder_detector(images, out, blank, moved=moved)
    if work.on_optics is not None:
        percent = 100.0 * float(work.on_optics.mean())
        say(f"dirt on the optics: {percent:.2f} % of the field, {out / 'optics' / 'mask.png'}")
    work_through(work, "looking", out, "masks", "with debris", "without")
