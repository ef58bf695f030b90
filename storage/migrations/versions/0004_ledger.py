"""The ledger that binds every record to the one before it."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Views are drawn anew by every migration; tables of this revision are created here."""
