"""Copies a station while it works, and puts a copy back.

A backup is itself the folder of a station, so `fsck` can check it. The order of copying is the order
in which an acquisition travels: journal, database, quarantine, then what the database names. What
moves on meanwhile is found in its next place, never in none.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from pysqlite3 import dbapi2

from qc_daemon.domain.errors import InputError, IntegrityError, StoreUnavailable
from storage.blobs import BlobStore
from storage.database import one_line_errors
from storage.database_url import database_url
from storage.durable_files import flush_folder
from storage.fsck import FsckReport, check_station
from storage.retention_rows import gone_blobs
from storage.schema import upgrade
from storage.sqlite_file import SqliteFile, read_only_uri
from storage.station_folder import StationFolder, StationLock

_PAGES_AT_ONCE = 2000
_UNFINISHED = ".unfinished"
# What belongs to the running process, or is copied in its own way.
_NOT_COPIED = ("qc.sqlite3", "station.lock", "status.json", "journal", "quarantine", "blobs", "backup")
_PASSES = 3


@dataclass(frozen=True, slots=True)
class BackupDone:
    """What a backup copied anew, and what `fsck` says of the whole copy."""

    copied_files: int
    copied_bytes: int
    found: FsckReport


@dataclass(slots=True)
class _Copied:
    files: int = 0
    size_bytes: int = 0


def backup_station(folder: Path, target: Path) -> BackupDone:
    """Bring `target` up to the station of now: only what changed is copied; then check all of it.

    A station at work may write a report anew between its row and its copy; another pass catches that.

    Raises:
        InputError: there is no station, or the target holds something else.
        StoreUnavailable: another backup is under way, or the disk failed.
        IntegrityError: the copy breaks a promise; `fsck` on the target tells all of them.
    """
    source = StationFolder(folder)
    if not source.database.is_file():
        raise InputError(f"{source.database} does not exist; expected the folder of a station")
    _require_target(source, StationFolder(target))
    copied = _Copied()
    try:
        target.mkdir(parents=True, exist_ok=True)
        with StationLock(StationFolder(target)):
            for _ in range(_PASSES):
                _copy_station(source, StationFolder(target), copied)
                found = check_station(target)
                if found.ok:
                    break
    except OSError as error:
        raise StoreUnavailable(f"{error.filename or target}: {error.strerror}") from error
    if not found.ok:
        raise IntegrityError(f"{target}: {found.problems[0]} ({len(found.problems)} problems in the copy)")
    return BackupDone(copied.files, copied.size_bytes, found)


def restore_station(backup: Path, folder: Path) -> FsckReport:
    """Put a backup back as the station of `folder`, which must not exist or be empty.

    It is copied beside, checked, and renamed: a restore that is killed leaves no half station.

    Raises:
        InputError: the backup is none, or there is a station already.
        IntegrityError: the backup breaks a promise.
        StoreUnavailable: the disk failed.
    """
    if not StationFolder(backup).database.is_file():
        raise InputError(f"{backup}: has no qc.sqlite3; expected a folder that `qc-daemon backup` wrote")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty; expected a folder without a station to restore into")
    beside = folder.with_name(folder.name + _UNFINISHED)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            shutil.rmtree(beside)
        with StationLock(StationFolder(backup)):
            beside.mkdir()
            _copy_station(StationFolder(backup), StationFolder(beside), _Copied())
        upgrade(database_url(StationFolder(beside).database))  # the backup may be that of an older software
        found = check_station(beside)
        if not found.ok:
            raise IntegrityError(f"{backup}: {found.problems[0]} ({len(found.problems)} problems)")
        if folder.exists():
            folder.rmdir()
        beside.replace(folder)
        flush_folder(folder.parent)
    except OSError as error:
        raise StoreUnavailable(f"{error.filename or folder}: {error.strerror}") from error
    return found


def _require_target(source: StationFolder, target: StationFolder) -> None:
    if target.path.resolve() == source.path.resolve():
        raise InputError(f"{target.path} is the station itself; expected another folder")
    known = target.database.is_file() or target.lock.is_file()
    if target.path.exists() and (not target.path.is_dir() or (any(target.path.iterdir()) and not known)):
        raise InputError(f"{target.path} holds something else; expected an empty folder or an earlier backup")


def _copy_station(source: StationFolder, target: StationFolder, copied: _Copied) -> None:
    waiting = _copy_new(source.journal, target.journal, copied)
    _copy_database(source.database, target.database)
    for path in set(target.journal.glob("*")) - waiting:
        path.unlink()  # of an earlier backup; it has come into the database since
    _copy_new(source.quarantine, target.quarantine, copied)
    _copy_new(source.blobs, target.blobs, copied)
    for sha256 in gone_blobs(SqliteFile(target.database)):
        BlobStore(target.blobs).path_of(sha256).unlink(missing_ok=True)
    for path in sorted(source.path.iterdir()):
        if not path.name.startswith(_NOT_COPIED) and path.resolve() != target.path.resolve():
            _copy_changed(path, target.path / path.name, target.path, copied)


def _copy_database(source: Path, target: Path) -> None:
    """Copy a database that may be written meanwhile; the copy is whole, of one moment and on disk."""
    unfinished = target.with_name(target.name + _UNFINISHED)
    unfinished.unlink(missing_ok=True)
    with (
        one_line_errors(SqliteFile(source)),
        closing(dbapi2.connect(read_only_uri(source), uri=True)) as reading,
        closing(dbapi2.connect(unfinished)) as writing,
    ):
        reading.execute("PRAGMA query_only = ON")
        reading.backup(writing, pages=_PAGES_AT_ONCE, sleep=0.01)
        writing.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    for log in ("-wal", "-shm"):
        target.with_name(target.name + log).unlink(missing_ok=True)
    _flush(unfinished)
    unfinished.replace(target)
    flush_folder(target.parent)


def _copy_new(source: Path, target: Path, copied: _Copied) -> set[Path]:
    """Copy the files that are not there yet: none of these ever changes. Return all of them."""
    found = set()
    for path in _files(source):
        copy = target / path.relative_to(source)
        if not copy.exists():
            with suppress(FileNotFoundError):  # it has moved on since; its next place has it
                _copy_file(path, copy, copied)
        if copy.exists():
            found.add(copy)
    return found


def _copy_changed(source: Path, target: Path, root: Path, copied: _Copied) -> None:
    """Copy files that are new or of another size or time; leave out what is no file."""
    for path in _files(source) if source.is_dir() else [source]:
        if root.resolve() in path.resolve().parents:
            continue  # the backup lies inside the station
        copy = target / path.relative_to(source)
        with suppress(FileNotFoundError):
            status = path.stat()
            known = copy.stat() if copy.exists() else None
            if known is None or (known.st_size, known.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
                _copy_file(path, copy, copied)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".tmp":
            yield path


def _copy_file(source: Path, target: Path, copied: _Copied) -> None:
    """Copy a file with its times; the name appears when the bytes are on disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(target.name + _UNFINISHED)
    shutil.copy2(source, unfinished)
    _flush(unfinished)
    unfinished.replace(target)
    flush_folder(target.parent)
    copied.files += 1
    copied.size_bytes += target.stat().st_size


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
