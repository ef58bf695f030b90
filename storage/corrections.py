"""Corrections to rows, and what an acquisition is called now."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from qc_daemon.domain.corrections import CorrectedField, Correction
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.label import DeclaredFibre, DeclaredLabel
from storage.acquisition_rows import label_of
from storage.correction_tables import CorrectedFibreRow, CorrectionRow, IdentityRow
from storage.tables import AcquisitionRow


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a correction changed; `old_value` is None for a label that there was not."""

    field: CorrectedField
    old_value: str | None
    value: str


def add_correction(session: Session, correction: Correction) -> Corrected:
    """Add a correction; from now on the acquisition is called so.

    Raises:
        InputError: no acquisition has that number, or it is called so already.
    """
    identity = session.get(IdentityRow, correction.number)
    if identity is None:
        raise InputError(f"inspection {correction.number} does not exist; expected a stored one")
    old_value, field = _value(identity, correction.field), correction.field
    if old_value == correction.value:
        raise InputError(f'inspection {correction.number}: {field} is "{old_value}" already')
    row = CorrectionRow(
        acquisition_number=correction.number,
        field=field.value,
        old_value=old_value,
        value=correction.value,
        who=correction.who,
        why=correction.why,
        corrected_at=correction.at,
    )
    session.add(row)
    _apply(identity, correction, row)
    return Corrected(field, old_value, correction.value)


def specimen_of(session: Session, row: AcquisitionRow) -> Specimen:
    """Return the specimen of an acquisition with all corrections."""
    identity = session.get_one(IdentityRow, row.number)
    correction = identity.label_correction
    label = label_of(row) if correction is None else corrected_label(correction)
    return Specimen(identity.specimen, identity.lot, identity.roll, identity.position_m, label)


def corrected_label(correction: CorrectionRow) -> DeclaredLabel:
    """Return the label that a correction gave."""
    lines = (DeclaredFibre(line.fibre, line.percent) for line in correction.fibres)
    return DeclaredLabel(correction.value, tuple(lines))


def _value(identity: IdentityRow, field: CorrectedField) -> str | None:
    if field is CorrectedField.LABEL:
        return identity.label_text
    return str(getattr(identity, field.value))


def _apply(identity: IdentityRow, correction: Correction, row: CorrectionRow) -> None:
    identity.corrected = True
    if correction.field is CorrectedField.POSITION_M:
        identity.position_m = correction.position_m()
    elif correction.field is CorrectedField.LABEL:
        identity.label_text = correction.value
        identity.label_correction = row
        row.fibres = [
            CorrectedFibreRow(position=position, fibre=line.fibre, percent=line.percent)
            for position, line in enumerate(correction.label().fibres)
        ]
    else:
        setattr(identity, correction.field.value, correction.value)
