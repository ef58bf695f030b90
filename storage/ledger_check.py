"""Checks a ledger from outside: its own chain, the rows it covers, blobs, reports, and anchors.

The rows of a table and its entries are read side by side, both in the order of the keys, so that
memory does not grow with the station.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

from sqlalchemy import Connection, exists, select, text
from sqlalchemy.orm import Session

from qc_daemon.domain.errors import IntegrityError, StoreUnavailable
from qc_daemon.domain.ledger import LedgerHead
from storage.blobs import BlobStore
from storage.database import one_line_errors
from storage.database_url import database_of, database_url
from storage.identity_check import identity_problems
from storage.ledger import FIRST_PREVIOUS, entry_sha256, head
from storage.ledger_anchors import Anchor
from storage.ledger_content import Covered, Values, all_contents, canonical_sha256, rows_of
from storage.ledger_coverage import COVERED
from storage.ledger_tables import LedgerRow
from storage.retention_tables import RetiredContentRow
from storage.schema import require_newest_schema
from storage.station_folder import StationFolder

_MAX_PROBLEMS = 1000
_Item = tuple[int, Values | None, tuple[int, str] | None]  # a row or an entry, under its key
_BLOBS_REMEMBERED = 4096  # most rows of a time name the same few empty masks and white references


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What was checked and found.

    Attributes:
        head: the newest entry; None if the ledger is empty.
        entries, rows, blobs, files, anchors: how many of each were compared.
        retired: bytes that retention let go; their hashes are covered as before.
        problems: one line each, at most 1000.
    """

    head: LedgerHead | None
    entries: int
    rows: int
    blobs: int
    files: int
    anchors: int
    retired: int
    problems: tuple[str, ...]


def check_ledger(folder: Path, url: str | None = None, anchors: Iterable[Anchor] = ()) -> LedgerReport:
    """Check everything that the ledger of a station covers; change nothing.

    Without `url` the database is the SQLite file in the station folder. `anchors` are heads that
    were written down elsewhere: without one, nobody can tell that the newest entries are missing.

    Raises:
        StoreUnavailable: the database does not answer, or is of another schema.
    """
    station = StationFolder(folder)
    database = database_of(url or database_url(station.database))
    require_newest_schema(database)
    reader = database.open_reader()
    try:
        with one_line_errors(database), Session(reader) as session:
            return _check(session.connection(), station, tuple(anchors))
    finally:
        reader.dispose()


def _check(connection: Connection, station: StationFolder, anchors: tuple[Anchor, ...]) -> LedgerReport:
    counts: Counter[str] = Counter()
    problems = list(islice(_problems(connection, station, anchors, counts), _MAX_PROBLEMS))
    return LedgerReport(
        head=head(connection),
        entries=counts["entries"],
        rows=counts["rows"],
        blobs=counts["blobs"],
        files=counts["files"],
        anchors=len(anchors),
        retired=counts["retired"],
        problems=tuple(problems),
    )


def _problems(
    connection: Connection, station: StationFolder, anchors: tuple[Anchor, ...], counts: Counter[str]
) -> Iterator[str]:
    yield from _chain_problems(connection, anchors, counts)
    blobs = _BlobCheck(connection, BlobStore(station.blobs), counts)
    for table, covered in COVERED.items():
        yield from _row_problems(connection, table, covered, blobs.problem_of, counts)
        yield from _stray_parts(connection, table, covered)
        if covered.is_file:
            yield from _file_problems(connection, station, table, counts)
    yield from identity_problems(connection)


def _chain_problems(
    connection: Connection, anchors: tuple[Anchor, ...], counts: Counter[str]
) -> Iterator[str]:
    """Check that each entry is what its hash says, and follows the one before it."""
    anchored = {
        sequence: list(group) for sequence, group in groupby(sorted(anchors, key=_sequence_of), _sequence_of)
    }
    before = LedgerHead(0, FIRST_PREVIOUS)
    for entry in rows_of(connection, "ledger", ("sequence",)):
        counts["entries"] += 1
        sequence = entry["sequence"]
        if sequence != before.sequence + 1:
            yield f"ledger: entry {before.sequence + 1} is missing, {sequence} comes next"
        yield from _entry_problems(entry, before)
        before = LedgerHead(sequence, entry["sha256"])
        for anchor in anchored.pop(sequence, ()):
            if anchor.head != before:
                yield f"ledger entry {sequence} is not the one that {anchor.source} holds"
    for sequence, (anchor, *_) in anchored.items():
        yield f"ledger entry {sequence} is missing, but {anchor.source} holds it"


def _sequence_of(anchor: Anchor) -> int:
    return anchor.head.sequence


def _entry_problems(entry: Values, before: LedgerHead) -> Iterator[str]:
    sequence = entry["sequence"]
    if entry["previous_sha256"] != before.sha256:
        yield f"ledger entry {sequence} does not follow the one before it"
    if entry_sha256(entry) != entry["sha256"]:
        yield f"ledger entry {sequence} was altered"
    content = entry["content"]
    if content is not None and hashlib.sha256(content.encode()).hexdigest() != entry["content_sha256"]:
        yield f"ledger entry {sequence}: its content was altered"
    if content is None and entry["table_name"] not in COVERED:
        yield f"ledger entry {sequence} covers table {entry['table_name']}, which this software does not know"


def _row_problems(
    connection: Connection,
    table: str,
    covered: Covered,
    blob_problem: Callable[[str], str],
    counts: Counter[str],
) -> Iterator[str]:
    """Check that each row is as its newest entry says, and that there is none without entry."""
    contents: Iterator[_Item] = ((key, row, None) for key, row in all_contents(connection, table, covered))
    entries = _entries_of(connection, table)
    for key, items in groupby(merge(contents, entries, key=itemgetter(0)), itemgetter(0)):
        (_, content, first), *rest = items
        bound = [entry for entry in (first, *(entry for _, _, entry in rest)) if entry is not None]
        if content is None:
            yield f"{table} {key} is gone; ledger entry {bound[-1][0]} covers it"
            continue
        counts["rows"] += 1
        yield from _content_problems(f"{table} {key}", content, bound, covered)
        for column in covered.blobs:
            problem = content[column] and blob_problem(content[column])
            if problem:
                yield f"{table} {key}: {problem}"


def _entries_of(connection: Connection, table: str) -> Iterator[_Item]:
    query = (
        select(LedgerRow)
        .where(LedgerRow.table_name == table)
        .order_by(LedgerRow.row_key, LedgerRow.sequence)
        .with_only_columns(LedgerRow.row_key, LedgerRow.sequence, LedgerRow.content_sha256)
        .execution_options(yield_per=1000)
    )
    for row in connection.execute(query):
        yield row.row_key, None, (row.sequence, row.content_sha256)


def _content_problems(
    name: str, content: Values, entries: list[tuple[int, str]], covered: Covered
) -> Iterator[str]:
    if not entries:
        yield f"{name} has no ledger entry: it did not come through the station"
        return
    sequence, sha256 = entries[-1]
    if canonical_sha256(content) != sha256:
        yield f"{name} was altered after ledger entry {sequence}"
    if len(entries) > 1 and not covered.changes:
        yield f"{name} is written once, but has {len(entries)} ledger entries"


def _stray_parts(connection: Connection, table: str, covered: Covered) -> Iterator[str]:
    """Find rows that claim to be part of a row that does not exist."""
    for part, (column, *_) in covered.parts.items():
        query = text(
            f"SELECT count(*) FROM {part} WHERE NOT EXISTS"  # noqa: S608 names of our tables
            f" (SELECT 1 FROM {table} WHERE {table}.{covered.key} = {part}.{column})"
        )
        strays = connection.execute(query).scalar_one()
        if strays:
            yield f"{part}: {strays} rows belong to no row of {table}"


def _file_problems(
    connection: Connection, station: StationFolder, table: str, counts: Counter[str]
) -> Iterator[str]:
    """Check the files that the newest row of each path names."""
    query = text(
        f"SELECT path, sha256 FROM {table} WHERE sequence IN"  # noqa: S608 names of our tables
        f" (SELECT max(sequence) FROM {table} GROUP BY path)"
    )
    for path, sha256 in connection.execute(query, execution_options={"yield_per": 1000}):
        counts["files"] += 1
        file = station.path / path
        try:
            found = hashlib.sha256(file.read_bytes()).hexdigest()
        except FileNotFoundError:
            if not _is_retired(connection, sha256):
                yield f"{file} is missing"
        except OSError as error:
            yield f"{file}: {error.strerror}"
        else:
            if found != sha256:
                yield f"{file} was altered"


class _BlobCheck:
    """Reads each blob that a row names; what many rows name is remembered for a while."""

    def __init__(self, connection: Connection, blobs: BlobStore, counts: Counter[str]) -> None:
        self._connection = connection
        self._blobs = blobs
        self._counts = counts
        self.problem_of = lru_cache(_BLOBS_REMEMBERED)(self._problem_of)

    def _problem_of(self, sha256: str) -> str:
        """Return what is wrong with a blob; empty if nothing is."""
        self._counts["blobs"] += 1
        try:
            self._blobs.read(sha256)
        except (IntegrityError, StoreUnavailable) as error:
            if self._blobs.path_of(sha256).exists() or not _is_retired(self._connection, sha256):
                return str(error)
            self._counts["retired"] += 1
        return ""


def _is_retired(connection: Connection, sha256: str) -> bool:
    return bool(connection.scalar(select(exists().where(RetiredContentRow.sha256 == sha256))))
