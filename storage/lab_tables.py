"""The tables of what laboratories found, by wet chemistry, in specimens that the station measured."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storage.tables import Base

_STRICT = {"sqlite_strict": True}


class LabResultRow(Base):
    """One analysis of one specimen; `file_sha256` is that of the file it was imported from."""

    __tablename__ = "lab_results"
    __table_args__ = (UniqueConstraint("specimen", "method", "laboratory", "measured_on"), _STRICT)

    sequence: Mapped[int] = mapped_column(primary_key=True)
    specimen: Mapped[str]
    method: Mapped[str]
    laboratory: Mapped[str]
    measured_on: Mapped[str]
    basis: Mapped[str]
    file_sha256: Mapped[str]
    imported_by: Mapped[str]
    imported_at: Mapped[datetime]

    shares: Mapped[list["LabShareRow"]] = relationship(order_by="LabShareRow.position")


class LabShareRow(Base):
    """The share of one fibre that a laboratory found, percent by mass on the result's basis."""

    __tablename__ = "lab_shares"
    __table_args__ = (
        CheckConstraint("0 <= percent AND percent <= 100", "percent"),
        UniqueConstraint("result_sequence", "fibre"),
        _STRICT,
    )

    result_sequence: Mapped[int] = mapped_column(ForeignKey("lab_results.sequence"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    fibre: Mapped[str]
    percent: Mapped[float]
