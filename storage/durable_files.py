"""Files that are whole or absent after a crash: written aside, flushed, renamed, folder flushed."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_UNFINISHED_SUFFIX = ".tmp"


def write_whole(path: Path, parts: Iterable[bytes], staging: Path) -> None:
    """Write `parts` to `path`; on return file and name are on disk.

    `staging` is a folder of the same file system: what a crash leaves there is unfinished.

    Raises:
        OSError: the disk is full or failed; `path` is as it was before.
    """
    unfinished = staging / (path.name + _UNFINISHED_SUFFIX)
    try:
        with unfinished.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise
    flush_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Create a folder if it is not there; on return its name is on disk."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder to disk: a rename is durable only after that."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_unfinished(staging: Path) -> int:
    """Delete what a crash left unfinished; return how many files that were."""
    unfinished = list(staging.glob("*" + _UNFINISHED_SUFFIX))
    for path in unfinished:
        path.unlink()
    return len(unfinished)
