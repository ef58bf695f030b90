"""Shares inferred from an uncleaned image, from rows."""

from sqlalchemy import select
from sqlalchemy.orm import object_session

from qc_daemon.domain.composition import FibreShare
from storage.tables import ConclusionRow
from storage.uncleaned_tables import UncleanedShareRow


def uncleaned_of(row: ConclusionRow) -> tuple[FibreShare, ...]:
    """Return the shares without cleaning; empty if nothing had to be cleaned."""
    session = object_session(row)
    assert session is not None
    query = select(UncleanedShareRow).filter_by(conclusion_sequence=row.sequence)
    parts = session.scalars(query.order_by(UncleanedShareRow.position))
    return tuple(FibreShare(part.fibre, part.percent, part.lo_percent, part.hi_percent) for part in parts)
