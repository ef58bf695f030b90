"""The table of what is inferred from an image as it was photographed, with its debris."""

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables import Base


class UncleanedShareRow(Base):
    """Share of one fibre, in percent by mass on the conclusion's basis, had nothing been filled."""

    __tablename__ = "uncleaned_shares"
    __table_args__ = (
        CheckConstraint(
            "0 <= lo_percent AND lo_percent <= percent AND percent <= hi_percent AND hi_percent <= 100",
            "interval",
        ),
        UniqueConstraint("conclusion_sequence", "fibre"),
        {"sqlite_strict": True},
    )

    conclusion_sequence: Mapped[int] = mapped_column(ForeignKey("conclusions.sequence"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    fibre: Mapped[str]
    percent: Mapped[float]
    lo_percent: Mapped[float]
    hi_percent: Mapped[float]
