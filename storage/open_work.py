"""What still has to be done for stored acquisitions, kept in step by the store's transactions."""

from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.tables import OpenWorkRow

Need = Literal["conclusion", "report"]


def set_open_work(session: Session, number: int, needs: Need | None) -> None:
    """Record what an acquisition needs now; None if it needs nothing."""
    row = session.get(OpenWorkRow, number)
    if row is not None and needs is None:
        session.delete(row)
    elif row is not None and needs is not None:
        row.needs = needs
    elif needs is not None:
        session.add(OpenWorkRow(acquisition_number=number, needs=needs))


def open_work(session: Session, needs: Need) -> list[int]:
    """Return the numbers of the acquisitions that need that, oldest first."""
    query = select(OpenWorkRow.acquisition_number).where(OpenWorkRow.needs == needs)
    return sorted(session.scalars(query))
