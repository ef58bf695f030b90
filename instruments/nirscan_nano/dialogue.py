"""One question at a time: sends a request and finds the reply that belongs to it."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from instruments.frame_scanner import GARBAGE_LIMIT, Garbage
from instruments.listener import LinkCounters, Listener
from instruments.nirscan_nano.codec import (
    WRITES,
    Command,
    Event,
    Frame,
    FrameParser,
    LinkFailure,
    Response,
    encode_request,
)
from instruments.transport import ByteLink
from qc_daemon.domain.errors import DeviceBusy, DeviceFault, LinkTimeout, ProtocolError
from qc_daemon.domain.ports import Clock

T = TypeVar("T")


class Dialogue:
    """Matches replies to requests by command word and sequence; everything else is counted and dropped.

    Args:
        link: an open link.
        clock: measures how long a reply takes.
        stopping: tells whether the station wants to stop; asked at least every half second.
        reply_timeout_s: how long a reply is waited for.
    """

    def __init__(
        self, link: ByteLink, clock: Clock, stopping: Callable[[], bool], reply_timeout_s: float
    ) -> None:
        self._link = link
        self._reply_timeout_s = reply_timeout_s
        self._clock = clock
        self._listener = Listener[Event](link, clock, stopping, FrameParser(), Frame)
        self._sequence = 0
        self._line_echoes = False
        self._echo_due = False

    @property
    def counters(self) -> LinkCounters:
        """What went wrong on the line and was put right."""
        return self._listener.counters

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
        return self._listener.attempt(action)

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
        self._listener.wait(seconds)

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % 255 + 1  # 0 is left to frames that answer no request
        return self._sequence

    def _exchange(self, command: Command, data: bytes, sequence: int) -> bytes:
        self._echo_due = self._line_echoes
        self._link.write_all(encode_request(command, sequence, data))
        deadline_s = self._clock.monotonic_s() + self._reply_timeout_s
        while True:
            left_s = deadline_s - self._clock.monotonic_s()
            reply = self._reply_in(self._listener.listen(left_s, command.name), command, data)
            if reply is not None:
                return reply
            if left_s <= 0.0:
                raise LinkTimeout(f"no reply to {command.name} within {self._reply_timeout_s:g} s")

    def _reply_in(self, events: Iterable[Event], command: Command, sent: bytes) -> bytes | None:
        """Return the data of the reply among the events, or None if it may still come."""
        reply: Frame | None = None
        rejected: Event | None = None
        for event in events:
            if isinstance(event, LinkFailure):
                raise DeviceFault(f"the device could not read the request {command.name}")
            if isinstance(event, Frame) and reply is None and self._answers(event, command, sent):
                reply = event
                continue
            self._listener.count(event)
            if not isinstance(event, Frame | Garbage) or event == Garbage(GARBAGE_LIMIT):
                rejected = event
        if reply is not None:
            return _data_of(reply, command)
        if rejected is not None:
            raise ProtocolError(f"the reply to {command.name} is broken: {rejected}")
        return None

    def _answers(self, frame: Frame, command: Command, sent: bytes) -> bool:
        # The payload of an error reply means nothing, and one sent before the device knew the
        # sequence has 0.
        if frame.response is not Response.OK:
            return frame.sequence in (self._sequence, 0)
        if frame.sequence != self._sequence or frame.command != command:
            return False
        return not self._is_echo(frame, command, sent)

    def _is_echo(self, frame: Frame, command: Command, sent: bytes) -> bool:
        """Tell whether a line that echoes gave the request back, which looks like its reply.

        A question is never answered with its own data, so its echo gives the line away; of what may be
        answered with the very same bytes, the first is an echo from then on.
        """
        if frame.data != sent:
            return False
        if command not in WRITES and command is not Command.FILE_CHUNK:
            self._line_echoes = True
            return True
        echo, self._echo_due = self._echo_due, False
        return echo


def _data_of(frame: Frame, command: Command) -> bytes:
    if frame.response is Response.OK:
        return frame.data
    if frame.response is Response.BUSY:
        raise DeviceBusy(f"the device is busy and did not answer {command.name}")
    raise DeviceFault(f"the device refused {command.name}")
