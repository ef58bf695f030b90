"""The first entries of the ledger: one for each row that there is already, as it is from now on."""

from datetime import UTC, datetime

from alembic import op

from storage.ledger import begin_ledger

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Begin the ledger after the last table and column of this version has its place."""
    begin_ledger(op.get_bind(), datetime.now(UTC))
