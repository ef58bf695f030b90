"""What is sent to others: an outbox of messages, drained by each destination alone, and a station's records.

Messages are made for whoever listens when they are. Records are rows that a station keeps for ever: who
collects them asks for those after the newest that it has, however long ago they were written.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class MessageKind(StrEnum):
    """What a message tells of."""

    RESULT = "result"  # a conclusion
    ALARM = "alarm"  # one step of an alarm
    LEDGER = "ledger"  # the newest entry of the ledger, for others to keep


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One message.

    Attributes:
        sequence: the order of making; a destination drains in this order.
        id: the same for ever, so that whoever gets it twice knows.
        payload: one JSON object.
    """

    sequence: int
    kind: MessageKind
    id: str
    payload: str
    created_at: datetime


class RecordKind(StrEnum):
    """What a record is."""

    CONCLUSION = "conclusion"
    CORRECTION = "correction"  # of what a stored inspection is called


@dataclass(frozen=True, slots=True)
class Record:
    """One row that a station keeps.

    Attributes:
        sequence: counts up among the records of its kind, in the order of recording.
        payload: one JSON object.
    """

    kind: RecordKind
    sequence: int
    payload: str
    recorded_at: datetime


class Records(Protocol):
    """The records of a station."""

    def after(self, kind: RecordKind, sequence: int, limit: int) -> tuple[Record, ...]:
        """Return the oldest records of a kind with a greater number; may raise `StoreUnavailable`."""
        ...


class Outbox(Protocol):
    """Messages in order, and how far each destination has come. Every method may raise `StoreUnavailable`."""

    def keep_for(self, destinations: Collection[str]) -> None:
        """Say for whom messages are kept from now on; without any, none are made."""
        ...

    def add(self, kind: MessageKind, message_id: str, payload: str, at: datetime) -> None:
        """Add a message, if it is kept for anybody and not there yet."""
        ...

    def after(self, destination: str, limit: int) -> tuple[OutboxMessage, ...]:
        """Return the oldest messages that a destination has not got."""
        ...

    def advance(self, destination: str, sequence: int) -> None:
        """Note that a destination has all messages up to that one; what all have got is deleted."""
        ...

    def waiting(self, destination: str) -> int:
        """Return how many messages a destination has not got."""
        ...


class Plant(Protocol):
    """What collects the messages and the records of all stations."""

    def newest(self, kind: RecordKind) -> int:
        """Return the number of the newest record of this station that is there; 0 if none is.

        Raises:
            PlantUnavailable: it does not answer.
            IntegrityError: another station has the name of this one.
        """
        ...

    def keep(self, records: Sequence[Record]) -> None:
        """Keep records of one kind that follow the newest; raises as `receive` does. Twice is once."""
        ...

    def receive(self, messages: Sequence[OutboxMessage]) -> None:
        """Keep messages; on return they are safe. Twice is once.

        Raises:
            PlantUnavailable: it does not answer.
            IntegrityError: another station has the name of this one.
        """
        ...
