"""What a station keeps for ever, as its plant gets it: conclusions and corrections by their sequence."""

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from qc_daemon.domain.outbox import Record, RecordKind
from storage.correction_tables import CorrectionRow
from storage.outbox import Transactions, as_json, result_payload
from storage.tables import ConclusionModelRow, ConclusionRow
from storage.timestamps import utc_text


class SqlRecords:
    """Implements the port Records in a station's database."""

    def __init__(self, store: Transactions) -> None:
        self._store = store

    def after(self, kind: RecordKind, sequence: int, limit: int) -> tuple[Record, ...]:
        """Return the oldest records of a kind with a greater number."""
        with self._store.reading() as session:
            return _AFTER[kind](session, sequence, limit)


def _conclusions_after(session: Session, sequence: int, limit: int) -> tuple[Record, ...]:
    parts = (ConclusionRow.shares, ConclusionRow.reasons, ConclusionRow.defects)
    query = (
        select(ConclusionRow)
        .where(ConclusionRow.sequence > sequence)
        .order_by(ConclusionRow.sequence)
        .limit(limit)
        .options(
            joinedload(ConclusionRow.acquisition),
            *(selectinload(part) for part in parts),
            selectinload(ConclusionRow.models).joinedload(ConclusionModelRow.model),
        )
    )
    return tuple(
        Record(RecordKind.CONCLUSION, row.sequence, result_payload(row), row.concluded_at)
        for row in session.scalars(query)
    )


def _corrections_after(session: Session, sequence: int, limit: int) -> tuple[Record, ...]:
    query = select(CorrectionRow).where(CorrectionRow.sequence > sequence)
    rows = session.scalars(query.order_by(CorrectionRow.sequence).limit(limit))
    return tuple(
        Record(RecordKind.CORRECTION, row.sequence, _correction_payload(row), row.corrected_at)
        for row in rows
    )


def _correction_payload(row: CorrectionRow) -> str:
    return as_json(
        {
            "number": row.acquisition_number,
            "field": row.field,
            "old_value": row.old_value,
            "value": row.value,
            "who": row.who,
            "why": row.why,
            "corrected_at": utc_text(row.corrected_at),
        }
    )


_AFTER = {RecordKind.CONCLUSION: _conclusions_after, RecordKind.CORRECTION: _corrections_after}
