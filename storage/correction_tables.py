"""The tables of corrections: what a person said instead of what was read when a specimen was measured."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storage.tables import Base

_STRICT = {"sqlite_strict": True}


class CorrectionRow(Base):
    """That a person corrected one field of the identity of an acquisition; the facts stay as they are."""

    __tablename__ = "corrections"
    __table_args__ = (
        CheckConstraint("field IN ('specimen', 'lot', 'roll', 'position_m', 'label')", "field"),
        Index(None, "acquisition_number", "sequence"),
        _STRICT,
    )

    sequence: Mapped[int] = mapped_column(primary_key=True)
    acquisition_number: Mapped[int] = mapped_column(ForeignKey("acquisitions.number"))
    field: Mapped[str]
    old_value: Mapped[str | None]
    value: Mapped[str]
    who: Mapped[str]
    why: Mapped[str]
    corrected_at: Mapped[datetime]

    fibres: Mapped[list["CorrectedFibreRow"]] = relationship(order_by="CorrectedFibreRow.position")


class CorrectedFibreRow(Base):
    """One line of a corrected label."""

    __tablename__ = "corrected_fibres"
    __table_args__ = (_STRICT,)

    correction_sequence: Mapped[int] = mapped_column(ForeignKey("corrections.sequence"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    fibre: Mapped[str]
    percent: Mapped[float]


class IdentityRow(Base):
    """What an acquisition is called now: as it was measured, with the newest corrections.

    It follows from the other tables, but a question about a lot must find its rows by an index.
    """

    __tablename__ = "identities"
    __table_args__ = (
        CheckConstraint("corrected IN (0, 1)", "corrected"),
        Index(None, "lot", "roll"),
        Index(None, "specimen"),
        _STRICT,
    )

    acquisition_number: Mapped[int] = mapped_column(
        ForeignKey("acquisitions.number"), primary_key=True, autoincrement=False
    )
    specimen: Mapped[str]
    lot: Mapped[str]
    roll: Mapped[str]
    position_m: Mapped[float]
    label_text: Mapped[str | None]
    corrected: Mapped[bool]
    label_correction_sequence: Mapped[int | None] = mapped_column(ForeignKey("corrections.sequence"))

    label_correction: Mapped[CorrectionRow | None] = relationship()
