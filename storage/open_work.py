"""What still has to be done for stored acquisitions, kept in step by the store's transactions."""

from typing import Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from storage.tables import OpenWorkRow

Need = Literal["conclusion", "report"]


def begin_work(session: Session, number: int) -> None:
    """Record that a new acquisition needs a conclusion."""
    session.connection().execute(insert(OpenWorkRow), {"acquisition_number": number, "needs": "conclusion"})


def set_open_work(session: Session, number: int, needs: Need | None) -> None:
    """Record what an acquisition needs now; None if it needs nothing."""
    of_number = OpenWorkRow.acquisition_number == number
    if needs is None:
        session.connection().execute(delete(OpenWorkRow).where(of_number))
        return
    changed = session.connection().execute(update(OpenWorkRow).where(of_number).values(needs=needs))
    if not changed.rowcount:
        session.connection().execute(insert(OpenWorkRow), {"acquisition_number": number, "needs": needs})


def open_work(session: Session, needs: Need) -> list[int]:
    """Return the numbers of the acquisitions that need that, oldest first."""
    query = select(OpenWorkRow.acquisition_number).where(OpenWorkRow.needs == needs)
    return sorted(session.scalars(query))
