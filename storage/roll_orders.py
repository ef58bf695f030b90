"""Finds the plant's order of a roll."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy import select
from sqlalchemy.orm import Session

from qc_daemon.domain.people import RollOrder
from storage.people_tables import RollOrderRow


class SqlRollOrderBook:
    """Implements the port RollOrderBook; each look is a transaction of its own that only reads."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Session]]) -> None:
        self._reading = reading

    def order_for(self, lot: str, roll: str) -> RollOrder | None:
        """Return the order of a roll; without a lot, that of the only roll of that name."""
        with self._reading() as session:
            if lot:
                return order_of_roll(session, lot, roll)
            rows = session.scalars(select(RollOrderRow).where(RollOrderRow.roll == roll).limit(2)).all()
            return order_of(rows[0]) if len(rows) == 1 else None


def order_of_roll(session: Session, lot: str, roll: str) -> RollOrder | None:
    """Return the plant's order of a roll, or None."""
    row = session.scalar(select(RollOrderRow).where(RollOrderRow.lot == lot, RollOrderRow.roll == roll))
    return None if row is None else order_of(row)


def order_of(row: RollOrderRow) -> RollOrder:
    """Return the order that a row was made of."""
    return RollOrder(row.order_id, row.lot, row.roll, row.label_text, row.ordered_by, row.ordered_at)
