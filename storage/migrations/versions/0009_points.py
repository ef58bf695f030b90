"""Points of rolls with a limit for each rule: views only, which every migration makes anew."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Change no table."""
