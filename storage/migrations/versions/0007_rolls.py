"""Orders and defects of rolls, and which evidence may go or is held."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Views are drawn anew by every migration; tables of this revision are created here."""
    _create_roll_orders()


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
