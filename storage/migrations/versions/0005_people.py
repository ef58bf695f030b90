"""Who may use the station, what they signed and which alarms they took on."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_ROLES = "role IN ('operator', 'qa', 'engineer', 'admin')"


def upgrade() -> None:
    """Views are drawn anew by every migration; tables of this revision are created here."""
    _create_people()
    _create_signatures()
    _index_the_pages()
    _create_alarm_transitions()


def _create_people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        *_texts("name", "role", "password_hash"),
        sa.Column("disabled", sa.Integer, nullable=False),
        *_texts("added_at"),
        sa.UniqueConstraint("name"),
        sa.CheckConstraint(_ROLES, "role"),
        sa.CheckConstraint("disabled IN (0, 1)", "disabled"),
        sqlite_strict=True,
    )
    op.create_table(
        "sessions",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *_texts("secret_sha256"),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
        *_texts("opened_at", "expires_at"),
        sa.Column("closed_at", sa.Text),
        sa.UniqueConstraint("secret_sha256"),
        sqlite_strict=True,
    )
    op.create_index(None, "sessions", ["user_id"])
    op.create_table(
        "api_tokens",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *_texts("name", "role", "secret_sha256", "issued_by", "issued_at"),
        sa.Column("revoked_at", sa.Text),
        sa.UniqueConstraint("secret_sha256"),
        sa.CheckConstraint(_ROLES, "role"),
        sqlite_strict=True,
    )


def _create_signatures() -> None:
    op.create_table(
        "signatures",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("conclusion_sequence", sa.Integer, sa.ForeignKey("conclusions.sequence"), nullable=False),
        *_texts("who", "meaning", "signed_at"),
        sa.CheckConstraint("meaning IN ('reviewed', 'approved')", "meaning"),
        sqlite_strict=True,
    )
    op.create_index(None, "signatures", ["conclusion_sequence"])


def _index_the_pages() -> None:
    """The list of inspections is read from the newest back, of one lot or of one verdict."""
    op.create_index(None, "acquisitions", ["lot", "number"])
    op.create_index(None, "conclusions", ["outcome", "acquisition_number"])


def _create_alarm_transitions() -> None:
    """What was done about alarms; that they came and went is in `station_events`."""
    op.create_table(
        "alarm_transitions",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("raised_sequence", sa.Integer, sa.ForeignKey("station_events.sequence"), nullable=False),
        *_texts("state", "code", "who", "why", "happened_at"),
        sa.CheckConstraint("state IN ('acknowledged', 'escalated')", "state"),
        sqlite_strict=True,
    )
    op.create_index(None, "alarm_transitions", ["raised_sequence"])


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]
