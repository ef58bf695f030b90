"""Listens to an instrument: notices silence, unplugging and a stop, and counts what nobody asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from instruments.frame_scanner import Garbage
from instruments.transport import ByteLink
from qc_daemon.domain.errors import DeviceBusy, DeviceFault, InstrumentError, LinkTimeout, ProtocolError
from qc_daemon.domain.ports import Clock

E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)
T = TypeVar("T")

ATTEMPTS = 3
# A pause inside a frame means that the rest is lost; USB adapters deliver in packets of 16 ms.
_INTER_BYTE_S = 0.1
_BUSY_PAUSE_S = 0.1
_LISTEN_SLICE_S = 0.5  # a stop of the station is noticed within this time
_RETRIED = (LinkTimeout, ProtocolError, DeviceBusy, DeviceFault)


class StreamParser(Protocol[E_co]):
    """Turns a stream of bytes into events."""

    @property
    def pending(self) -> bool:
        """Whether part of a frame waits for the rest."""
        ...

    def feed(self, data: bytes) -> Sequence[E_co]:
        """Add bytes and return what they complete."""
        ...

    def give_up(self) -> Sequence[E_co]:
        """Stop waiting for the rest of a frame, as after a silence."""
        ...


@dataclass(slots=True)
class LinkCounters:
    """What went wrong on the line and was put right, since the link was opened."""

    garbage_bytes: int = 0
    rejected_frames: int = 0
    stale_replies: int = 0
    failed_attempts: int = 0


class Listener(Generic[E]):
    """Hears events over an open link.

    Args:
        link: an open link.
        clock: measures how long a wait lasts.
        stopping: tells whether the station wants to stop; asked at least every half second.
        parser: makes events of the bytes.
        whole: the type of the events that are whole replies; all but these and garbage count as rejected.
    """

    def __init__(
        self,
        link: ByteLink,
        clock: Clock,
        stopping: Callable[[], bool],
        parser: StreamParser[E],
        whole: type[object],
    ) -> None:
        self._link = link
        self._clock = clock
        self._stopping = stopping
        self._parser = parser
        self._whole = whole
        self.counters = LinkCounters()

    @property
    def pending(self) -> bool:
        """Whether part of a reply waits for the rest."""
        return self._parser.pending

    def listen(self, seconds: float, what: str) -> Sequence[E]:
        """Return what the parser makes of the next bytes, or of their absence.

        Raises:
            InstrumentError: the station wants to stop; `what` says what it was waiting for.
            LinkLost: the instrument was unplugged.
        """
        if self._stopping():
            raise InstrumentError(f"stopped while waiting for {what}")
        limit_s = _INTER_BYTE_S if self._parser.pending else _LISTEN_SLICE_S
        data = self._link.read_some(max(0.0, min(seconds, limit_s)))
        return self._parser.feed(data) if data else self._parser.give_up()

    def wait(self, seconds: float) -> None:
        """Let time pass while listening, so that an unplugged device or a stop is noticed at once."""
        until_s = self._clock.monotonic_s() + seconds
        while (left_s := until_s - self._clock.monotonic_s()) > 0.0:
            for event in self.listen(left_s, "the device"):
                self.count(event)

    def attempt(self, action: Callable[[], T]) -> T:
        """Do something that may safely be done again, three times at most."""
        for _ in range(ATTEMPTS - 1):
            try:
                return action()
            except _RETRIED as error:
                self.counters.failed_attempts += 1
                if isinstance(error, DeviceBusy):
                    self.wait(_BUSY_PAUSE_S)
        return action()

    def count(self, event: E) -> None:
        """Count an event that answers no question."""
        if isinstance(event, self._whole):
            self.counters.stale_replies += 1
        elif isinstance(event, Garbage):
            self.counters.garbage_bytes += event.count
        else:
            self.counters.rejected_frames += 1
