"""Checks every promise of a station from outside: read-only, beside a running daemon or without one.

Order matters. An acquisition goes journal -> database or journal -> quarantine, so the journal is
looked at first, then the quarantine, then one moment of the database: nothing can slip through.
"""

import hashlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from sqlalchemy.orm import Session

from qc_daemon.domain.errors import InputError, IntegrityError, QcError, StoreUnavailable
from storage.blobs import BlobStore
from storage.database import Database, one_line_errors
from storage.database_url import database_of, database_url
from storage.facts import AcquisitionFacts, content_hashes
from storage.fsck_rows import RowCheck, check_rows
from storage.journal import EntryName, read_entry
from storage.journal_entry import facts_sha256
from storage.schema import require_newest_schema
from storage.station_folder import StationFolder


@dataclass(frozen=True, slots=True)
class FsckCounts:
    """How many of each were checked."""

    journal: int
    quarantine: int
    acquisitions: int
    conclusions: int
    white_references: int
    reports: int
    blobs: int


@dataclass(frozen=True, slots=True)
class FsckReport:
    """What was checked and found.

    Attributes:
        problems: broken promises, one line each; `ok` if there are none.
        notes: what a crash or work under way explains, and the next start repairs.
    """

    ok: bool
    checked: FsckCounts
    problems: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Files:
    """What was found in the folders of the station.

    Attributes:
        needed: what needs a blob, by the blob's hash: an acquisition that waits.
        kept_aside: hashes of blobs that belong to the quarantine, if they are there.
    """

    waiting: dict[int, AcquisitionFacts] = field(default_factory=dict)
    needed: dict[str, str] = field(default_factory=dict)
    kept_aside: set[str] = field(default_factory=set)
    quarantined: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_station(folder: Path, url: str | None = None) -> FsckReport:
    """Check journal, quarantine, database, blobs and reports of a station; change nothing.

    Without `url` the database is the SQLite file in the station folder.

    Raises:
        InputError: the folder does not exist.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist; expected the folder of a station")
    station = StationFolder(folder)
    files = _Files()
    _check_journal(station, files)
    _list_quarantine(station, files)
    rows = _check_database(database_of(url or database_url(station.database)), files)
    if rows is not None:
        _check_whereabouts(files, rows)
        _check_reports(folder, rows, files)
    blobs = _check_blobs(BlobStore(station.blobs), files, rows)
    rows = rows or RowCheck()
    problems = (*files.problems, *rows.problems)
    counts = FsckCounts(
        journal=len(files.waiting),
        quarantine=len(files.quarantined),
        acquisitions=len(rows.numbers),
        conclusions=rows.conclusions,
        white_references=rows.white_references,
        reports=len(rows.reports),
        blobs=blobs,
    )
    return FsckReport(not problems, counts, problems, tuple(files.notes))


def _check_journal(station: StationFolder, files: _Files) -> None:
    for path in sorted(station.journal.glob("*")):
        if path.suffix == ".tmp":
            files.notes.append(f"{path} is unfinished, so not accepted; the next start deletes it")
            continue
        try:
            name, entry = EntryName.of(path), read_entry(path)
        except (IntegrityError, StoreUnavailable) as error:
            files.problems.append(str(error))
            continue
        if name.number in files.waiting:
            files.problems.append(f"{path}: number {name.number} is twice in the journal")
        if entry is not None:
            files.waiting[name.number] = entry.facts
            for sha256 in set(content_hashes(entry.facts)) - entry.contents.keys():
                files.needed[sha256] = f"acquisition {name.number}, which waits,"


def _list_quarantine(station: StationFolder, files: _Files) -> None:
    for path in sorted(station.quarantine.glob("*.acq")):
        try:
            files.quarantined[path.name] = EntryName.of(path).number
        except IntegrityError as error:
            files.problems.append(str(error))
        with suppress(QcError):  # it is there because something is wrong with it
            entry = read_entry(path)
            files.kept_aside |= set(content_hashes(entry.facts)) if entry else set()


def _check_database(database: Database, files: _Files) -> RowCheck | None:
    try:
        require_newest_schema(database)
        reader = database.open_reader()
        try:
            with one_line_errors(database), Session(reader) as session:
                return check_rows(session)
        finally:
            reader.dispose()
    except StoreUnavailable as error:
        files.problems.append(str(error))
        return None


def _check_whereabouts(files: _Files, rows: RowCheck) -> None:
    """Each number is in exactly one place: database, journal or quarantine."""
    for number, facts in files.waiting.items():
        stored = rows.numbers.get(number)
        if stored is None:
            files.notes.append(f"acquisition {number} waits in the journal for the database")
        elif stored == facts_sha256(facts):
            files.notes.append(f"acquisition {number} is stored; the next start removes it from the journal")
        else:
            files.problems.append(f"acquisition {number} is stored with other facts than the journal has")
    for name in rows.quarantined - files.quarantined.keys():
        files.problems.append(f"quarantine: {name} is recorded but its file is gone")
    for name in files.quarantined.keys() - rows.quarantined:
        files.notes.append(f"quarantine: {name} has no row yet; the next start records it")
    quarantined = Counter(files.quarantined.values())
    settled = Counter(rows.numbers.keys() | files.waiting.keys()) + quarantined
    files.problems += [
        f"number {number} was given to more than one acquisition"
        for number, places in sorted(settled.items())
        if places > 1
    ]
    for before, after in pairwise([0, *sorted(settled)]):
        if after - before > 1:
            lost = f"{before + 1}" if after - before == 2 else f"{before + 1} to {after - 1}"
            files.problems.append(f"acquisition {lost} is lost: neither in database, journal nor quarantine")


def _check_reports(folder: Path, rows: RowCheck, files: _Files) -> None:
    newest = {report.path: report for report in rows.reports}  # in the order in which they were written
    for report in newest.values():
        path = folder / report.path
        if report.sha256 in rows.gone and not path.exists():
            continue
        try:
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            files.problems.append(f"{path}: report of acquisition {report.number}: {error.strerror}")
            continue
        if sha256 != report.sha256:
            files.problems.append(f"{path}: report of acquisition {report.number} was altered")


def _check_blobs(blobs: BlobStore, files: _Files, rows: RowCheck | None) -> int:
    stored = set(blobs.stored())
    for sha256 in sorted(stored):
        try:
            blobs.read(sha256)
        except (IntegrityError, StoreUnavailable) as error:
            files.problems.append(str(error))
    if rows is not None:
        explained, needed = stored | rows.gone, files.needed | rows.contents
        files.problems += [
            f"{blobs.path_of(sha256)} is missing; {user} needs it"
            for sha256, user in needed.items()
            if sha256 not in explained and not blobs.path_of(sha256).exists()
        ]
        orphans = len(stored - needed.keys() - files.kept_aside)
        if orphans:
            files.notes.append(f"{orphans} blobs belong to no row: a crash or work under way leaves such")
    return len(stored)
