"""The outbox of a station: messages are added in the transaction of what they tell of.

The newest message stays when all have it, for a number must never be given twice.
"""

import json
from collections.abc import Collection
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from qc_daemon.domain.outbox import MessageKind, OutboxMessage
from storage.outbox_tables import OutboxPositionRow, OutboxRow
from storage.tables import ConclusionRow
from storage.timestamps import utc_text

_ANY_DESTINATION = select(OutboxPositionRow.destination).limit(1)


class Transactions(Protocol):
    """What opens transactions: the store of a station."""

    def transaction(self) -> AbstractContextManager[Session]:
        """One transaction that writes."""
        ...

    def reading(self) -> AbstractContextManager[Session]:
        """One transaction that only reads."""
        ...


class SqlOutbox:
    """Implements the port Outbox in a station's database."""

    def __init__(self, store: Transactions) -> None:
        self._store = store

    def keep_for(self, destinations: Collection[str]) -> None:
        """Say for whom messages are kept from now on; who is new gets what comes from now on."""
        with self._store.transaction() as session:
            newest = session.scalar(select(func.max(OutboxRow.sequence))) or 0
            known = {row.destination: row for row in session.scalars(select(OutboxPositionRow))}
            for gone in known.keys() - set(destinations):
                session.delete(known[gone])
            for new in sorted(set(destinations) - known.keys()):
                session.add(OutboxPositionRow(destination=new, sequence=newest))
            session.flush()
            _forget_delivered(session)

    def add(self, kind: MessageKind, message_id: str, payload: str, at: datetime) -> None:
        """Add a message, if it is kept for anybody and not there yet."""
        with self._store.transaction() as session:
            add_message(session, kind, message_id, payload, at)

    def after(self, destination: str, limit: int) -> tuple[OutboxMessage, ...]:
        """Return the oldest messages that a destination has not got."""
        query = select(OutboxRow).where(OutboxRow.sequence > _position(destination))
        with self._store.reading() as session:
            rows = session.scalars(query.order_by(OutboxRow.sequence).limit(limit))
            return tuple(
                OutboxMessage(
                    row.sequence, MessageKind(row.kind), row.message_id, row.payload, row.created_at
                )
                for row in rows
            )

    def advance(self, destination: str, sequence: int) -> None:
        """Note that a destination has all messages up to that one; what all have got is deleted."""
        with self._store.transaction() as session:
            row = session.get(OutboxPositionRow, destination)
            if row is not None and sequence > row.sequence:
                row.sequence = sequence
                session.flush()
                _forget_delivered(session)

    def waiting(self, destination: str) -> int:
        """Return how many messages a destination has not got."""
        query = select(func.count()).select_from(OutboxRow).where(OutboxRow.sequence > _position(destination))
        with self._store.reading() as session:
            return session.scalar(query) or 0


def add_message(session: Session, kind: MessageKind, message_id: str, payload: str, at: datetime) -> None:
    """Add a message in the transaction of what it tells of, if it is kept for anybody and not there yet."""
    known = select(OutboxRow.sequence).where(OutboxRow.message_id == message_id)
    if _is_wanted(session) and session.scalar(known) is None:
        session.add(OutboxRow(kind=kind.value, message_id=message_id, payload=payload, created_at=at))


def add_result(session: Session, conclusion_sequence: int, at: datetime) -> None:
    """Add the message that a conclusion was drawn, if anybody wants it."""
    if _is_wanted(session):
        conclusion = session.get_one(ConclusionRow, conclusion_sequence)
        add_message(session, MessageKind.RESULT, conclusion.id, result_payload(conclusion), at)


def result_payload(conclusion: ConclusionRow) -> str:
    """Return what others are told of a conclusion; of the specimen, what was read when it was measured."""
    acquisition = conclusion.acquisition
    return as_json(
        {
            "id": conclusion.id,
            "acquisition": acquisition.id,
            "number": acquisition.number,
            "specimen": acquisition.specimen,
            "lot": acquisition.lot,
            "roll": acquisition.roll,
            "position_m": acquisition.position_m,
            "accepted_at": utc_text(acquisition.accepted_at),
            "concluded_at": utc_text(conclusion.concluded_at),
            "verdict": conclusion.outcome,
            "reasons": [reason.code for reason in conclusion.reasons],
            "class": conclusion.main_fibre,
            "shares": {
                share.fibre: {"percent": share.percent, "lo": share.lo_percent, "hi": share.hi_percent}
                for share in conclusion.shares
            },
            "defects": len(conclusion.defects),
            "models": {
                part.model.role: f"{part.model.name}@{part.model.digest}" for part in conclusion.models
            },
        }
    )


def as_json(content: dict[str, Any]) -> str:
    """Return an object as the same text each time."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _is_wanted(session: Session) -> bool:
    """Tell whether messages are kept for anybody."""
    return session.connection().execute(_ANY_DESTINATION).first() is not None


def _position(destination: str) -> Any:
    query = select(OutboxPositionRow.sequence).where(OutboxPositionRow.destination == destination)
    return query.scalar_subquery()


def _forget_delivered(session: Session) -> None:
    slowest = session.scalar(select(func.min(OutboxPositionRow.sequence)))
    if slowest is not None:
        session.execute(delete(OutboxRow).where(OutboxRow.sequence < slowest))
