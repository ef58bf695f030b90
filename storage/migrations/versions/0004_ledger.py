"""The ledger that binds every record to the one before it; corrections; by what conclusions were drawn."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables; the ledger begins when all tables of this version are there (0008)."""
    _create_corrections()
    _create_identities()
    _create_grounds()
    _create_ledger()


def _create_ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("sequence", sa.Integer, autoincrement=False, nullable=False),
        *_texts("previous_sha256", "kind", "subject", "recorded_at", "actor"),
        sa.Column("table_name", sa.Text),
        sa.Column("row_key", sa.Integer),
        sa.Column("content", sa.Text),
        *_texts("content_sha256", "sha256"),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("sha256"),
        sa.CheckConstraint("(table_name IS NULL) = (row_key IS NULL)", "row"),
        sa.CheckConstraint("(table_name IS NULL) <> (content IS NULL)", "content"),
        sqlite_strict=True,
    )
    op.create_index(None, "ledger", ["table_name", "row_key", "sequence"])


def _create_corrections() -> None:
    op.create_table(
        "corrections",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("acquisition_number", sa.Integer, sa.ForeignKey("acquisitions.number"), nullable=False),
        *_texts("field"),
        sa.Column("old_value", sa.Text),
        *_texts("value", "who", "why", "corrected_at"),
        sa.CheckConstraint("field IN ('specimen', 'lot', 'roll', 'position_m', 'label')", "field"),
        sqlite_strict=True,
    )
    op.create_index(None, "corrections", ["acquisition_number", "sequence"])
    op.create_table(
        "corrected_fibres",
        sa.Column("correction_sequence", sa.Integer, sa.ForeignKey("corrections.sequence"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        *_texts("fibre"),
        sa.Column("percent", sa.REAL, nullable=False),
        sa.PrimaryKeyConstraint("correction_sequence", "position"),
        sqlite_strict=True,
    )


def _create_identities() -> None:
    op.create_table(
        "identities",
        sa.Column("acquisition_number", sa.Integer, sa.ForeignKey("acquisitions.number"), nullable=False),
        *_texts("specimen", "lot", "roll"),
        sa.Column("position_m", sa.REAL, nullable=False),
        sa.Column("label_text", sa.Text),
        sa.Column("corrected", sa.Integer, nullable=False),
        sa.Column("label_correction_sequence", sa.Integer, sa.ForeignKey("corrections.sequence")),
        sa.PrimaryKeyConstraint("acquisition_number"),
        sa.CheckConstraint("corrected IN (0, 1)", "corrected"),
        sqlite_strict=True,
    )
    op.create_index(None, "identities", ["lot", "roll"])
    op.create_index(None, "identities", ["specimen"])
    op.execute(
        "INSERT INTO identities"
        " SELECT number, specimen, lot, roll, position_m, label_text, 0, NULL FROM acquisitions"
    )


def _create_grounds() -> None:
    op.create_table(
        "judge_settings",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *_texts("sha256", "settings"),
        sa.UniqueConstraint("sha256"),
        sqlite_strict=True,
    )
    op.create_table(
        "conclusion_grounds",
        sa.Column("conclusion_sequence", sa.Integer, sa.ForeignKey("conclusions.sequence"), nullable=False),
        sa.Column("settings_sequence", sa.Integer, sa.ForeignKey("judge_settings.sequence")),
        sa.Column("label_correction_sequence", sa.Integer, sa.ForeignKey("corrections.sequence")),
        sa.PrimaryKeyConstraint("conclusion_sequence"),
        sqlite_strict=True,
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]
