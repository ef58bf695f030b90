"""Facts to rows and back."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, bindparam, insert, select
from sqlalchemy.orm import Session

from qc_daemon.domain.errors import IntegrityError
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.label import DeclaredFibre, DeclaredLabel
from qc_daemon.domain.spectrum import InstrumentIdentity
from storage.correction_tables import IdentityRow
from storage.covered_rows import KnownRows, add_covered
from storage.facts import AcquisitionFacts, FrameFacts, ReferenceFacts
from storage.journal_entry import facts_sha256
from storage.ledger_content import Values
from storage.tables import AcquisitionRow, DeclaredFibreRow, InstrumentRow, WhiteReferenceRow

# Made once, for making them takes longer than SQLite does.
_STORED = select(AcquisitionRow.number, AcquisitionRow.facts_sha256).where(
    AcquisitionRow.id == bindparam("id")
)


def stored_acquisition(session: Session, acquisition_id: str) -> Row[int, str] | None:
    """Return number and hash of the facts of an acquisition; None if it is not stored."""
    return session.connection().execute(_STORED, {"id": acquisition_id}).one_or_none()


def add_acquisition_row(session: Session, known: KnownRows, facts: AcquisitionFacts) -> None:
    """Add the rows of an acquisition, with its instruments and white reference if they are new.

    Raises:
        IntegrityError: its white reference is stored with other facts.
    """
    label = facts.specimen.label
    values = {
        "number": facts.number,
        "id": facts.id,
        "accepted_at": facts.accepted_at,
        "facts_sha256": facts_sha256(facts),
        "spectrometer_id": known.key_of(session, facts.spectrometer, _instrument_id),
        "raw_format": facts.raw_format,
        "scan_sha256": facts.scan_sha256,
        "white_reference_sequence": (
            known.key_of(session, facts.white, _reference_sequence) if facts.white else None
        ),
        "triggered_at": facts.triggered_at,
        "triggered_monotonic_s": facts.triggered_monotonic_s,
        "acquire_seconds": facts.acquire_seconds,
        "camera_expected": facts.camera_expected,
    }
    values |= _identity_values(facts.specimen)
    if facts.frame:
        values |= _frame_values(facts.frame, known.key_of(session, facts.frame.camera, _instrument_id))
    fibres = [{"fibre": line.fibre, "percent": line.percent} for line in (label.fibres if label else ())]
    add_covered(session, AcquisitionRow, values, {DeclaredFibreRow: fibres})
    called = _identity_values(facts.specimen) | {"acquisition_number": facts.number, "corrected": False}
    session.connection().execute(insert(IdentityRow), called)


def reference_row(session: Session, facts: ReferenceFacts) -> WhiteReferenceRow:
    """Return the row of a white reference, added if it is new.

    Raises:
        IntegrityError: one with that id is stored with other facts.
    """
    row = session.scalar(select(WhiteReferenceRow).where(WhiteReferenceRow.id == facts.id))
    if row is not None:
        if reference_facts_of(row) != facts:
            raise IntegrityError(f"white reference {facts.id} is already stored with other facts")
        return row
    row = WhiteReferenceRow(
        id=facts.id,
        source=facts.source,
        tile_id=facts.tile_id,
        raw_format=facts.raw_format,
        scan_sha256=facts.scan_sha256,
        tile_reflectance_sha256=facts.tile_reflectance_sha256,
        instrument=instrument_row(session, facts.instrument),
        taken_at=facts.taken_at,
    )
    session.add(row)
    return row


def acquisition_facts_of(row: AcquisitionRow) -> AcquisitionFacts:
    """Return the facts that a row was made of."""
    camera = identity_of(row.camera) if row.camera else None
    white = reference_facts_of(row.white) if row.white else None
    return facts_from(row, label_of(row), identity_of(row.spectrometer), camera, white)


def facts_from(
    row: AcquisitionRow | Row[Any],
    label: DeclaredLabel | None,
    spectrometer: InstrumentIdentity,
    camera: InstrumentIdentity | None,
    white: ReferenceFacts | None,
) -> AcquisitionFacts:
    """Return the facts that the columns of a row and what they point at were made of."""
    return AcquisitionFacts(
        number=row.number,
        accepted_at=row.accepted_at,
        id=row.id,
        specimen=Specimen(row.specimen, row.lot, row.roll, row.position_m, label),
        spectrometer=spectrometer,
        raw_format=row.raw_format,
        scan_sha256=row.scan_sha256,
        white=white,
        camera_expected=row.camera_expected,
        frame=_frame_facts_of(row, camera),
        triggered_at=row.triggered_at,
        triggered_monotonic_s=row.triggered_monotonic_s,
        acquire_seconds=row.acquire_seconds,
    )


def label_of(row: AcquisitionRow) -> DeclaredLabel | None:
    """Return the declared label as it was read when the specimen was measured."""
    return label_from(row.label_text, row.declared_fibres)


def label_from(text: str | None, lines: Iterable[DeclaredFibreRow | Row[Any]]) -> DeclaredLabel | None:
    """Return the label of that text and those lines; None without a text."""
    if text is None:
        return None
    return DeclaredLabel(text, tuple(DeclaredFibre(line.fibre, line.percent) for line in lines))


def reference_facts_of(row: WhiteReferenceRow) -> ReferenceFacts:
    """Return the facts that a row was made of."""
    return ReferenceFacts(
        id=row.id,
        source=row.source,
        tile_id=row.tile_id,
        raw_format=row.raw_format,
        scan_sha256=row.scan_sha256,
        tile_reflectance_sha256=row.tile_reflectance_sha256,
        instrument=identity_of(row.instrument),
        taken_at=row.taken_at,
    )


def instrument_row(session: Session, identity: InstrumentIdentity) -> InstrumentRow:
    """Return the row of a device with its firmware, added if it is new."""
    wanted = {
        "kind": identity.kind,
        "model": identity.model,
        "serial": identity.serial,
        "firmware": identity.firmware,
    }
    row = session.scalar(select(InstrumentRow).filter_by(**wanted))
    if row is None:
        row = InstrumentRow(**wanted)
        session.add(row)
    return row


def identity_of(row: InstrumentRow) -> InstrumentIdentity:
    """Return the identity that a row was made of."""
    return InstrumentIdentity(row.kind, row.model, row.serial, row.firmware)


def _instrument_id(session: Session, identity: InstrumentIdentity) -> int:
    row = instrument_row(session, identity)
    session.flush()
    return row.id


def _reference_sequence(session: Session, facts: ReferenceFacts) -> int:
    row = reference_row(session, facts)
    session.flush()
    return row.sequence


def _identity_values(specimen: Specimen) -> Values:
    """Return what an acquisition is called until somebody corrects it."""
    return {
        "specimen": specimen.id,
        "lot": specimen.lot,
        "roll": specimen.roll,
        "position_m": specimen.position_m,
        "label_text": specimen.label.text if specimen.label else None,
    }


def _frame_values(frame: FrameFacts, camera_id: int) -> Values:
    return {
        "camera_id": camera_id,
        "image_sha256": frame.image_sha256,
        "image_width_px": frame.width_px,
        "image_height_px": frame.height_px,
        "um_per_pixel": frame.um_per_pixel,
        "captured_at": frame.captured_at,
        "captured_monotonic_s": frame.captured_monotonic_s,
        "image_repeats": frame.repeats,
    }


def _frame_facts_of(row: AcquisitionRow | Row[Any], camera: InstrumentIdentity | None) -> FrameFacts | None:
    if row.image_sha256 is None:
        return None
    # The table's check allows a frame only with all of its columns.
    assert camera and row.image_width_px and row.image_height_px and row.um_per_pixel
    assert row.captured_at and row.captured_monotonic_s is not None and row.image_repeats is not None
    return FrameFacts(
        image_sha256=row.image_sha256,
        width_px=row.image_width_px,
        height_px=row.image_height_px,
        um_per_pixel=row.um_per_pixel,
        camera=camera,
        captured_at=row.captured_at,
        captured_monotonic_s=row.captured_monotonic_s,
        repeats=row.image_repeats,
    )
