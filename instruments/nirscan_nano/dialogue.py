"""One question at a time: sends a request and finds the reply that belongs to it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from instruments.nirscan_nano.codec import (
    GARBAGE_LIMIT,
    Command,
    Event,
    Frame,
    FrameParser,
    Garbage,
    LinkFailure,
    Response,
    encode_request,
)
from instruments.transport import ByteLink
from qc_daemon.domain.errors import DeviceBusy, DeviceFault, InstrumentError, LinkTimeout, ProtocolError
from qc_daemon.domain.ports import Clock

T = TypeVar("T")

# The longest reply takes 46 ms at 115200 baud; the device answers within milliseconds.
_REPLY_TIMEOUT_S = 1.0
# A pause inside a frame means that the rest is lost; USB adapters deliver in packets of 16 ms.
_INTER_BYTE_S = 0.1
_BUSY_PAUSE_S = 0.1
_LISTEN_SLICE_S = 0.5  # a stop of the station is noticed within this time
_ATTEMPTS = 3
_RETRIED = (LinkTimeout, ProtocolError, DeviceBusy, DeviceFault)


@dataclass(slots=True)
class LinkCounters:
    """What went wrong on the line and was put right, since the link was opened."""

    garbage_bytes: int = 0
    rejected_frames: int = 0
    stale_replies: int = 0
    failed_attempts: int = 0


class Dialogue:
    """Matches replies to requests by command word and sequence; everything else is counted and dropped.

    Args:
        link: an open link.
        clock: measures how long a reply takes.
        stopping: tells whether the station wants to stop; asked at least every half second.
    """

    def __init__(self, link: ByteLink, clock: Clock, stopping: Callable[[], bool]) -> None:
        self._link = link
        self._clock = clock
        self._stopping = stopping
        self._parser = FrameParser()
        self._sequence = 0
        self.counters = LinkCounters()

    def ask(self, command: Command, data: bytes = b"") -> bytes:
        """Ask something that may safely be asked again; return the data of the reply.

        Raises:
            LinkTimeout, ProtocolError, DeviceBusy, DeviceFault: the last of three attempts failed so.
            LinkLost: the instrument was unplugged.
        """
        # One sequence for all attempts: a reply that comes late still answers the question.
        sequence = self._next_sequence()
        return self.attempt(lambda: self._exchange(command, data, sequence))

    def attempt(self, action: Callable[[], T]) -> T:
        """Do something that may safely be done again, three times at most."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return action()
            except _RETRIED as error:
                self.counters.failed_attempts += 1
                if isinstance(error, DeviceBusy):
                    self.wait(_BUSY_PAUSE_S)
        return action()

    def ask_once(self, command: Command, data: bytes = b"") -> bytes:
        """Ask once; return the data of the reply.

        Raises:
            LinkTimeout: no reply came, or only a part of one.
            ProtocolError: bytes came, but not the reply.
            DeviceBusy: the device is at work.
            DeviceFault: the device refuses, or could not read the request.
            LinkLost: the instrument was unplugged.
        """
        return self._exchange(command, data, self._next_sequence())

    def wait(self, seconds: float) -> None:
        """Let time pass while listening, so that an unplugged device or a stop is noticed at once."""
        until_s = self._clock.monotonic_s() + seconds
        while (left_s := until_s - self._clock.monotonic_s()) > 0.0:
            for event in self._listen(left_s, "the device"):
                self._count(event)

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % 255 + 1  # 0 is left to frames that answer no request
        return self._sequence

    def _exchange(self, command: Command, data: bytes, sequence: int) -> bytes:
        self._link.write_all(encode_request(command, sequence, data))
        deadline_s = self._clock.monotonic_s() + _REPLY_TIMEOUT_S
        while True:
            left_s = deadline_s - self._clock.monotonic_s()
            reply = self._reply_in(self._listen(max(left_s, 0.0), command.name), command)
            if reply is not None:
                return reply
            if left_s <= 0.0:
                raise LinkTimeout(f"no reply to {command.name} within {_REPLY_TIMEOUT_S:g} s")

    def _listen(self, seconds: float, what: str) -> list[Event]:
        """Return what the parser makes of the next bytes, or of their absence."""
        if self._stopping():
            raise InstrumentError(f"stopped while waiting for {what}")
        limit_s = _INTER_BYTE_S if self._parser.pending else _LISTEN_SLICE_S
        data = self._link.read_some(min(seconds, limit_s))
        return self._parser.feed(data) if data else self._parser.give_up()

    def _reply_in(self, events: Iterable[Event], command: Command) -> bytes | None:
        """Return the data of the reply among the events, or None if it may still come."""
        reply: Frame | None = None
        rejected: Event | None = None
        for event in events:
            if isinstance(event, LinkFailure):
                raise DeviceFault(f"the device could not read the request {command.name}")
            if isinstance(event, Frame) and reply is None and self._answers(event, command):
                reply = event
                continue
            self._count(event)
            if not isinstance(event, Frame | Garbage) or event == Garbage(GARBAGE_LIMIT):
                rejected = event
        if reply is not None:
            return _data_of(reply, command)
        if rejected is not None:
            raise ProtocolError(f"the reply to {command.name} is broken: {rejected}")
        return None

    def _answers(self, frame: Frame, command: Command) -> bool:
        # The payload of an error reply means nothing, and one sent before the device knew the
        # sequence has 0.
        if frame.response is not Response.OK:
            return frame.sequence in (self._sequence, 0)
        return frame.sequence == self._sequence and frame.command == command

    def _count(self, event: Event) -> None:
        if isinstance(event, Frame):
            self.counters.stale_replies += 1
        elif isinstance(event, Garbage):
            self.counters.garbage_bytes += event.count
        else:
            self.counters.rejected_frames += 1


def _data_of(frame: Frame, command: Command) -> bytes:
    if frame.response is Response.OK:
        return frame.data
    if frame.response is Response.BUSY:
        raise DeviceBusy(f"the device is busy and did not answer {command.name}")
    raise DeviceFault(f"the device refused {command.name}")
