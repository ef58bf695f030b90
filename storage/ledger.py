"""The ledger: each thing that is recorded is one entry, and each entry binds the one before it.

Rows of covered tables (`storage.ledger_coverage`) get their entries by themselves, in the
transaction that adds them. What has no row of its own is added with `append`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, event, insert, inspect, select
from sqlalchemy.orm import Session

from qc_daemon.domain.errors import IntegrityError
from qc_daemon.domain.ledger import LedgerHead
from storage.ledger_content import Values, all_contents, canonical_bytes, canonical_sha256, row_content
from storage.ledger_coverage import COVERED
from storage.ledger_tables import LedgerRow

STATION = "station"
FIRST_PREVIOUS = "0" * 64

_NEWEST = select(LedgerRow.sequence, LedgerRow.sha256).order_by(LedgerRow.sequence.desc()).limit(1)
_TABLES = tuple(COVERED)
_NOTED = "rows for the ledger"
_Noted = dict[tuple[int, int], Values | None]
"""Rows by table and key that need an entry; without a content where it has to be read."""


def append(
    session: Session,
    kind: str,
    subject: str,
    content: Mapping[str, Any],
    at: datetime,
    actor: str = STATION,
) -> LedgerHead:
    """Add an entry that holds its content itself: for what has no row in a covered table.

    Args:
        session: of the transaction that records the thing; its commit writes both or neither.
        kind: what happened, a short word such as "configuration".
        subject: what it happened to.
        content: plain values (texts, whole numbers, floats, True and False, moments, lists of them); kept as
            text and shown to auditors, so it must hold no secret.
        at: the aware UTC time.
        actor: who did it; the station itself if no person did.
    """
    return _add(session.connection(), at, [_held(kind, subject, content, actor)])


@contextmanager
def sealing(session: Session, at: datetime, actor: str = STATION) -> Iterator[None]:
    """Give each row of a covered table that is added or changed in here its entry, at the end.

    Raises:
        IntegrityError: a row was changed that is written once.
    """
    rows: _Noted = {}
    session.info[_NOTED] = rows

    def note(flushing: Session, _context: object) -> None:
        for row in (*flushing.new, *flushing.dirty):
            if row in flushing.new or flushing.is_modified(row, include_collections=False):
                _note(rows, row, row in flushing.new)

    event.listen(session, "after_flush", note)
    yield
    session.flush()
    if rows:
        _seal(session.connection(), rows, at, actor)


def note_row(session: Session, table: str, key: int, content: Values) -> None:
    """Have the row of a covered table that was just inserted get its entry when `sealing` ends."""
    rows: _Noted = session.info[_NOTED]
    rows[_TABLES.index(table), key] = content


def head(connection: Connection) -> LedgerHead | None:
    """Return the newest entry; None for a ledger without any."""
    newest = connection.execute(_NEWEST).one_or_none()
    return None if newest is None else LedgerHead(*newest)


def begin_ledger(connection: Connection, at: datetime) -> None:
    """Add the first entry, then one for each row that covered tables have already.

    What those rows were before, nobody can prove; from now on a change of them is seen.
    """
    existing = set(inspect(connection).get_table_names())
    tables = {name: covered for name, covered in COVERED.items() if name in existing}
    _add(connection, at, [_held("genesis", "ledger", {"tables": sorted(tables)}, STATION)])
    for name, covered in tables.items():
        parts = {part: columns for part, columns in covered.parts.items() if part in existing}
        for key, content in all_contents(connection, name, replace(covered, parts=parts)):
            _add(connection, at, [_of_row(name, key, content, "upgrade")])


def entry_sha256(entry: Mapping[str, Any]) -> str:
    """Return the hash that an entry must have: over all its other columns."""
    return canonical_sha256({name: value for name, value in entry.items() if name != "sha256"})


def _note(rows: _Noted, row: Any, is_new: bool) -> None:
    """Remember a row of a covered table that a flush adds or changes."""
    covered = COVERED.get(row.__tablename__)
    if covered is None:
        return
    key = getattr(row, covered.key)
    if not is_new and not covered.changes:
        raise IntegrityError(f"row {key} of {row.__tablename__} is written once; it cannot be changed")
    rows[_TABLES.index(row.__tablename__), key] = None


def _seal(connection: Connection, rows: _Noted, at: datetime, actor: str) -> None:
    """Add the entries of rows, table by table and key by key."""
    sealed = []
    for index, key in sorted(rows):
        table = _TABLES[index]
        content = rows[index, key] or row_content(connection, table, COVERED[table], key)
        assert content is not None, f"{table} {key} was just flushed"
        sealed.append(_of_row(table, key, content, actor))
    _add(connection, at, sealed)


def _of_row(table: str, key: int, content: Values, actor: str) -> Values:
    """Return the columns of an entry that covers a row."""
    covered = COVERED[table]
    return {
        "kind": covered.kind,
        "subject": str(content[covered.subject]),
        "actor": actor if covered.actor is None else content[covered.actor],
        "table_name": table,
        "row_key": key,
        "content_sha256": canonical_sha256(content),
    }


def _held(kind: str, subject: str, content: Mapping[str, Any], actor: str) -> Values:
    """Return the columns of an entry that holds its content itself."""
    held = canonical_bytes(content)
    return {
        "kind": kind,
        "subject": subject,
        "actor": actor,
        "content": held.decode(),
        "content_sha256": hashlib.sha256(held).hexdigest(),
    }


def _add(connection: Connection, at: datetime, entries: Sequence[Values]) -> LedgerHead:
    """Bind entries to the newest one, in their order, and add them; return the last one."""
    before = head(connection) or LedgerHead(0, FIRST_PREVIOUS)
    bound = []
    for columns in entries:
        entry = columns | {
            "sequence": before.sequence + 1,
            "previous_sha256": before.sha256,
            "recorded_at": at,
        }
        entry["sha256"] = entry_sha256(entry)
        before = LedgerHead(entry["sequence"], entry["sha256"])
        bound.append(entry)
    connection.execute(insert(LedgerRow), bound)
    return before
