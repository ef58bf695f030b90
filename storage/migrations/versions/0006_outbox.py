"""What waits to be sent to the plant and its messages, and what laboratories answered."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Views are drawn anew by every migration; tables of this revision are created here."""
