"""Orders and defects of rolls, and which evidence may go or is held."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Views are drawn anew by every migration; tables of this revision are created here."""
    _extend_rules()
    _create_roll_orders()
    _create_retention()
    _create_period_reports()
    _create_uncleaned_shares()


def _extend_rules() -> None:
    """Keep all that a rule says with each conclusion; those of before have nothing to say here."""
    for name, kind in (
        ("trace_component_percent", sa.REAL),
        ("undeclared_limit_percent", sa.REAL),
        ("undeclared_limit_included", sa.Integer),
        ("undeclared_left_out", sa.Integer),
        ("label_basis", sa.Text),
    ):
        op.add_column("conclusions", sa.Column(name, kind))


def _create_roll_orders() -> None:
    names = ("order_id", "lot", "roll", "label_text", "ordered_by", "ordered_at")
    op.create_table(
        "roll_orders",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in names),
        sa.UniqueConstraint("order_id"),
        sa.UniqueConstraint("lot", "roll"),
        sqlite_strict=True,
    )


def _create_retention() -> None:
    op.create_table(
        "retired_contents",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("sha256", "path", "kind")),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("rule", "retired_at")),
        sa.CheckConstraint("kind IN ('raw', 'image', 'report')", "kind"),
        sqlite_strict=True,
    )
    op.create_index(None, "retired_contents", ["sha256"])
    op.create_table(
        "lot_holds",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("lot", sa.Text, nullable=False),
        sa.Column("held", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("who", "why", "decided_at")),
        sa.CheckConstraint("held IN (0, 1)", "held"),
        sqlite_strict=True,
    )
    op.create_index(None, "lot_holds", ["lot", "sequence"])


def _create_period_reports() -> None:
    names = ("kind", "subject", "path", "language", "sha256", "recorded_at")
    op.create_table(
        "period_reports",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in names),
        sa.CheckConstraint("kind IN ('lot', 'day')", "kind"),
        sa.UniqueConstraint("path", "sha256"),
        sqlite_strict=True,
    )
    op.create_index(None, "period_reports", ["kind", "subject"])


def _create_uncleaned_shares() -> None:
    op.create_table(
        "uncleaned_shares",
        sa.Column("conclusion_sequence", sa.Integer, sa.ForeignKey("conclusions.sequence"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("fibre", sa.Text, nullable=False),
        *(sa.Column(name, sa.REAL, nullable=False) for name in ("percent", "lo_percent", "hi_percent")),
        sa.CheckConstraint(
            "0 <= lo_percent AND lo_percent <= percent AND percent <= hi_percent AND hi_percent <= 100",
            "interval",
        ),
        sa.UniqueConstraint("conclusion_sequence", "fibre"),
        sqlite_strict=True,
    )
