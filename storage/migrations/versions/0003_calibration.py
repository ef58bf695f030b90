"""What spectrometers were calibrated and checked with, when they were found again, and who reset a chart."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables. References of before get no row of conditions; their raw scans say them."""
    _create_scans()
    _create_checks()
    op.create_table(
        "control_resets",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *_texts("serial", "who", "why", "reset_at"),
        sqlite_strict=True,
    )
    op.create_index(None, "control_resets", ["serial", "sequence"])
    op.create_table(
        "reconnections",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *_texts("serial", "reconnected_at"),
        sqlite_strict=True,
    )
    op.create_index(None, "reconnections", ["serial", "reconnected_at"])


def _create_scans() -> None:
    op.create_table(
        "calibration_scans",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *_texts("id", "kind"),
        sa.Column("instrument_id", sa.Integer, sa.ForeignKey("instruments.id"), nullable=False),
        *_texts("taken_at", "raw_format", "scan_sha256", "config_name"),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("scans_averaged", "pga_gain")),
        *(_real(name) for name in ("system_temperature_c", "detector_temperature_c", "humidity_percent")),
        sa.Column("lamp_photodiode_counts", sa.Integer),
        *(_real(name, False) for name in ("mean_dark_counts", "highest_dark_counts", "highest_counts")),
        sa.UniqueConstraint("id"),
        sa.CheckConstraint("kind IN ('dark', 'white', 'check')", "kind"),
        sqlite_strict=True,
    )
    op.create_index(None, "calibration_scans", ["instrument_id", "kind"])


def _create_checks() -> None:
    op.create_table(
        "check_runs",
        sa.Column("scan_sequence", sa.Integer, sa.ForeignKey("calibration_scans.sequence"), nullable=False),
        *_texts("kind", "standard_id"),
        sa.Column(
            "white_reference_sequence", sa.Integer, sa.ForeignKey("white_references.sequence"), nullable=False
        ),
        sa.Column("in_control", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("scan_sequence"),
        sa.CheckConstraint("kind IN ('tile', 'wavelength')", "kind"),
        sa.CheckConstraint("in_control IN (0, 1)", "in_control"),
        sqlite_strict=True,
    )
    op.create_table(
        "check_values",
        sa.Column("scan_sequence", sa.Integer, sa.ForeignKey("check_runs.scan_sequence"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        *(_real(name, False) for name in ("position_nm", "certified")),
        _real("measured"),
        *_texts("rule"),
        sa.PrimaryKeyConstraint("scan_sequence", "position"),
        sqlite_strict=True,
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _real(name: str, nullable: bool = True) -> sa.Column[float]:
    return sa.Column(name, sa.REAL, nullable=nullable)
