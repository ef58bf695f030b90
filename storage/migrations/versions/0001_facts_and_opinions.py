"""The first tables: facts of the instruments, opinions of the models, and the station's events."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables; names of keys and constraints follow the naming convention."""
    _create_facts()
    _create_conclusions()
    _create_parts_of_conclusions()
    _create_station_tables()


def _create_facts() -> None:
    _table(
        "instruments",
        *_texts("kind", "model", "serial", "firmware"),
        sa.UniqueConstraint("kind", "model", "serial", "firmware"),
        key="id",
    )
    _table(
        "white_references",
        *_texts("id", "source", "tile_id", "raw_format", "scan_sha256", "tile_reflectance_sha256"),
        _reference("instrument_id", "instruments.id"),
        *_texts("taken_at"),
        sa.UniqueConstraint("id"),
        key="sequence",
    )
    op.create_index(None, "white_references", ["instrument_id"])
    _create_acquisitions()
    _table(
        "declared_fibres",
        _reference("acquisition_number", "acquisitions.number"),
        _integer("position"),
        *_texts("fibre"),
        *_reals("percent"),
        sa.PrimaryKeyConstraint("acquisition_number", "position"),
    )


def _create_acquisitions() -> None:
    frame = (
        "camera_id", "image_sha256", "image_width_px", "image_height_px", "um_per_pixel", "captured_at",
        "captured_monotonic_s", "image_repeats",
    )  # fmt: skip
    _table(
        "acquisitions",
        *_texts("id", "accepted_at", "facts_sha256", "specimen", "lot", "roll"),
        *_reals("position_m"),
        _text("label_text", nullable=True),
        _reference("spectrometer_id", "instruments.id"),
        *_texts("raw_format", "scan_sha256"),
        _reference("white_reference_sequence", "white_references.sequence", nullable=True),
        *_texts("triggered_at"),
        *_reals("triggered_monotonic_s", "acquire_seconds"),
        _integer("camera_expected"),
        _reference("camera_id", "instruments.id", nullable=True),
        _text("image_sha256", nullable=True),
        _integer("image_width_px", nullable=True),
        _integer("image_height_px", nullable=True),
        _real("um_per_pixel", nullable=True),
        _text("captured_at", nullable=True),
        _real("captured_monotonic_s", nullable=True),
        _integer("image_repeats", nullable=True),
        sa.UniqueConstraint("id"),
        sa.CheckConstraint("number > 0", "number"),
        sa.CheckConstraint("camera_expected IN (0, 1)", "camera_expected"),
        sa.CheckConstraint(_all_or_none(frame), "frame"),
        key="number",
    )
    for columns in (["specimen"], ["lot", "roll"], ["accepted_at"], ["white_reference_sequence"]):
        op.create_index(None, "acquisitions", columns)


def _create_conclusions() -> None:
    composition = (
        "main_fibre", "novelty", "novelty_limit", "basis", "interval_coverage", "evidence_sha256",
    )  # fmt: skip
    cleaned = ("cleaning_method", "filled_percent", "mask_sha256", "fill_sha256")
    _table(
        "conclusions",
        *_texts("id"),
        _reference("acquisition_number", "acquisitions.number"),
        *_texts("concluded_at"),
        *_reals("infer_seconds"),
        *_texts("software_version", "outcome"),
        _text("main_fibre", nullable=True),
        _real("novelty", nullable=True),
        _real("novelty_limit", nullable=True),
        _text("basis", nullable=True),
        _real("interval_coverage", nullable=True),
        _text("evidence_sha256", nullable=True),
        _text("cleaning_method", nullable=True),
        _real("filled_percent", nullable=True),
        _text("mask_sha256", nullable=True),
        _text("fill_sha256", nullable=True),
        *_texts("tolerance_name", "tolerance_version", "tolerance_clause"),
        *_reals("max_deviation_pp", "minor_component_percent", "minor_deviation_pp"),
        sa.UniqueConstraint("id"),
        sa.CheckConstraint("outcome IN ('PASS', 'FAIL', 'REFER')", "outcome"),
        sa.CheckConstraint(_all_or_none(composition), "composition"),
        sa.CheckConstraint(_all_or_none(cleaned), "cleaned"),
        key="sequence",
    )
    op.create_index(None, "conclusions", ["acquisition_number", "sequence"])


def _create_parts_of_conclusions() -> None:
    _part(
        "fibre_shares",
        *_texts("fibre"),
        *_reals("percent", "lo_percent", "hi_percent"),
        sa.CheckConstraint(
            "0 <= lo_percent AND lo_percent <= percent AND percent <= hi_percent AND hi_percent <= 100",
            "interval",
        ),
    )
    _part("reasons", *_texts("code", "subject"), _real("figure", True), _real("figure_limit", True))
    boxes = [_integer(name) for name in ("x_px", "y_px", "width_px", "height_px")]
    _part("defects", *_texts("kind"), *boxes, *_reals("area_mm2", "confidence"), *_texts("severity"))
    _table(
        "models",
        *_texts("role", "name", "digest"),
        sa.UniqueConstraint("role", "name", "digest"),
        key="id",
    )
    _part("conclusion_models", _reference("model_id", "models.id"))
    op.create_index(None, "conclusion_models", ["model_id"])
    _table(
        "reports",
        _reference("conclusion_sequence", "conclusions.sequence"),
        *_texts("path", "language", "sha256", "recorded_at"),
        sa.UniqueConstraint("conclusion_sequence", "path", "sha256"),
        key="sequence",
    )


def _create_station_tables() -> None:
    _table(
        "open_work",
        _reference("acquisition_number", "acquisitions.number"),
        *_texts("needs"),
        sa.PrimaryKeyConstraint("acquisition_number"),
        sa.CheckConstraint("needs IN ('conclusion', 'report')", "needs"),
    )
    _table(
        "quarantine",
        _integer("number"),
        *_texts("acquisition_id", "file_name", "reason", "quarantined_at"),
        sa.PrimaryKeyConstraint("number", "acquisition_id"),
        sa.UniqueConstraint("file_name"),
    )
    _table(
        "station_events",
        *_texts("happened_at", "code", "subject"),
        _integer("active"),
        *_texts("message"),
        sa.CheckConstraint("active IN (0, 1)", "active"),
        key="sequence",
    )
    op.create_index(None, "station_events", ["code", "subject", "sequence"])


def _part(name: str, *columns: Any) -> None:
    """Create a table whose rows belong, in order, to a conclusion."""
    _table(
        name,
        _reference("conclusion_sequence", "conclusions.sequence"),
        _integer("position"),
        *columns,
        sa.PrimaryKeyConstraint("conclusion_sequence", "position"),
    )


def _table(name: str, *items: Any, key: str | None = None) -> None:
    first = (_integer(key), sa.PrimaryKeyConstraint(key)) if key else ()
    op.create_table(name, *first, *items, sqlite_strict=True)


def _text(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [_text(name) for name in names]


def _real(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.REAL, nullable=nullable)


def _reals(*names: str) -> list[sa.Column[Any]]:
    return [_real(name) for name in names]


def _integer(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=nullable)


def _reference(name: str, target: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(target), nullable=nullable)


def _all_or_none(columns: tuple[str, ...]) -> str:
    if op.get_bind().dialect.name == "postgresql":
        return f"num_nulls({', '.join(columns)}) IN (0, {len(columns)})"
    return " + ".join(f"({column} IS NULL)" for column in columns) + f" IN (0, {len(columns)})"
