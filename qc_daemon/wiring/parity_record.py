"""Keeps in the station folder what the last comparison of a model's runtimes found."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from qc_daemon.domain.page import ParityLine

if TYPE_CHECKING:
    from models.parity import Parity

_LINE = TypeAdapter(ParityLine)


def keep_parity(station: Path, digest: str, parity: "Parity", tolerance: float, at: datetime) -> None:
    """Keep a comparison of the model with that digest; it replaces the one of before."""
    from storage.durable_files import make_folder, write_whole

    differences = [
        number
        for one in parity.outputs
        for number in (one.difference, one.mindspore_from_golden, one.onnx_from_golden)
    ]
    line = ParityLine(
        compared_at=at,
        ok=parity.ok,
        largest_difference=max(differences),
        tolerance=tolerance,
        inputs=parity.inputs,
        mindspore=parity.mindspore,
        onnx=parity.onnx,
    )
    file = _file(station, digest)
    make_folder(file.parent)
    write_whole(file, _LINE.dump_json(line), file.parent)


def kept_parity(station: Path, digest: str) -> ParityLine | None:
    """Return what was kept of a model; None if nothing that can be read."""
    try:
        return _LINE.validate_json(_file(station, digest).read_bytes())
    except (OSError, ValidationError):
        return None


def _file(station: Path, digest: str) -> Path:
    return station / "parity" / f"{digest}.json"
