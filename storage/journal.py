"""The promise of the station: what was accepted is on disk before anything else happens.

An acquisition is accepted with its contents, written once, where blobs lie, and one small file,
`journal/000000012-<uuid>.acq`, that holds the facts and names the contents by SHA-256. Each is written
whole or not at all. The file leaves the journal when its database row is committed, or for the
quarantine, with the reason beside it. After a failed write the state of the disk is unknown (a second
fsync may falsely succeed), so the journal accepts nothing more until the process has been started anew.
A full disk is no failed write: an entry is refused before anything of it is written, until there is room
again.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qc_daemon.domain.errors import IntegrityError, QcError, StoreUnavailable
from storage.blobs import BlobStore
from storage.durable_files import (
    DiskFull,
    NewFile,
    flush_folder,
    free_bytes,
    make_folder,
    sweep_unfinished,
    write_files,
    write_whole,
)
from storage.facts import AcceptedEntry
from storage.journal_entry import decode_entry, encode_facts

_SUFFIX = ".acq"
# What else happens while an entry is written must not take its room.
_ROOM_IN_ENTRIES = 2
_ROOM_FOR_ROWS_BYTES = 128 * 1024  # of one transaction in the write-ahead log
_REASON_SUFFIX = ".reason.txt"
_NAME = re.compile(r"(\d{9,})-(.+)\.acq")


@dataclass(frozen=True, slots=True)
class EntryName:
    """What the name of a journal file says: station number and acquisition id."""

    number: int
    acquisition_id: str

    @classmethod
    def of(cls, path: Path) -> "EntryName":
        """Read the name of a file in the journal or the quarantine.

        Raises:
            IntegrityError: it is not named like one.
        """
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise IntegrityError(f"{path} is not named NUMBER-ID{_SUFFIX}")
        return cls(int(match[1]), match[2])

    def __str__(self) -> str:
        return f"{self.number:09d}-{self.acquisition_id}{_SUFFIX}"


class Journal:
    """Accepted acquisitions on their way into the database. One process writes."""

    def __init__(self, folder: Path, quarantine: Path) -> None:
        self._folder = folder
        self._quarantine = quarantine
        self._stopped: str | None = None
        self._refused_bytes = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")

    @property
    def stopped(self) -> str | None:
        """Why nothing more is accepted, or None."""
        return self._stopped

    def stop(self, reason: str) -> None:
        """Accept nothing more in this process; the first reason stays."""
        self._stopped = self._stopped or reason

    def require_running(self) -> None:
        """Raise StoreUnavailable if a write failed in this process."""
        if self._stopped:
            raise StoreUnavailable(f"nothing is accepted until a restart: {self._stopped}")

    def require_room(self) -> None:
        """Raise DiskFull if there is still no room for the entry that was refused last."""
        if self._refused_bytes:
            self._require_room(self._refused_bytes)

    def begin(self, entry: AcceptedEntry, blobs: BlobStore) -> Callable[[], Path]:
        """Begin to accept an acquisition; it is accepted when what is returned has been called.

        That waits until the facts and all contents are on disk under their names, and returns the file of the
        entry. Contents that the blobs have already are not written again.

        Raises:
            InputError: its text cannot be stored; nothing was written.
            DiskFull: there is no room for it and its rows; it is not accepted.
            StoreUnavailable: the disk failed, now or before; it is not accepted.
        """
        self.require_running()
        path = self._folder / str(EntryName(entry.facts.number, entry.facts.id))
        record = NewFile(path, self._folder, encode_facts(entry.facts))
        size_bytes = sum(map(len, entry.contents.values())) + len(record.content)
        with self._refusing(path, size_bytes):
            make_folder(self._folder)
            self._require_room(size_bytes)
            # The last to be named: whoever finds it finds its contents.
            files = [*blobs.new_files(entry.contents), record]
        writing = self._thread.submit(write_files, files)

        def on_disk() -> Path:
            with self._refusing(path, size_bytes):
                writing.result()
            return path

        return on_disk

    def pending(self) -> list[Path]:
        """Return the files that wait for the database, oldest number first."""
        return _entry_files(self._folder)

    def quarantined(self) -> list[Path]:
        """Return the files in quarantine, oldest number first."""
        return _entry_files(self._quarantine)

    def last_number(self) -> int:
        """Return the highest number in journal and quarantine, 0 if there is none."""
        names = [EntryName.of(path) for path in self.pending() + self.quarantined()]
        return max((name.number for name in names), default=0)

    def path_of(self, number: int) -> Path | None:
        """Return the waiting file with that number, or None."""
        return next((path for path in self.pending() if EntryName.of(path).number == number), None)

    def remove(self, path: Path) -> None:
        """Delete an entry that the database holds. If a crash undoes this, it is removed again."""
        try:
            path.unlink()
        except OSError as error:
            raise StoreUnavailable(f"{path}: {error.strerror}") from error

    def quarantine(self, path: Path, reason: str) -> None:
        """Move an entry that cannot become a row aside and write the reason beside it."""
        try:
            make_folder(self._quarantine)
            write_whole(_reason_path(self._quarantine / path.name), reason.encode(), self._quarantine)
            path.replace(self._quarantine / path.name)
            flush_folder(self._quarantine)
            flush_folder(self._folder)
        except OSError as error:
            raise StoreUnavailable(f"{path}: {error.strerror}") from error

    def sweep(self) -> int:
        """Delete what a crash left unfinished, never accepted; return how many files that were."""
        return sweep_unfinished(self._folder) + sweep_unfinished(self._quarantine)

    @contextmanager
    def _refusing(self, path: Path, size_bytes: int) -> Iterator[None]:
        """Say that an entry is not accepted; after another failure than a full disk, accept nothing more."""
        try:
            yield
        except DiskFull as error:
            self._refused_bytes = size_bytes
            raise DiskFull(f"{error}; the acquisition is not accepted") from error
        except OSError as error:
            raise self._stopped_by(f"{error.filename or path}: {error.strerror}") from error
        except StoreUnavailable as error:
            raise self._stopped_by(str(error)) from error

    def _stopped_by(self, reason: str) -> StoreUnavailable:
        self.stop(reason)
        return StoreUnavailable(f"{reason}; the acquisition is not accepted")

    def _require_room(self, entry_bytes: int) -> None:
        wanted = _ROOM_IN_ENTRIES * entry_bytes + _ROOM_FOR_ROWS_BYTES
        free = free_bytes(self._folder)
        if free < wanted:
            raise DiskFull(f"{self._folder}: the disk is full, {free} bytes are free; expected {wanted}")
        self._refused_bytes = 0


def read_entry(path: Path) -> AcceptedEntry | None:
    """Return the entry of a journal file; None if it has left the journal meanwhile.

    Raises:
        IntegrityError: it is torn, altered, or another one than its name says.
        StoreUnavailable: the disk failed, or a newer software wrote it.
    """
    try:
        entry = decode_entry(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error.strerror}") from error
    except QcError as error:
        raise type(error)(f"{path}: {error}") from error
    held = EntryName(entry.facts.number, entry.facts.id)
    if held != EntryName.of(path):
        raise IntegrityError(f"{path}: holds {held}")
    return entry


def quarantine_reason(path: Path) -> str:
    """Return why a file was put into quarantine."""
    try:
        return _reason_path(path).read_text("utf-8")
    except OSError as error:
        return f"no reason is stored beside it: {error.strerror}"


def _reason_path(path: Path) -> Path:
    return path.with_name(path.name + _REASON_SUFFIX)


def _entry_files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except FileNotFoundError:
        return []
