"""The tables of what waits to be sent."""

from datetime import datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables import Base


class OutboxRow(Base):
    """A message, until every destination has it."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("message_id"),
        CheckConstraint("kind IN ('result', 'alarm', 'ledger')", "kind"),
        {"sqlite_strict": True},
    )

    sequence: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    message_id: Mapped[str]
    payload: Mapped[str]
    created_at: Mapped[datetime]


class OutboxPositionRow(Base):
    """How far a destination has come: it has every message up to this one."""

    __tablename__ = "outbox_positions"
    __table_args__ = ({"sqlite_strict": True},)

    destination: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int]
