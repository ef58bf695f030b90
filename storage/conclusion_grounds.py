"""By which settings and which label a conclusion was drawn."""

from collections.abc import Iterable

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, object_session, selectinload

from qc_daemon.domain.label import DeclaredLabel
from storage.acquisition_rows import label_of
from storage.correction_tables import CorrectionRow
from storage.corrections import corrected_label
from storage.facts import content_sha256
from storage.ground_tables import ConclusionGroundRow, JudgeSettingsRow
from storage.tables import ConclusionRow


def settings_sequence(session: Session, settings: str) -> int:
    """Return the key of settings; they are added if they are new."""
    sha256 = content_sha256(settings.encode())
    row = session.scalar(select(JudgeSettingsRow).where(JudgeSettingsRow.sha256 == sha256))
    if row is None:
        row = JudgeSettingsRow(sha256=sha256, settings=settings)
        session.add(row)
        session.flush()
    return row.sequence


def settings_of(row: ConclusionRow) -> str:
    """Return the text of the settings that a conclusion was drawn by; empty if they were not kept."""
    ground = _ground(row)
    return ground.settings.settings if ground is not None and ground.settings is not None else ""


def label_judged(row: ConclusionRow) -> DeclaredLabel | None:
    """Return the label that a conclusion was judged against, which may have been corrected since."""
    return _label_by(row, _ground(row))


def labels_judged(
    session: Session, rows: Iterable[ConclusionRow], which: Select[int]
) -> dict[int, DeclaredLabel | None]:
    """Return what `label_judged` does for each of many conclusions, by sequence, in a few queries.

    Args:
        session: of the rows.
        rows: conclusions; what their acquisitions declared is best loaded with them.
        which: selects the sequences of at least these conclusions.
    """
    corrections = selectinload(ConclusionGroundRow.label_correction).selectinload(CorrectionRow.fibres)
    query = select(ConclusionGroundRow).where(ConclusionGroundRow.conclusion_sequence.in_(which))
    grounds = {row.conclusion_sequence: row for row in session.scalars(query.options(corrections))}
    return {row.sequence: _label_by(row, grounds.get(row.sequence)) for row in rows}


def _label_by(row: ConclusionRow, ground: ConclusionGroundRow | None) -> DeclaredLabel | None:
    if ground is None or ground.label_correction is None:
        return label_of(row.acquisition)
    return corrected_label(ground.label_correction)


def _ground(row: ConclusionRow) -> ConclusionGroundRow | None:
    session = object_session(row)
    assert session is not None
    return session.get(ConclusionGroundRow, row.sequence)
