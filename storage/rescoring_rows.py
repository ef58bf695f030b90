"""Which acquisitions a model has not judged yet."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from storage.inspection_reader import SqlInspectionReader
from storage.tables import AcquisitionRow, ConclusionModelRow, ConclusionRow, ModelRow


def numbers_not_judged_by(reader: SqlInspectionReader, role: str, digest: str) -> Sequence[int]:
    """Return the acquisitions whose current conclusion that model did not draw, oldest first.

    Args:
        reader: of the station.
        role: of the model ("composition").
        digest: SHA-256 of the model.
    """
    other = aliased(ConclusionRow)
    newest = select(func.max(other.sequence)).where(other.acquisition_number == AcquisitionRow.number)
    judged = (
        select(ConclusionModelRow.conclusion_sequence)
        .join(ModelRow, ModelRow.id == ConclusionModelRow.model_id)
        .where(
            ConclusionModelRow.conclusion_sequence == newest.correlate(AcquisitionRow).scalar_subquery(),
            ModelRow.role == role,
            ModelRow.digest == digest,
        )
    )
    with reader.reading() as session:
        return session.scalars(
            select(AcquisitionRow.number).where(~judged.exists()).order_by(AcquisitionRow.number)
        ).all()


def number_of_acquisitions(reader: SqlInspectionReader) -> int:
    """Return how many acquisitions the database holds."""
    with reader.reading() as session:
        return session.scalar(select(func.count()).select_from(AcquisitionRow)) or 0
