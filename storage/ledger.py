"""The ledger: each thing that is recorded is one entry, and each entry binds the one before it.

Rows of covered tables (`storage.ledger_coverage`) get their entries by themselves, in the
transaction that adds them. What has no row of its own is added with `append`.
"""

import hashlib
from collections.abc import Iterator, Mapping
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

_TABLES = tuple(COVERED)


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
    return _add(session.connection(), at, actor, kind, subject, _held(content))


@contextmanager
def sealing(session: Session, at: datetime, actor: str = STATION) -> Iterator[None]:
    """Give each row of a covered table that is added or changed in here its entry, at the end.

    Raises:
        IntegrityError: a row was changed that is written once.
    """
    rows: dict[tuple[int, int], None] = {}

    def note(flushing: Session, _context: object) -> None:
        for row in (*flushing.new, *flushing.dirty):
            if row in flushing.new or flushing.is_modified(row, include_collections=False):
                _note(rows, row, row in flushing.new)

    event.listen(session, "after_flush", note)
    yield
    session.flush()
    for table, key in sorted(rows):
        _seal(session.connection(), _TABLES[table], key, at, actor)


def head(connection: Connection) -> LedgerHead | None:
    """Return the newest entry; None for a ledger without any."""
    query = select(LedgerRow.sequence, LedgerRow.sha256).order_by(LedgerRow.sequence.desc()).limit(1)
    newest = connection.execute(query).one_or_none()
    return None if newest is None else LedgerHead(*newest)


def begin_ledger(connection: Connection, at: datetime) -> None:
    """Add the first entry, then one for each row that covered tables have already.

    What those rows were before, nobody can prove; from now on a change of them is seen.
    """
    existing = set(inspect(connection).get_table_names())
    tables = {name: covered for name, covered in COVERED.items() if name in existing}
    _add(connection, at, STATION, "genesis", "ledger", _held({"tables": sorted(tables)}))
    for name, covered in tables.items():
        parts = {part: columns for part, columns in covered.parts.items() if part in existing}
        for key, content in all_contents(connection, name, replace(covered, parts=parts)):
            _add_row(connection, name, key, content, at, "upgrade")


def entry_sha256(entry: Mapping[str, Any]) -> str:
    """Return the hash that an entry must have: over all its other columns."""
    return canonical_sha256({name: value for name, value in entry.items() if name != "sha256"})


def _note(rows: dict[tuple[int, int], None], row: Any, is_new: bool) -> None:
    """Remember a row of a covered table that a flush adds or changes."""
    covered = COVERED.get(row.__tablename__)
    if covered is None:
        return
    key = getattr(row, covered.key)
    if not is_new and not covered.changes:
        raise IntegrityError(f"row {key} of {row.__tablename__} is written once; it cannot be changed")
    rows[_TABLES.index(row.__tablename__), key] = None


def _seal(connection: Connection, table: str, key: int, at: datetime, actor: str) -> None:
    content = row_content(connection, table, COVERED[table], key)
    assert content is not None, f"{table} {key} was just flushed"
    _add_row(connection, table, key, content, at, actor)


def _add_row(connection: Connection, table: str, key: int, content: Values, at: datetime, actor: str) -> None:
    covered = COVERED[table]
    who = actor if covered.actor is None else content[covered.actor]
    of_row = {"table_name": table, "row_key": key, "content_sha256": canonical_sha256(content)}
    _add(connection, at, who, covered.kind, str(content[covered.subject]), of_row)


def _held(content: Mapping[str, Any]) -> Values:
    """Return the columns of an entry that holds its content itself."""
    held = canonical_bytes(content)
    return {"content": held.decode(), "content_sha256": hashlib.sha256(held).hexdigest()}


def _add(
    connection: Connection, at: datetime, actor: str, kind: str, subject: str, content: Values
) -> LedgerHead:
    before = head(connection) or LedgerHead(0, FIRST_PREVIOUS)
    entry = content | {
        "sequence": before.sequence + 1,
        "previous_sha256": before.sha256,
        "kind": kind,
        "subject": subject,
        "recorded_at": at,
        "actor": actor,
    }
    entry["sha256"] = entry_sha256(entry)
    connection.execute(insert(LedgerRow).values(entry))
    return LedgerHead(entry["sequence"], entry["sha256"])
