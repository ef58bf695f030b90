"""Where a station keeps its things, and the lock that makes one process its only writer."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from qc_daemon.domain.errors import StoreUnavailable


@dataclass(frozen=True, slots=True)
class StationFolder:
    """The data folder of one station."""

    path: Path

    @property
    def database(self) -> Path:
        """The SQLite file, unless the configuration names another database."""
        return self.path / "qc.sqlite3"

    @property
    def blobs(self) -> Path:
        """Content-addressed files."""
        return self.path / "blobs"

    @property
    def journal(self) -> Path:
        """Accepted acquisitions that are not in the database yet."""
        return self.path / "journal"

    @property
    def quarantine(self) -> Path:
        """Journal files that cannot become a database row, each with its reason beside it."""
        return self.path / "quarantine"

    @property
    def lock(self) -> Path:
        """Held by the process that writes; its text is that process's id."""
        return self.path / "station.lock"


class StationLock:
    """Exclusive right to write a station; the kernel takes it back when the process dies."""

    def __init__(self, folder: StationFolder) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        try:
            descriptor = os.open(self._folder.lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreUnavailable(f"{self._folder.lock}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreUnavailable(
                f"station {self._folder.path} is already written by process {holder}; "
                "expected one writer at a time"
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The file stays: deleting it would let two processes lock two files of the same name.
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
