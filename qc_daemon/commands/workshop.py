"""Commands of the workshop: mill, emulate, train, evaluate, predict."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from qc_daemon.commands.output import console, print_json, table
from qc_daemon.wiring import workshop as wiring

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


class Network(StrEnum):
    """Networks that can be trained."""

    ISIC = "isic"
    INPAINTING = "inpainting"


class Instrument(StrEnum):
    """Instruments that can be emulated."""

    NIRSCAN_NANO = "nirscan-nano"
    NIRONE = "nirone"
    OCEAN = "ocean"
    CAMERA = "camera"
    PLC = "plc"
    SCANNER = "scanner"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (mill, emulate, train, evaluate, predict):
        app.command()(command)


def mill(
    specimens: Annotated[int, typer.Option(min=1, help="How many specimens to make.")],
    out: Annotated[Path, typer.Option(help="Dataset folder to write.")],
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 1,
) -> None:
    """Make a dataset folder of virtual specimens: spectra, micrographs and known fibre shares."""
    wiring.write_mill(out, specimens, seed)
    typer.echo(f"{specimens} virtual specimens in {out}")


def emulate(
    instrument: Annotated[Instrument, typer.Argument(help="Which instrument to emulate.")],
    replay: Annotated[
        Path | None, typer.Option(help="Scans or images to show; the virtual mill's if not given.")
    ] = None,
    fault: Annotated[list[str] | None, typer.Option(metavar="NAME[=VALUE]", help="Misbehave.")] = None,
) -> None:
    """Emulate an instrument; prints where to connect, obeys commands typed on stdin (try "help")."""
    raise typer.Exit(wiring.emulate(instrument.value, replay, fault or []))


def train(
    network: Annotated[Network, typer.Argument(help="Which network to train.")],
    data: Annotated[
        list[Path], typer.Option(help="Dataset folder, or folder of images; may be given several times.")
    ],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    seed: Annotated[int, typer.Option(min=0)] = 1,
    epochs: Annotated[
        int | None, typer.Option(min=0, help="At most so many epochs; 0: the calibration alone.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="At most so many minutes.")] = None,
) -> None:
    """Train a network and write a checked model folder: isic on datasets, inpainting on images."""
    if network is Network.ISIC:
        wiring.train_isic(data, out, seed, epochs, minutes)
    else:
        with _working("making tiles ...") as status:
            wiring.train_inpainting(data, out, seed, epochs, minutes, status.update)
    typer.echo(f"checkpoint: {out}")


def evaluate(
    network: Annotated[Network, typer.Argument(help="Which network to evaluate.")],
    checkpoint: Annotated[Path, typer.Option(help="Model folder.")],
    data: Annotated[Path, typer.Option(help="Dataset folder with known shares, or folder of images.")],
    as_json: JsonOption = False,
) -> None:
    """Measure a model: isic by specimens of a dataset, inpainting by holes drawn on images."""
    if network is Network.ISIC:
        rows = wiring.evaluate_isic(checkpoint, data)
    else:
        with _working("measuring ...") as status:
            rows = wiring.evaluate_inpainting(checkpoint, data, status.update)
    if as_json:
        print_json({"rows": rows})
        return
    shown = table(*rows[0])
    for row in rows:
        shown.add_row(*(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row.values()))
    console().print(shown)


def predict(
    checkpoint: Annotated[Path, typer.Option(help="Model folder.")],
    data: Annotated[Path, typer.Option(help="Dataset folder.")],
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
) -> None:
    """Predict every row of a dataset folder."""
    rows = wiring.predict_isic(checkpoint, data, out)
    typer.echo(f"{rows} rows in {out}")


def _working(text: str) -> Status:
    """Return a line of progress on a terminal; nothing in a pipe."""
    return Console(stderr=True).status(text)
