"""Writes a whole view to a CSV or Parquet file, row by row: memory does not grow with the history.

In CSV a text that a spreadsheet would take for a formula gets an apostrophe in front: one that begins
with = + - @, tab, carriage return or line feed, also in their full-width forms, or with an apostrophe.
Taking the first apostrophe off such a text gives it back. Numbers are never touched. NULL is empty.
"""

# ruff: noqa: S608  (names of views and columns come from the database itself)

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import pyarrow
from pyarrow import parquet
from pysqlite3 import dbapi2

from qc_daemon.domain.errors import InputError, StoreUnavailable
from storage.database import Database, one_line_errors
from storage.database_url import database_of
from storage.durable_files import flush_folder
from storage.history import Value
from storage.schema import require_newest_schema
from storage.sqlite_file import SqliteFile, read_only_uri, require_safe_sqlite
from storage.views import VIEWS

ExportFormat = Literal["csv", "parquet"]
ARMOUR = "'"

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", ARMOUR)
_ROWS_AT_ONCE = 10_000
_UNFINISHED = ".unfinished"
_MOMENT = pyarrow.timestamp("us", tz="UTC")
_TYPES = {"INTEGER": pyarrow.int64(), "REAL": pyarrow.float64(), "TEXT": pyarrow.string()}


def export_view(url: str, view: str, file_format: ExportFormat, out: Path) -> int:
    """Write all rows of a view as they are at one moment; return how many.

    The file appears when it is whole and on disk.

    Raises:
        InputError: there is no such view, or the file exists or cannot be written.
        StoreUnavailable: the database does not exist, does not answer or has another schema.
    """
    if view not in VIEWS:
        raise InputError(f'view "{view}" does not exist; expected one of {", ".join(sorted(VIEWS))}')
    if out.exists():
        raise InputError(f"{out} exists; expected the name of a new file")
    database = database_of(url)
    require_newest_schema(database)
    with one_line_errors(database), _open_view(database, view) as rows, _new_file(out) as file:
        write = _write_csv if file_format == "csv" else _write_parquet
        return write(rows, file)


def armoured(cell: Value) -> Value:
    """Return a cell as the CSV file has it: a text that would be a formula with an apostrophe in front."""
    return ARMOUR + cell if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


@dataclass(frozen=True, slots=True)
class _View:
    """The rows of a view at one moment, some at a time, and the types of its columns as SQLite calls them."""

    columns: tuple[str, ...]
    batches: Iterator[list[tuple[Value, ...]]]
    types: Callable[[], Mapping[str, str]]


@contextmanager
def _open_view(database: Database, view: str) -> Iterator[_View]:
    if isinstance(database, SqliteFile):
        with closing(_open_moment(database)) as connection:
            cursor = connection.execute(f"SELECT * FROM {view}")
            columns = tuple(column[0] for column in cursor.description)
            yield _View(columns, _batches(cursor), lambda: _types_of(connection, view))
        return
    from storage.postgres import PostgresDatabase
    from storage.postgres_questions import all_rows

    assert isinstance(database, PostgresDatabase)
    with all_rows(database, view) as (types, batches):
        yield _View(tuple(types), batches, lambda: types)


def _open_moment(database: SqliteFile) -> Any:
    """Return a connection that only reads, in a transaction that sees one moment."""
    require_safe_sqlite(dbapi2.sqlite_version_info)
    connection = dbapi2.connect(read_only_uri(database.path), uri=True, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("BEGIN")
    return connection


@contextmanager
def _new_file(out: Path) -> Iterator[IO[bytes]]:
    unfinished = out.with_name(out.name + _UNFINISHED)
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(out)
        flush_folder(out.parent)
    except OSError as error:
        raise StoreUnavailable(f"{out}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _write_csv(view: _View, file: IO[bytes]) -> int:
    text = _Utf8Lines(file)
    writer = csv.writer(text)
    file.write(b"\xef\xbb\xbf")  # without this mark spreadsheets take UTF-8 for something else
    writer.writerow(view.columns)
    count = 0
    for rows in view.batches:
        writer.writerows(map(armoured, row) for row in rows)
        count += len(rows)
    return count


def _write_parquet(view: _View, file: IO[bytes]) -> int:
    schema = pyarrow.schema(
        [(name, _MOMENT if name.endswith("_at") else _TYPES[kind]) for name, kind in view.types().items()]
    )
    count = 0
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in view.batches:
            columns = zip(*rows, strict=True)
            arrays = [_array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            writer.write_batch(pyarrow.RecordBatch.from_arrays(arrays, schema=schema))
            count += len(rows)
    return count


class _Utf8Lines:
    """What csv writes to: text that becomes UTF-8."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write a line."""
        return self._file.write(text.encode())


def _batches(cursor: Any) -> Iterator[list[tuple[Value, ...]]]:
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield rows


def _array(column: Sequence[Value], kind: pyarrow.DataType) -> pyarrow.Array:
    if kind == _MOMENT:
        return pyarrow.array(column, pyarrow.string()).cast(_MOMENT)
    if kind == pyarrow.string():
        column = [None if cell is None else str(cell) for cell in column]
    return pyarrow.array(column, kind)


def _types_of(connection: Any, view: str) -> Mapping[str, str]:
    """Return the type of each column as declared, or as its values are; moments go by their name."""
    declared = {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({view})")}
    unknown = [name for name, kind in declared.items() if not name.endswith("_at") and kind not in _TYPES]
    return declared | _found_types(connection, view, unknown)


def _found_types(connection: Any, view: str, names: Sequence[str]) -> dict[str, str]:
    """Return the types that hold all values of columns that are computed; one more pass over the view."""
    if not names:
        return {}
    # 3 for a text, 2 for a float, 1 for a whole number: the greatest type holds the others.
    ranks = ", ".join(
        f"max(CASE typeof(\"{name}\") WHEN 'text' THEN 3 WHEN 'real' THEN 2 WHEN 'integer' THEN 1 END)"
        for name in names
    )
    found = connection.execute(f"SELECT {ranks} FROM {view}").fetchone()
    by_rank = {1: "INTEGER", 2: "REAL", 3: "TEXT", None: "TEXT"}
    return {name: by_rank[rank] for name, rank in zip(names, found, strict=True)}
