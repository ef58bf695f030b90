"""The ledger that binds every record to the one before it."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from storage.ledger import begin_ledger

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table and its first entry; rows that are there already get theirs."""
    _create_ledger()
    begin_ledger(op.get_bind(), datetime.now(UTC))


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


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]
