"""The models that a station can use: those that this version ships, and those in its `models/` folder.

A model is a checkpoint folder, called by the folder's name; copying one into the station adds it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.checkpoint import RELEASED, Checkpoint, load_checkpoint
from models.pmpn_checkpoint import FORMAT as PMPN_FORMAT
from models.sealed_folder import MANIFEST
from qc_daemon.domain.errors import CheckpointError


@dataclass(frozen=True, slots=True, eq=False)
class LibraryModel:
    """A model folder, verified byte by byte or with what is wrong with it."""

    folder: Path
    checkpoint: Checkpoint | None
    problem: str

    @property
    def name(self) -> str:
        """What commands call it."""
        return self.folder.name


def all_models(station_models: Path | None) -> tuple[LibraryModel, ...]:
    """Return every model, the shipped ones first."""
    return tuple(_looked_at(folder) for folder in _folders(station_models))


def model_named(name: str, station_models: Path | None) -> Checkpoint:
    """Return the model of that name.

    Raises:
        CheckpointError: there is none, two folders of that name differ, or it is damaged.
    """
    folders = [folder for folder in _folders(station_models) if folder.name == name]
    if not folders:
        known = ", ".join(dict.fromkeys(folder.name for folder in _folders(station_models)))
        raise CheckpointError(f'no model "{name}"; expected one of {known}')
    found = [load_checkpoint(folder) for folder in folders]
    if len({checkpoint.digest for checkpoint in found}) > 1:
        raise CheckpointError(
            f"{folders[0]} and {folders[1]} differ; expected one model of a name: rename the second"
        )
    return found[0]


def model_of_version(digest: str, station_models: Path | None) -> Checkpoint | None:
    """Return the model with that manifest SHA-256; None if it is not there, or damaged."""
    models = (model.checkpoint for model in all_models(station_models))
    return next((checkpoint for checkpoint in models if checkpoint and checkpoint.digest == digest), None)


def _folders(station_models: Path | None) -> Iterator[Path]:
    for parent in (RELEASED.parent, station_models):
        if parent is not None and parent.is_dir():
            yield from (path for path in sorted(parent.iterdir()) if _tells_fibres(path / MANIFEST))


def _tells_fibres(manifest: Path) -> bool:
    """Tell whether a folder is a model of this library, sound or not, rather than one that fills holes."""
    return manifest.is_file() and PMPN_FORMAT.encode() not in manifest.read_bytes()


def _looked_at(folder: Path) -> LibraryModel:
    try:
        return LibraryModel(folder, load_checkpoint(folder), "")
    except CheckpointError as error:
        return LibraryModel(folder, None, str(error))
