"""A folder whose manifest binds every other file of it by SHA-256, and that is verified when it is read.

    manifest.json    what the folder is, and the SHA-256 of its other files
    manifest.sha256  the SHA-256 of the manifest: the folder's version

Nothing here imports MindSpore.
"""

import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from qc_daemon.domain.errors import CheckpointError

MANIFEST, SEAL = "manifest.json", "manifest.sha256"

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, static shape and dtype of an input or output of the graph."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class FileSeal:
    """A file of the folder and its SHA-256."""

    name: str
    sha256: str


def read_manifest(folder: Path) -> tuple[bytes, str]:
    """Return the manifest's text and its SHA-256, which the seal has to state.

    Raises:
        CheckpointError: a file is missing, or the manifest was altered.
    """
    text = _read(folder / MANIFEST)
    digest = hashlib.sha256(text).hexdigest()
    if _read(folder / SEAL) != _seal_text(digest):
        raise CheckpointError(f"{folder / SEAL}: does not match {MANIFEST}; expected {digest}")
    return text, digest


def parse_manifest(adapter: TypeAdapter[Any], text: bytes, path: Path, expected_format: str) -> Any:
    """Return the manifest that the text states.

    Raises:
        CheckpointError: names the first key that is wrong, or the format that was expected.
    """
    try:
        manifest = adapter.validate_json(text, extra="forbid")
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(f"{path}: {key}: {first['msg']}") from error
    if manifest.format != expected_format:
        raise CheckpointError(f'{path}: format is "{manifest.format}", expected "{expected_format}"')
    return manifest


def read_contents(folder: Path, files: Iterable[FileSeal], required: tuple[str, ...]) -> dict[str, bytes]:
    """Return the bytes of the files by name, each as it was sealed.

    Raises:
        CheckpointError: a file is missing or was altered, or a required one is not listed.
    """
    contents = {seal.name: _sealed(folder / seal.name, seal.sha256) for seal in files}
    missing = [name for name in required if name not in contents]
    if missing:
        raise CheckpointError(f"{folder / MANIFEST}: lists no {missing[0]}; expected {', '.join(required)}")
    return contents


def read_arrays(path: Path, content: bytes, keys: tuple[str, ...]) -> Arrays:
    """Return the arrays of an npz file, which are exactly those of the keys.

    Raises:
        CheckpointError: it holds others.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        if set(archive.files) != set(keys):
            raise CheckpointError(f"{path}: holds {sorted(archive.files)}, expected {sorted(keys)}")
        return {key: archive[key] for key in keys}


def write_golden(path: Path, inputs: Arrays, outputs: Arrays) -> None:
    """Write inputs and the outputs that every runtime has to reproduce."""
    golden = {f"in.{name}": array for name, array in inputs.items()}
    np.savez(path, **golden, **{f"out.{name}": array for name, array in outputs.items()})


def read_golden(
    path: Path, content: bytes, inputs: Iterable[TensorSpec], outputs: Iterable[TensorSpec]
) -> tuple[Arrays, Arrays]:
    """Return the golden inputs and outputs by name."""
    keys = tuple(f"in.{spec.name}" for spec in inputs), tuple(f"out.{spec.name}" for spec in outputs)
    golden = read_arrays(path, content, keys[0] + keys[1])
    read, expected = ({key.partition(".")[2]: golden[key] for key in side} for side in keys)
    return read, expected


def write_sealed(folder: Path, text: bytes) -> str:
    """Write the manifest and its seal; return the digest."""
    digest = hashlib.sha256(text).hexdigest()
    (folder / MANIFEST).write_bytes(text)
    (folder / SEAL).write_bytes(_seal_text(digest))
    return digest


def seal_files(folder: Path, names: tuple[str, ...]) -> tuple[FileSeal, ...]:
    """Return the SHA-256 of each file."""
    return tuple(FileSeal(name, hashlib.sha256((folder / name).read_bytes()).hexdigest()) for name in names)


def tensor_specs(tensors: Arrays) -> tuple[TensorSpec, ...]:
    """Return name, shape and dtype of each array."""
    return tuple(TensorSpec(name, array.shape, str(array.dtype)) for name, array in tensors.items())


def _seal_text(digest: str) -> bytes:
    return f"{digest}  {MANIFEST}\n".encode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); expected a checkpoint") from error


def _sealed(path: Path, sha256: str) -> bytes:
    content = _read(path)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise CheckpointError(f"{path}: SHA-256 is {found}, expected {sha256}; the file was altered")
    return content
