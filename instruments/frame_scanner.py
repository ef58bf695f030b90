"""Frames that begin with a marker, found in a stream of bytes; what a frame is, its codec says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

E = TypeVar("E")

GARBAGE_LIMIT = 65536  # bytes that are no frame, before one is told of them


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that belong to no frame were skipped."""

    count: int


@dataclass(frozen=True, slots=True)
class CutShort:
    """A frame stopped after `received` bytes."""

    received: int


@dataclass(frozen=True, slots=True)
class Found(Generic[E]):
    """What stands behind a start marker.

    Attributes:
        size: bytes that it takes from the stream. 0 rejects it: then only the start marker is
            skipped, as another frame may lie in what looked like this one.
    """

    event: E
    size: int = 0


class FrameScanner(Generic[E]):
    """Finds frames in a stream that may be split, cut, doubled or mixed with garbage.

    The events depend on the stream alone, not on how it was split. Skipped bytes are reported
    together, before the next other event or when `GARBAGE_LIMIT` of them have come.

    Args:
        start: the start marker.
        read: tells what stands at the start of the buffer, which begins with the marker; None if
            more bytes are needed to tell. It must tell as soon as a frame cannot become longer, for
            that bounds the memory.
    """

    def __init__(self, start: bytes, read: Callable[[bytearray], Found[E] | None]) -> None:
        self._start = start
        self._read = read
        self._buffer = bytearray()
        self._skipped = 0

    @property
    def pending(self) -> bool:
        """Whether part of a frame waits for the rest."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[E | Garbage | CutShort]:
        """Add bytes and return what they complete."""
        self._buffer += data
        events: list[E | Garbage | CutShort] = []
        while True:
            self._skip_to_start(events)
            found = self._read(self._buffer) if self._buffer.startswith(self._start) else None
            if found is None:
                return events
            self._report_skipped(events)
            events.append(found.event)
            if found.size:
                del self._buffer[: found.size]
            else:
                self._skip(len(self._start))

    def give_up(self) -> list[E | Garbage | CutShort]:
        """Stop waiting for the rest of a frame, as after a silence; frames behind its start are found."""
        events: list[E | Garbage | CutShort] = []
        while self._buffer:
            if self._buffer.startswith(self._start):
                self._report_skipped(events)
                events.append(CutShort(len(self._buffer)))
            self._skip(1)
            events += self.feed(b"")
        self._report_skipped(events)
        return events

    def _skip_to_start(self, events: list[E | Garbage | CutShort]) -> None:
        found = self._buffer.find(self._start)
        self._skip(found if found >= 0 else len(self._buffer) - self._start_prefix())
        while self._skipped >= GARBAGE_LIMIT:
            events.append(Garbage(GARBAGE_LIMIT))
            self._skipped -= GARBAGE_LIMIT

    def _start_prefix(self) -> int:
        """Return how many bytes at the end of the buffer may be the beginning of a start marker."""
        sizes = range(len(self._start) - 1, 0, -1)
        return next((size for size in sizes if self._buffer.endswith(self._start[:size])), 0)

    def _report_skipped(self, events: list[E | Garbage | CutShort]) -> None:
        if self._skipped:
            events.append(Garbage(self._skipped))
            self._skipped = 0

    def _skip(self, count: int) -> None:
        del self._buffer[:count]
        self._skipped += count
