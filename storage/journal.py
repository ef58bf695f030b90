"""The promise of the station: what was accepted is on disk before anything else happens.

One file per acquisition, `journal/000000012-<uuid>.acq`, written whole or not at all. It leaves the
journal when its database row is committed, or for the quarantine, with the reason beside it. After
a failed write the state of the disk is unknown (a second fsync may falsely succeed), so the
journal accepts nothing more until the process has been started anew. A full disk is no failed write:
an entry is refused before anything of it is written, until there is room again.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from qc_daemon.domain.errors import IntegrityError, QcError, StoreUnavailable
from storage.durable_files import (
    DiskFull,
    flush_folder,
    free_bytes,
    make_folder,
    sweep_unfinished,
    write_whole,
)
from storage.facts import AcceptedEntry
from storage.journal_entry import decode_entry, encode_entry

_SUFFIX = ".acq"
# An entry is written twice, here and as blobs; what else happens meanwhile must not take its room.
_ROOM_IN_ENTRIES = 3
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

    def append(self, entry: AcceptedEntry) -> Path:
        """Accept an entry: on return its bytes and its name are on disk.

        Raises:
            InputError: its text cannot be stored; nothing was written.
            DiskFull: there is no room for it, its blobs and its rows; it is not accepted.
            StoreUnavailable: the disk failed, now or before; it is not accepted.
        """
        self.require_running()
        data = encode_entry(entry)
        path = self._folder / str(EntryName(entry.facts.number, entry.facts.id))
        try:
            make_folder(self._folder)
            self._require_room(len(data))
            write_whole(path, [data], self._folder)
        except DiskFull as error:
            self._refused_bytes = len(data)
            raise DiskFull(f"{error}; the acquisition is not accepted") from error
        except OSError as error:
            self.stop(f"{path}: {error.strerror}")
            raise StoreUnavailable(f"{path}: {error.strerror}; the acquisition is not accepted") from error
        return path

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
        return next(self._folder.glob(f"{number:09d}-*{_SUFFIX}"), None)

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
            write_whole(_reason_path(self._quarantine / path.name), [reason.encode()], self._quarantine)
            path.replace(self._quarantine / path.name)
            flush_folder(self._quarantine)
            flush_folder(self._folder)
        except OSError as error:
            raise StoreUnavailable(f"{path}: {error.strerror}") from error

    def sweep(self) -> int:
        """Delete what a crash left unfinished, never accepted; return how many files that were."""
        return sweep_unfinished(self._folder) + sweep_unfinished(self._quarantine)

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
    return sorted(path for path in folder.glob(f"*{_SUFFIX}") if _NAME.fullmatch(path.name))
