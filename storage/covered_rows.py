"""Adds rows that the ledger covers by plain inserts.

An inspection is some dozen rows. Mapped objects would be flushed table by table and read again for the
ledger, which costs several times as much.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import insert
from sqlalchemy.orm import Session

from storage.ledger import note_row
from storage.ledger_content import Values, set_part
from storage.ledger_coverage import COVERED
from storage.tables import Base

Record = TypeVar("Record", bound=Hashable)


class KnownRows:
    """The keys of rows that are written once and that most inspections point at, such as instruments."""

    def __init__(self) -> None:
        self._keys: dict[Hashable, int] = {}

    def key_of(self, session: Session, record: Record, find: Callable[[Session, Record], int]) -> int:
        """Return the key of the row of a record; `find` looks it up, or adds it, the first time."""
        if record not in self._keys:
            self._keys[record] = find(session, record)
        return self._keys[record]

    def forget(self) -> None:
        """Look everything up again: a transaction failed, and with it may have gone what it added."""
        self._keys.clear()


def add_covered(
    session: Session, row: type[Base], values: Values, parts: Mapping[type[Base], Sequence[Values]]
) -> int:
    """Add a row of a covered table with its parts; its entry is made of the very values that are written.

    Args:
        session: of the transaction.
        row: of the table.
        values: by column; without the key if the database gives it.
        parts: rows of the tables whose rows belong to it, in their order; what points at the row and the
            position are filled in.

    Returns:
        the key of the row.
    """
    connection, covered = session.connection(), COVERED[row.__tablename__]
    values = _as_kept(values)
    added = connection.execute(insert(row), values)
    keys = added.inserted_primary_key
    assert keys is not None, "a single row was inserted"
    key = int(keys[0])
    content = _as_read(values | {covered.key: key})
    for part, its_rows in parts.items():
        pointing, *position = covered.parts[part.__tablename__]
        numbered = [
            {pointing: key} | dict.fromkeys(position, place) | _as_kept(one)
            for place, one in enumerate(its_rows)
        ]
        if numbered:
            connection.execute(insert(part), numbered)
            set_part(content, part.__tablename__, map(_as_read, numbered))
    note_row(session, row.__tablename__, key, content)
    return key


def _as_kept(values: Values) -> Values:
    """Return values without -0.0, which SQLite would give back as 0.0."""
    return {name: value + 0.0 if isinstance(value, float) else value for name, value in values.items()}


def _as_read(values: Values) -> Values:
    """Return values as a driver gives them back: a flag is 1 or 0."""
    return {name: int(value) if isinstance(value, bool) else value for name, value in values.items()}
