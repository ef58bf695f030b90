"""The tables of what retention let go, and of the lots that it must leave alone."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables import Base

_STRICT = {"sqlite_strict": True}


class RetiredContentRow(Base):
    """Bytes that are gone while their hash stays: when they went and by which rule.

    `path` is inside the station folder.
    """

    __tablename__ = "retired_contents"
    __table_args__ = (
        CheckConstraint("kind IN ('raw', 'image', 'report')", "kind"),
        Index(None, "sha256"),
        _STRICT,
    )

    sequence: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    path: Mapped[str]
    kind: Mapped[str]
    size_bytes: Mapped[int]
    rule: Mapped[str]
    retired_at: Mapped[datetime]


class LotHoldRow(Base):
    """That a person put a lot under legal hold (held) or released it; the newest of a lot is valid."""

    __tablename__ = "lot_holds"
    __table_args__ = (CheckConstraint("held IN (0, 1)", "held"), Index(None, "lot", "sequence"), _STRICT)

    sequence: Mapped[int] = mapped_column(primary_key=True)
    lot: Mapped[str]
    held: Mapped[bool]
    who: Mapped[str]
    why: Mapped[str]
    decided_at: Mapped[datetime]
