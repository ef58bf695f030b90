"""Files that are whole or absent after a crash: written aside, flushed, renamed, folder flushed.

Several files are flushed side by side, for the disk then does in one go what it would do one after another.
"""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from qc_daemon.domain.errors import StoreUnavailable

T = TypeVar("T")

_UNFINISHED_SUFFIX = ".tmp"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_AT_ONCE = 8  # a scan, its white reference's two contents, an image and a record are five
_THREADS = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="flush")


class DiskFull(StoreUnavailable):
    """There was no room, and nothing was written; when there is room again, work goes on."""


class FlushFailed(OSError):
    """The disk did not say that bytes are safe: nobody knows what it holds now, whatever the cause."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be written.

    Attributes:
        path: where it belongs.
        staging: a folder of the same file system: what a crash leaves there is unfinished.
        content: what it holds.
        pack: how the content is kept; done side by side with other files.
    """

    path: Path
    staging: Path
    content: bytes
    pack: Callable[[bytes], bytes] = bytes

    @property
    def unfinished(self) -> Path:
        """Where it lies until its bytes are on disk."""
        return self.staging / (self.path.name + _UNFINISHED_SUFFIX)


def write_files(files: Sequence[NewFile]) -> None:
    """Write files; on return bytes and names of all are on disk.

    The names appear in the order of `files`, when the bytes of all are on disk.

    Raises:
        DiskFull: there is no room; every path is as it was before.
        OSError: the disk failed; `filename` says where.
    """
    try:
        _side_by_side(_write_unfinished, files)
        for file in files:
            with _needing_room(file.path):
                file.unfinished.replace(file.path)
    except (OSError, DiskFull):
        for file in files:
            with suppress(OSError):
                file.unfinished.unlink()
        raise
    _side_by_side(flush_folder, sorted({file.path.parent for file in files}))


def write_whole(path: Path, content: bytes, staging: Path) -> None:
    """Write one file; raises as `write_files` does."""
    write_files([NewFile(path, staging, content)])


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
        _flush(descriptor, folder)
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


def _flush(descriptor: int, path: Path) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise FlushFailed(error.errno, error.strerror, str(path)) from error


def _write_unfinished(file: NewFile) -> None:
    with _needing_room(file.path), file.unfinished.open("wb") as unfinished:
        unfinished.write(file.pack(file.content))
        unfinished.flush()
        _flush(unfinished.fileno(), file.path)


def _side_by_side(work: Callable[[T], None], items: Sequence[T]) -> None:
    """Do work on all items; on return none is under way any more, also if one of them failed."""
    if not items:
        return
    *others, last = items
    running = [_THREADS.submit(work, item) for item in others]
    try:
        work(last)
    finally:
        wait(running)
    for one in running:
        one.result()
