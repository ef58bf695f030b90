"""By which settings and which label a conclusion was drawn."""

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from qc_daemon.domain.label import DeclaredLabel
from storage.acquisition_rows import label_of
from storage.correction_tables import IdentityRow
from storage.corrections import corrected_label
from storage.facts import content_sha256
from storage.ground_tables import ConclusionGroundRow, JudgeSettingsRow
from storage.tables import ConclusionRow


def add_grounds(session: Session, row: ConclusionRow, settings: str) -> None:
    """Add by what a conclusion was drawn; settings that are not stored yet are added too.

    The label is the one that its acquisition has now: who draws conclusions is the one who writes.
    """
    identity = session.get_one(IdentityRow, row.acquisition.number)
    session.flush()
    session.add(
        ConclusionGroundRow(
            conclusion_sequence=row.sequence,
            settings=_settings_row(session, settings) if settings else None,
            label_correction=identity.label_correction,
        )
    )


def settings_of(row: ConclusionRow) -> str:
    """Return the text of the settings that a conclusion was drawn by; empty if they were not kept."""
    ground = _ground(row)
    return ground.settings.settings if ground is not None and ground.settings is not None else ""


def label_judged(row: ConclusionRow) -> DeclaredLabel | None:
    """Return the label that a conclusion was judged against, which may have been corrected since."""
    ground = _ground(row)
    if ground is None or ground.label_correction is None:
        return label_of(row.acquisition)
    return corrected_label(ground.label_correction)


def _ground(row: ConclusionRow) -> ConclusionGroundRow | None:
    session = object_session(row)
    assert session is not None
    return session.get(ConclusionGroundRow, row.sequence)


def _settings_row(session: Session, settings: str) -> JudgeSettingsRow:
    sha256 = content_sha256(settings.encode())
    row = session.scalar(select(JudgeSettingsRow).where(JudgeSettingsRow.sha256 == sha256))
    return row or JudgeSettingsRow(sha256=sha256, settings=settings)
