"""The bytes that the ledger hashes; docs/history.md tells an auditor how to make them.

An object is written as JSON: keys sorted, no spaces, UTF-8 without escapes, whole numbers and
floats as Python's repr writes them, NULL left out. Because NULL is left out, a later revision may
add a column to a covered table, if it is NULL in the rows of before.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, text

from storage.timestamps import utc_text

Values = dict[str, Any]
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Covered:
    """How the ledger covers a table with one whole number as its key.

    Attributes:
        kind: of the entries.
        key: column of the key.
        subject: column that names a row to people.
        actor: column of who did it; None if the station did.
        parts: tables whose rows belong to a row, each with its column that points at it and the rest of
            its key.
        blobs: columns that hold the hash of a blob.
        is_file: whether a row names a file by `path` and `sha256`; the newest row of a path is the file.
        changes: whether a row may change; each change then gets an entry, and the newest counts.
    """

    kind: str
    key: str
    subject: str
    actor: str | None = None
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    blobs: tuple[str, ...] = ()
    is_file: bool = False
    changes: bool = False


def canonical_bytes(values: Mapping[str, Any]) -> bytes:
    """Return the bytes of an object, NULL left out."""
    return _JSON.encode({name: value for name, value in values.items() if value is not None}).encode()


def canonical_sha256(values: Mapping[str, Any]) -> str:
    """Return the hash of an object's canonical bytes, in hex."""
    return hashlib.sha256(canonical_bytes(values)).hexdigest()


def row_content(connection: Connection, table: str, covered: Covered, key: int) -> Values | None:
    """Return a row and its parts as one object; None if there is no such row."""
    rows = rows_of(connection, table, (covered.key,), key)
    row = next(rows, None)
    if row is not None:
        for part, columns in covered.parts.items():
            set_part(row, part, rows_of(connection, part, columns, key))
    return row


def all_contents(connection: Connection, table: str, covered: Covered) -> Iterator[tuple[int, Values]]:
    """Yield the key and the content of each row of a table, in the order of the keys."""
    parts = [
        (part, _Groups(rows_of(connection, part, columns), columns[0]))
        for part, columns in covered.parts.items()
    ]
    for row in rows_of(connection, table, (covered.key,)):
        key = row[covered.key]
        for part, groups in parts:
            set_part(row, part, groups.of(key))
        yield key, row


def rows_of(
    connection: Connection, table: str, order: tuple[str, ...], key: int | None = None
) -> Iterator[Values]:
    """Yield rows as the driver gives them: all, or those whose first column of `order` is `key`."""
    where = "" if key is None else f" WHERE {order[0]} = {key:d}"
    query = text(f"SELECT * FROM {table}{where} ORDER BY {', '.join(order)}")  # noqa: S608 names of our tables
    result = connection.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE})
    names = tuple(result.keys())
    for row in result:
        yield dict(zip(names, row, strict=True))


def set_part(row: Values, part: str, rows: Iterable[Values]) -> None:
    """Add the rows of a part to the row that they belong to, in their order; nothing if there are none."""
    found = [{name: value for name, value in each.items() if value is not None} for each in rows]
    if found:
        row[part] = found


class _Groups:
    """Rows that are ordered by the key that they belong to, handed out key by key."""

    def __init__(self, rows: Iterator[Values], column: str) -> None:
        self._groups = groupby(rows, key=lambda row: row[column])
        self._next = next(self._groups, None)

    def of(self, key: int) -> Iterable[Values]:
        """Return the rows of a key; keys are asked for in rising order."""
        while self._next is not None and self._next[0] < key:
            self._next = next(self._groups, None)  # rows of a key that does not exist: a broken reference
        if self._next is None or self._next[0] != key:
            return ()
        rows = list(self._next[1])
        self._next = next(self._groups, None)
        return rows


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return utc_text(value)
    raise TypeError(f"{value!r} has no canonical form")


_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)
