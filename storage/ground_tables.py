"""The tables of what a conclusion was drawn by, beside its models and its rule."""

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storage.correction_tables import CorrectionRow
from storage.tables import Base

_STRICT = {"sqlite_strict": True}


class JudgeSettingsRow(Base):
    """Settings of the judges as canonical JSON; many conclusions share one."""

    __tablename__ = "judge_settings"
    __table_args__ = (UniqueConstraint("sha256"), _STRICT)

    sequence: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    settings: Mapped[str]


class ConclusionGroundRow(Base):
    """By which settings, and by which correction of the label if any, a conclusion was drawn."""

    __tablename__ = "conclusion_grounds"
    __table_args__ = (_STRICT,)

    conclusion_sequence: Mapped[int] = mapped_column(
        ForeignKey("conclusions.sequence"), primary_key=True, autoincrement=False
    )
    settings_sequence: Mapped[int | None] = mapped_column(ForeignKey("judge_settings.sequence"))
    label_correction_sequence: Mapped[int | None] = mapped_column(ForeignKey("corrections.sequence"))

    settings: Mapped[JudgeSettingsRow | None] = relationship()
    label_correction: Mapped[CorrectionRow | None] = relationship()
