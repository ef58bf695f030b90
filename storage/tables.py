"""The tables. Units end column names; times are UTC; hashes are SHA-256 in hex.

Facts (instruments, white references, acquisitions) are written once. Opinions (conclusions and
what hangs on them) are added beside earlier ones; the highest `sequence` is the current one.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, MetaData, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from storage.column_types import PLAIN_TEXT, REAL_NUMBER, WHOLE_NUMBER, Flag, Moment

# Every constraint has a name, or Alembic could not change it later.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
_STRICT = {"sqlite_strict": True}


class Base(DeclarativeBase):
    """What all tables share."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 the name and type are SQLAlchemy's
        str: PLAIN_TEXT,
        int: WHOLE_NUMBER,
        float: REAL_NUMBER,
        bool: Flag,
        datetime: Moment,
    }


class InstrumentRow(Base):
    """A physical device with one firmware."""

    __tablename__ = "instruments"
    __table_args__ = (UniqueConstraint("kind", "model", "serial", "firmware"), _STRICT)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    model: Mapped[str]
    serial: Mapped[str]
    firmware: Mapped[str]


class WhiteReferenceRow(Base):
    """A scan of a white tile; many acquisitions point at one."""

    __tablename__ = "white_references"
    __table_args__ = (UniqueConstraint("id"), Index(None, "instrument_id"), _STRICT)

    sequence: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str]
    source: Mapped[str]
    tile_id: Mapped[str]
    raw_format: Mapped[str]
    scan_sha256: Mapped[str]
    tile_reflectance_sha256: Mapped[str]
    instrument_id: Mapped[int] = mapped_column(ForeignKey("instruments.id"))
    taken_at: Mapped[datetime]

    instrument: Mapped[InstrumentRow] = relationship()


class AcquisitionRow(Base):
    """What the instruments said of one specimen."""

    __tablename__ = "acquisitions"
    __table_args__ = (
        UniqueConstraint("id"),
        CheckConstraint("number > 0", "number"),
        CheckConstraint("camera_expected IN (0, 1)", "camera_expected"),
        # A frame is there with all of its columns or not at all.
        CheckConstraint(
            "(camera_id IS NULL) + (image_sha256 IS NULL) + (image_width_px IS NULL)"
            " + (image_height_px IS NULL) + (um_per_pixel IS NULL) + (captured_at IS NULL)"
            " + (captured_monotonic_s IS NULL) + (image_repeats IS NULL) IN (0, 8)",
            "frame",
        ),
        Index(None, "specimen"),
        Index(None, "lot", "roll"),
        Index(None, "lot", "number"),
        Index(None, "accepted_at"),
        Index(None, "white_reference_sequence"),
        _STRICT,
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str]
    accepted_at: Mapped[datetime]
    facts_sha256: Mapped[str]
    specimen: Mapped[str]
    lot: Mapped[str]
    roll: Mapped[str]
    position_m: Mapped[float]
    label_text: Mapped[str | None]
    spectrometer_id: Mapped[int] = mapped_column(ForeignKey("instruments.id"))
    raw_format: Mapped[str]
    scan_sha256: Mapped[str]
    white_reference_sequence: Mapped[int | None] = mapped_column(ForeignKey("white_references.sequence"))
    triggered_at: Mapped[datetime]
    triggered_monotonic_s: Mapped[float]
    acquire_seconds: Mapped[float]
    camera_expected: Mapped[bool]
    camera_id: Mapped[int | None] = mapped_column(ForeignKey("instruments.id"))
    image_sha256: Mapped[str | None]
    image_width_px: Mapped[int | None]
    image_height_px: Mapped[int | None]
    um_per_pixel: Mapped[float | None]
    captured_at: Mapped[datetime | None]
    captured_monotonic_s: Mapped[float | None]
    image_repeats: Mapped[int | None]

    spectrometer: Mapped[InstrumentRow] = relationship(foreign_keys=[spectrometer_id])
    camera: Mapped[InstrumentRow | None] = relationship(foreign_keys=[camera_id])
    white: Mapped[WhiteReferenceRow | None] = relationship()
    declared_fibres: Mapped[list["DeclaredFibreRow"]] = relationship(order_by="DeclaredFibreRow.position")
    conclusions: Mapped[list["ConclusionRow"]] = relationship(
        order_by="ConclusionRow.sequence", back_populates="acquisition"
    )


class DeclaredFibreRow(Base):
    """One line of the declared label, as it was read when the specimen was measured."""

    __tablename__ = "declared_fibres"
    __table_args__ = (_STRICT,)

    acquisition_number: Mapped[int] = mapped_column(ForeignKey("acquisitions.number"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    fibre: Mapped[str]
    percent: Mapped[float]


class ConclusionRow(Base):
    """What one set of models and one tolerance made of an acquisition."""

    __tablename__ = "conclusions"
    __table_args__ = (
        UniqueConstraint("id"),
        CheckConstraint("outcome IN ('PASS', 'FAIL', 'REFER')", "outcome"),
        CheckConstraint(
            "(main_fibre IS NULL) + (novelty IS NULL) + (novelty_limit IS NULL) + (basis IS NULL)"
            " + (interval_coverage IS NULL) + (evidence_sha256 IS NULL) IN (0, 6)",
            "composition",
        ),
        CheckConstraint(
            "(cleaning_method IS NULL) + (filled_percent IS NULL) + (mask_sha256 IS NULL)"
            " + (fill_sha256 IS NULL) IN (0, 4)",
            "cleaned",
        ),
        Index(None, "acquisition_number", "sequence"),
        Index(None, "outcome", "acquisition_number"),
        _STRICT,
    )

    sequence: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str]
    acquisition_number: Mapped[int] = mapped_column(ForeignKey("acquisitions.number"))
    concluded_at: Mapped[datetime]
    infer_seconds: Mapped[float]
    software_version: Mapped[str]
    outcome: Mapped[str]
    main_fibre: Mapped[str | None]
    novelty: Mapped[float | None]
    novelty_limit: Mapped[float | None]
    basis: Mapped[str | None]
    interval_coverage: Mapped[float | None]
    evidence_sha256: Mapped[str | None]
    cleaning_method: Mapped[str | None]
    filled_percent: Mapped[float | None]
    mask_sha256: Mapped[str | None]
    fill_sha256: Mapped[str | None]
    tolerance_name: Mapped[str]
    tolerance_version: Mapped[str]
    tolerance_clause: Mapped[str]
    max_deviation_pp: Mapped[float]
    minor_component_percent: Mapped[float]
    minor_deviation_pp: Mapped[float]
    # None in conclusions of before rules had these
    trace_component_percent: Mapped[float | None]
    undeclared_limit_percent: Mapped[float | None]
    undeclared_limit_included: Mapped[bool | None]
    undeclared_left_out: Mapped[bool | None]
    label_basis: Mapped[str | None]

    acquisition: Mapped[AcquisitionRow] = relationship(back_populates="conclusions")
    shares: Mapped[list["FibreShareRow"]] = relationship(order_by="FibreShareRow.position")
    reasons: Mapped[list["ReasonRow"]] = relationship(order_by="ReasonRow.position")
    defects: Mapped[list["DefectRow"]] = relationship(order_by="DefectRow.position")
    models: Mapped[list["ConclusionModelRow"]] = relationship(order_by="ConclusionModelRow.position")
    reports: Mapped[list["ReportRow"]] = relationship(order_by="ReportRow.sequence")


class OpenWorkRow(Base):
    """What an accepted acquisition still needs: a conclusion, or a report of its current one.

    It follows from the other tables, but nobody wants to search years of them after each inspection.
    """

    __tablename__ = "open_work"
    __table_args__ = (CheckConstraint("needs IN ('conclusion', 'report')", "needs"), _STRICT)

    acquisition_number: Mapped[int] = mapped_column(
        ForeignKey("acquisitions.number"), primary_key=True, autoincrement=False
    )
    needs: Mapped[str]


class FibreShareRow(Base):
    """Share of one fibre with its prediction interval, in percent by mass on the conclusion's basis."""

    __tablename__ = "fibre_shares"
    __table_args__ = (
        CheckConstraint(
            "0 <= lo_percent AND lo_percent <= percent AND percent <= hi_percent AND hi_percent <= 100",
            "interval",
        ),
        _STRICT,
    )

    conclusion_sequence: Mapped[int] = mapped_column(ForeignKey("conclusions.sequence"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    fibre: Mapped[str]
    percent: Mapped[float]
    lo_percent: Mapped[float]
    hi_percent: Mapped[float]


class ReasonRow(Base):
    """One reason of a verdict."""

    __tablename__ = "reasons"
    __table_args__ = (_STRICT,)

    conclusion_sequence: Mapped[int] = mapped_column(ForeignKey("conclusions.sequence"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    subject: Mapped[str]
    figure: Mapped[float | None]
    figure_limit: Mapped[float | None]


class DefectRow(Base):
    """A fault of the fabric; its box in pixels of the image."""

    __tablename__ = "defects"
    __table_args__ = (_STRICT,)

    conclusion_sequence: Mapped[int] = mapped_column(ForeignKey("conclusions.sequence"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    x_px: Mapped[int]
    y_px: Mapped[int]
    width_px: Mapped[int]
    height_px: Mapped[int]
    area_mm2: Mapped[float]
    confidence: Mapped[float]
    severity: Mapped[str]


class ModelRow(Base):
    """A model or method that took part in a conclusion."""

    __tablename__ = "models"
    __table_args__ = (UniqueConstraint("role", "name", "digest"), _STRICT)

    id: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[str]
    name: Mapped[str]
    digest: Mapped[str]


class ModelActivationRow(Base):
    """That a person told the station to use a model; the newest of a role is the active one."""

    __tablename__ = "model_activations"
    __table_args__ = (_STRICT,)

    sequence: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[str]
    name: Mapped[str]
    digest: Mapped[str]
    activated_at: Mapped[datetime]


class ConclusionModelRow(Base):
    """Which models drew a conclusion."""

    __tablename__ = "conclusion_models"
    __table_args__ = (Index(None, "model_id"), _STRICT)

    conclusion_sequence: Mapped[int] = mapped_column(ForeignKey("conclusions.sequence"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"))

    model: Mapped[ModelRow] = relationship()


class ReportRow(Base):
    """A report that was written for a conclusion; the newest of a path is the one on disk."""

    __tablename__ = "reports"
    __table_args__ = (UniqueConstraint("conclusion_sequence", "path", "sha256"), _STRICT)

    sequence: Mapped[int] = mapped_column(primary_key=True)
    conclusion_sequence: Mapped[int] = mapped_column(ForeignKey("conclusions.sequence"))
    path: Mapped[str]
    language: Mapped[str]
    sha256: Mapped[str]
    recorded_at: Mapped[datetime]


class QuarantineRow(Base):
    """An accepted acquisition that could not become a row, and why; its file is kept."""

    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("file_name"), _STRICT)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    acquisition_id: Mapped[str] = mapped_column(primary_key=True)
    file_name: Mapped[str]
    reason: Mapped[str]
    quarantined_at: Mapped[datetime]


class StationEventRow(Base):
    """An alarm that came (active) or went, about a subject."""

    __tablename__ = "station_events"
    __table_args__ = (
        CheckConstraint("active IN (0, 1)", "active"),
        Index(None, "code", "subject", "sequence"),
        _STRICT,
    )

    sequence: Mapped[int] = mapped_column(primary_key=True)
    happened_at: Mapped[datetime]
    code: Mapped[str]
    subject: Mapped[str]
    active: Mapped[bool]
    message: Mapped[str]


class CalibrationScanRow(Base):
    """A scan that was taken to calibrate or check a spectrometer, and what it says of itself.

    That of a white reference has the reference's id.
    """

    __tablename__ = "calibration_scans"
    __table_args__ = (
        UniqueConstraint("id"),
        CheckConstraint("kind IN ('dark', 'white', 'check')", "kind"),
        Index(None, "instrument_id", "kind"),
        _STRICT,
    )

    sequence: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str]
    kind: Mapped[str]
    instrument_id: Mapped[int] = mapped_column(ForeignKey("instruments.id"))
    taken_at: Mapped[datetime]
    raw_format: Mapped[str]
    scan_sha256: Mapped[str]
    config_name: Mapped[str]
    scans_averaged: Mapped[int]
    pga_gain: Mapped[int]
    system_temperature_c: Mapped[float | None]
    detector_temperature_c: Mapped[float | None]
    humidity_percent: Mapped[float | None]
    lamp_photodiode_counts: Mapped[int | None]
    mean_dark_counts: Mapped[float]
    highest_dark_counts: Mapped[float]
    highest_counts: Mapped[float]

    instrument: Mapped[InstrumentRow] = relationship()


class CheckRunRow(Base):
    """A check of a spectrometer against a standard."""

    __tablename__ = "check_runs"
    __table_args__ = (
        CheckConstraint("kind IN ('tile', 'wavelength')", "kind"),
        CheckConstraint("in_control IN (0, 1)", "in_control"),
        _STRICT,
    )

    scan_sequence: Mapped[int] = mapped_column(
        ForeignKey("calibration_scans.sequence"), primary_key=True, autoincrement=False
    )
    kind: Mapped[str]
    standard_id: Mapped[str]
    white_reference_sequence: Mapped[int] = mapped_column(ForeignKey("white_references.sequence"))
    in_control: Mapped[bool]

    scan: Mapped[CalibrationScanRow] = relationship()
    values: Mapped[list["CheckValueRow"]] = relationship(order_by="CheckValueRow.position")


class CheckValueRow(Base):
    """One figure of a check: reflectance of a band of the tile, or place of a peak; NULL if not found."""

    __tablename__ = "check_values"
    __table_args__ = (_STRICT,)

    scan_sequence: Mapped[int] = mapped_column(ForeignKey("check_runs.scan_sequence"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    position_nm: Mapped[float]
    certified: Mapped[float]
    measured: Mapped[float | None]
    rule: Mapped[str]


class ControlResetRow(Base):
    """That a person said that a spectrometer may be trusted again, and why."""

    __tablename__ = "control_resets"
    __table_args__ = (Index(None, "serial", "sequence"), _STRICT)

    sequence: Mapped[int] = mapped_column(primary_key=True)
    serial: Mapped[str]
    who: Mapped[str]
    why: Mapped[str]
    reset_at: Mapped[datetime]


class ReconnectionRow(Base):
    """That a spectrometer was lost and found again."""

    __tablename__ = "reconnections"
    __table_args__ = (Index(None, "serial", "reconnected_at"), _STRICT)

    sequence: Mapped[int] = mapped_column(primary_key=True)
    serial: Mapped[str]
    reconnected_at: Mapped[datetime]
