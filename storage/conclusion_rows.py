"""Conclusions to rows and back."""

import math
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from qc_daemon.domain.composition import Composition, Evidence, FibreShare
from qc_daemon.domain.errors import IntegrityError
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.inspection import Conclusion, Defect, ModelVersion
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import Tolerance
from qc_daemon.domain.verdict import Outcome, Verdict
from storage.conclusion_contents import ConclusionContents, cleaned_image, evidence_from_npz
from storage.conclusion_grounds import settings_of, settings_sequence
from storage.correction_tables import IdentityRow
from storage.covered_rows import KnownRows, add_covered
from storage.facts import ReadContent, content_sha256
from storage.ground_tables import ConclusionGroundRow
from storage.ledger_content import Values
from storage.tables import (
    AcquisitionRow,
    ConclusionModelRow,
    ConclusionRow,
    DefectRow,
    FibreShareRow,
    ModelRow,
    ReasonRow,
)
from storage.uncleaned_rows import uncleaned_of
from storage.uncleaned_tables import UncleanedShareRow

_DRAWN = select(ConclusionRow.sequence).where(ConclusionRow.acquisition_number == bindparam("number"))
# Made once, for making it takes longer than SQLite does.
_JUDGED = (
    select(
        AcquisitionRow.number,
        AcquisitionRow.id,
        AcquisitionRow.image_width_px,
        AcquisitionRow.image_height_px,
        AcquisitionRow.um_per_pixel,
        IdentityRow.label_correction_sequence,
        (~_DRAWN.exists()).label("is_first"),
        _DRAWN.where(ConclusionRow.id == bindparam("conclusion")).exists().label("is_drawn"),
    )
    .join(IdentityRow, IdentityRow.acquisition_number == AcquisitionRow.number)
    .where(AcquisitionRow.number == bindparam("number"))
)


def judged_acquisition(session: Session, number: int, conclusion_id: str) -> Row[*tuple[Any, ...]] | None:
    """Return what a conclusion has to do with its acquisition; None if there is none of that number.

    Beside its identity, image and label: `is_first`, whether it has no conclusion yet, and `is_drawn`,
    whether it has this one already.
    """
    wanted = {"number": number, "conclusion": conclusion_id}
    return session.connection().execute(_JUDGED, wanted).one_or_none()


def add_conclusion_rows(
    session: Session, known: KnownRows, about: Row[Any], conclusion: Conclusion, contents: ConclusionContents
) -> int:
    """Add the rows of a conclusion about `judged_acquisition`, with its models and settings if they are new.

    Returns:
        its sequence.

    Raises:
        IntegrityError: it is about another acquisition or another image, or a figure is not a number.
    """
    _require_belonging(about, conclusion)
    composition = conclusion.composition
    values = (
        {
            "id": conclusion.id,
            "acquisition_number": about.number,
            "concluded_at": conclusion.concluded_at,
            "infer_seconds": float(conclusion.infer_seconds),
            "software_version": conclusion.software_version,
            "outcome": conclusion.verdict.outcome.value,
        }
        | _tolerance_values(conclusion.tolerance)
        | _content_values(contents)
        | (_composition_values(composition) if composition else {})
        | (_cleaning_values(conclusion.cleaned) if conclusion.cleaned else {})
    )
    models = [known.key_of(session, model, _model_id) for model in conclusion.models]
    parts = {
        FibreShareRow: [_share_values(share) for share in (composition.shares if composition else ())],
        ReasonRow: [_reason_values(reason) for reason in conclusion.verdict.reasons],
        DefectRow: [_defect_values(defect) for defect in conclusion.defects],
        ConclusionModelRow: [{"model_id": model} for model in models],
        UncleanedShareRow: [_share_values(share) for share in conclusion.uncleaned],
        ConclusionGroundRow: [_ground_values(session, known, about, conclusion.settings)],
    }
    return add_covered(session, ConclusionRow, values, parts)


def conclusion_of(
    row: ConclusionRow, frame: Frame | None, read: ReadContent, *, without_image: bool = False
) -> Conclusion:
    """Return the conclusion that a row was made of; `frame` is that of its acquisition.

    One that retention let go leaves the conclusion `without_image`.

    Raises:
        IntegrityError: a content is missing or damaged.
    """
    composition = None
    if row.evidence_sha256 is not None:
        composition = composition_of(row, evidence_from_npz(read(row.evidence_sha256)))
    return Conclusion(
        id=row.id,
        acquisition_id=row.acquisition.id,
        composition=composition,
        cleaned=None if without_image else _cleaned_of(row, frame, read),
        defects=tuple(_defect_of(part) for part in row.defects),
        tolerance=tolerance_of(row),
        verdict=verdict_of(row),
        models=tuple(
            ModelVersion(part.model.role, part.model.name, part.model.digest) for part in row.models
        ),
        software_version=row.software_version,
        concluded_at=row.concluded_at,
        infer_seconds=row.infer_seconds,
        settings=settings_of(row),
        uncleaned=uncleaned_of(row),
    )


def composition_of(row: ConclusionRow, evidence: Evidence) -> Composition:
    """Return the composition of a conclusion that has one; raises as `composition_from` does."""
    return composition_from(row, row.shares, evidence)


def composition_from(
    row: ConclusionRow | Row[Any], shares: Iterable[FibreShareRow | Row[Any]], evidence: Evidence
) -> Composition:
    """Return the composition of a conclusion that has one (`evidence_sha256` is set).

    Raises:
        ValueError: its shares are not a composition.
    """
    # The table's check allows a composition only with all of its columns.
    assert row.main_fibre is not None and row.basis is not None and row.interval_coverage is not None
    assert row.novelty is not None and row.novelty_limit is not None
    return Composition(
        shares=tuple(
            FibreShare(part.fibre, part.percent, part.lo_percent, part.hi_percent) for part in shares
        ),
        main_fibre=row.main_fibre,
        novelty=row.novelty,
        novelty_limit=row.novelty_limit,
        basis=row.basis,
        interval_coverage=row.interval_coverage,
        evidence=evidence,
    )


def tolerance_of(row: ConclusionRow | Row[Any]) -> Tolerance:
    """Return the rule that a conclusion was judged by."""
    return Tolerance(
        name=row.tolerance_name,
        version=row.tolerance_version,
        clause=row.tolerance_clause,
        max_deviation_pp=row.max_deviation_pp,
        minor_component_percent=row.minor_component_percent,
        minor_deviation_pp=row.minor_deviation_pp,
        trace_component_percent=row.trace_component_percent or 0.0,
        undeclared_limit_percent=row.undeclared_limit_percent,
        undeclared_limit_included=row.undeclared_limit_included is not False,
        undeclared_left_out=bool(row.undeclared_left_out),
        basis=row.label_basis or "",
    )


def verdict_of(row: ConclusionRow) -> Verdict:
    """Return the verdict of a conclusion."""
    return verdict_from(row.outcome, row.reasons)


def verdict_from(outcome: str, reasons: Iterable[ReasonRow | Row[Any]]) -> Verdict:
    """Return the verdict of that outcome and those reasons; raises ValueError for unknown codes."""
    given = (Reason(ReasonCode(part.code), part.subject, part.figure, part.figure_limit) for part in reasons)
    return Verdict(Outcome(outcome), tuple(given))


def _require_belonging(about: Row[Any], conclusion: Conclusion) -> None:
    if about.id != conclusion.acquisition_id:
        raise IntegrityError(
            f"conclusion {conclusion.id} is about acquisition {conclusion.acquisition_id},"
            f" but number {about.number} is {about.id}"
        )
    cleaned = conclusion.cleaned
    if cleaned is None:
        return
    image = (about.image_height_px, about.image_width_px, about.um_per_pixel)
    if image != (*cleaned.debris_mask.shape, cleaned.um_per_pixel):
        raise IntegrityError(
            f"conclusion {conclusion.id}: its cleaned image is not that of acquisition {about.number}"
        )


def _tolerance_values(tolerance: Tolerance) -> Values:
    return {
        "tolerance_name": tolerance.name,
        "tolerance_version": tolerance.version,
        "tolerance_clause": tolerance.clause,
        "max_deviation_pp": float(tolerance.max_deviation_pp),
        "minor_component_percent": float(tolerance.minor_component_percent),
        "minor_deviation_pp": float(tolerance.minor_deviation_pp),
        "trace_component_percent": float(tolerance.trace_component_percent),
        "undeclared_limit_percent": tolerance.undeclared_limit_percent,
        "undeclared_limit_included": tolerance.undeclared_limit_included,
        "undeclared_left_out": tolerance.undeclared_left_out,
        "label_basis": tolerance.basis,
    }


def _content_values(contents: ConclusionContents) -> Values:
    return {
        f"{name}_sha256": None if content is None else content_sha256(content)
        for name, content in (
            ("evidence", contents.evidence),
            ("mask", contents.mask),
            ("fill", contents.fill),
        )
    }


def _composition_values(composition: Composition) -> Values:
    return {
        "main_fibre": composition.main_fibre,
        "novelty": _number(composition.novelty, "novelty"),
        "novelty_limit": _number(composition.novelty_limit, "novelty_limit"),
        "basis": composition.basis,
        "interval_coverage": _number(composition.interval_coverage, "interval_coverage"),
    }


def _cleaning_values(cleaned: CleanedImage) -> Values:
    return {"cleaning_method": cleaned.method, "filled_percent": float(cleaned.filled_percent)}


def _share_values(share: FibreShare) -> Values:
    return {
        "fibre": share.fibre,
        "percent": float(share.percent),
        "lo_percent": float(share.lo),
        "hi_percent": float(share.hi),
    }


def _ground_values(session: Session, known: KnownRows, about: Row[Any], settings: str) -> Values:
    """Return by what a conclusion is drawn.

    The label is the one that its acquisition has now: who draws conclusions is the one who writes.
    """
    return {
        "settings_sequence": known.key_of(session, settings, settings_sequence) if settings else None,
        "label_correction_sequence": about.label_correction_sequence,
    }


def _cleaned_of(row: ConclusionRow, frame: Frame | None, read: ReadContent) -> CleanedImage | None:
    if row.mask_sha256 is None:
        return None
    assert row.fill_sha256 is not None and row.cleaning_method is not None
    if frame is None:
        raise IntegrityError(f"conclusion {row.id} has a cleaned image, but its acquisition has no image")
    mask, fill = read(row.mask_sha256), read(row.fill_sha256)
    return cleaned_image(frame.pixels, mask, fill, frame.um_per_pixel, row.cleaning_method)


def _reason_values(reason: Reason) -> Values:
    value, limit = (
        None if figure is None else _number(figure, f"reason {reason.code}")
        for figure in (reason.value, reason.limit)
    )
    return {
        "code": reason.code.value,
        "subject": reason.subject,
        "figure": value,
        "figure_limit": limit,
    }


def _defect_values(defect: Defect) -> Values:
    return {
        "kind": defect.kind,
        "x_px": int(defect.x_px),
        "y_px": int(defect.y_px),
        "width_px": int(defect.width_px),
        "height_px": int(defect.height_px),
        "area_mm2": _number(defect.area_mm2, "area_mm2"),
        "confidence": _number(defect.confidence, "confidence"),
        "severity": defect.severity,
    }


def _defect_of(row: DefectRow) -> Defect:
    return Defect(
        kind=row.kind,
        x_px=row.x_px,
        y_px=row.y_px,
        width_px=row.width_px,
        height_px=row.height_px,
        area_mm2=row.area_mm2,
        confidence=row.confidence,
        severity=row.severity,
    )


def _model_id(session: Session, model: ModelVersion) -> int:
    wanted = {"role": model.role, "name": model.name, "digest": model.digest}
    row = session.scalar(select(ModelRow).filter_by(**wanted))
    if row is None:
        row = ModelRow(**wanted)
        session.add(row)
        session.flush()
    return row.id


def _number(value: float, name: str) -> float:
    """Return `value` as a float; SQLite would turn NaN into NULL without a word."""
    if math.isnan(value):
        raise IntegrityError(f"{name} of a conclusion is NaN, expected a number")
    return float(value)
