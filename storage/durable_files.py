"""Files that are whole or absent after a crash: written aside, flushed, renamed, folder flushed."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from qc_daemon.domain.errors import StoreUnavailable

_UNFINISHED_SUFFIX = ".tmp"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class DiskFull(StoreUnavailable):
    """There was no room, and nothing was written; when there is room again, work goes on."""


class FlushFailed(OSError):
    """The disk did not say that bytes are safe: nobody knows what it holds now, whatever the cause."""


def write_whole(path: Path, parts: Iterable[bytes], staging: Path) -> None:
    """Write `parts` to `path`; on return file and name are on disk.

    `staging` is a folder of the same file system: what a crash leaves there is unfinished.

    Raises:
        DiskFull: there is no room; `path` is as it was before.
        OSError: the disk failed.
    """
    unfinished = staging / (path.name + _UNFINISHED_SUFFIX)
    try:
        with _needing_room(path):
            with unfinished.open("wb") as file:
                file.writelines(parts)
                file.flush()
                _flush(file.fileno())
            unfinished.replace(path)
    except (OSError, DiskFull):
        with suppress(OSError):
            unfinished.unlink()
        raise
    flush_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Create a folder if it is not there; on return its name is on disk."""
    if not folder.is_dir():
        with _needing_room(folder):
            folder.mkdir(parents=True, exist_ok=True)
        flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder to disk: a rename is durable only after that."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _flush(descriptor)
    finally:
        os.close(descriptor)


def sweep_unfinished(staging: Path) -> int:
    """Delete what a crash left unfinished; return how many files that were."""
    unfinished = list(staging.glob("*" + _UNFINISHED_SUFFIX))
    for path in unfinished:
        path.unlink()
    return len(unfinished)


def free_bytes(folder: Path) -> int:
    """Return how many bytes the station may still write to the disk of a folder."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


@contextmanager
def _needing_room(path: Path) -> Iterator[None]:
    """Tell a disk without room from one that fails."""
    try:
        yield
    except FlushFailed:
        raise
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull(f"{path}: {error.strerror}") from error
        raise


def _flush(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise FlushFailed(error.errno, error.strerror) from error
