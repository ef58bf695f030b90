"""The table of what people, or time, did about alarms; that they came and went is in `station_events`."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables import Base


class AlarmTransitionRow(Base):
    """That an alarm was taken on, or escalated: by whom and why."""

    __tablename__ = "alarm_transitions"
    __table_args__ = (
        CheckConstraint("state IN ('acknowledged', 'escalated')", "state"),
        Index(None, "raised_sequence"),
        {"sqlite_strict": True},
    )

    sequence: Mapped[int] = mapped_column(primary_key=True)
    raised_sequence: Mapped[int] = mapped_column(ForeignKey("station_events.sequence"))
    state: Mapped[str]
    code: Mapped[str]
    who: Mapped[str]
    why: Mapped[str]
    happened_at: Mapped[datetime]
