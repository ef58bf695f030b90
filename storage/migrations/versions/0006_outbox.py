"""What waits to be sent to the plant and its messages, and what laboratories answered."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Views are drawn anew by every migration; tables of this revision are created here."""
    _create_lab_results()
    _create_outbox()


def _create_lab_results() -> None:
    names = ("specimen", "method", "laboratory", "measured_on")
    op.create_table(
        "lab_results",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in names),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("basis", "file_sha256", "imported_by", "imported_at")
        ),
        sa.UniqueConstraint(*names),
        sqlite_strict=True,
    )
    op.create_table(
        "lab_shares",
        sa.Column("result_sequence", sa.Integer, sa.ForeignKey("lab_results.sequence"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("fibre", sa.Text, nullable=False),
        sa.Column("percent", sa.REAL, nullable=False),
        sa.PrimaryKeyConstraint("result_sequence", "position"),
        sa.CheckConstraint("0 <= percent AND percent <= 100", "percent"),
        sa.UniqueConstraint("result_sequence", "fibre"),
        sqlite_strict=True,
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("kind", "message_id", "payload", "created_at")
        ),
        sa.UniqueConstraint("message_id"),
        sa.CheckConstraint("kind IN ('result', 'alarm', 'ledger')", "kind"),
        sqlite_strict=True,
    )
    op.create_table(
        "outbox_positions",
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("destination"),
        sqlite_strict=True,
    )
