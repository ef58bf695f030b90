"""Shares inferred from an uncleaned image to rows and back."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from qc_daemon.domain.composition import FibreShare
from storage.tables import ConclusionRow
from storage.uncleaned_tables import UncleanedShareRow


def add_uncleaned(session: Session, row: ConclusionRow, shares: Sequence[FibreShare]) -> None:
    """Add what a conclusion would have been without cleaning; nothing if nothing had to be cleaned."""
    session.flush()
    session.add_all(
        UncleanedShareRow(
            conclusion_sequence=row.sequence,
            position=position,
            fibre=share.fibre,
            percent=float(share.percent),
            lo_percent=float(share.lo),
            hi_percent=float(share.hi),
        )
        for position, share in enumerate(shares)
    )


def uncleaned_of(row: ConclusionRow) -> tuple[FibreShare, ...]:
    """Return the shares without cleaning; empty if nothing had to be cleaned."""
    session = object_session(row)
    assert session is not None
    query = select(UncleanedShareRow).filter_by(conclusion_sequence=row.sequence)
    parts = session.scalars(query.order_by(UncleanedShareRow.position))
    return tuple(FibreShare(part.fibre, part.percent, part.lo_percent, part.hi_percent) for part in parts)
