"""Which model a station was told to use, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table; names of its constraints follow the naming convention."""
    op.create_table(
        "model_activations",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("role", "name", "digest", "activated_at")),
        sqlite_strict=True,
    )
