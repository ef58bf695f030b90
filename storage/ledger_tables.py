"""The table of the ledger: one row per thing that was recorded, bound to the row before it."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables import Base


class LedgerRow(Base):
    """One entry. Either it covers a row of another table, or it holds its content itself."""

    __tablename__ = "ledger"
    __table_args__ = (
        UniqueConstraint("sha256"),
        CheckConstraint("(table_name IS NULL) = (row_key IS NULL)", "row"),
        CheckConstraint("(table_name IS NULL) <> (content IS NULL)", "content"),
        Index(None, "table_name", "row_key", "sequence"),
        {"sqlite_strict": True},
    )

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    previous_sha256: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    table_name: Mapped[str | None]
    row_key: Mapped[int | None]
    content: Mapped[str | None]
    content_sha256: Mapped[str]
    sha256: Mapped[str]
