"""One question at a time: sends a message and finds the reply that belongs to it."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from instruments.frame_scanner import GARBAGE_LIMIT, Garbage
from instruments.listener import LinkCounters, Listener
from instruments.ocean.codec import (
    ERROR_WORDS,
    SETS,
    Checksum,
    ErrorNumber,
    Event,
    Flag,
    Message,
    MessageParser,
    MessageType,
    encode_request,
)
from instruments.transport import ByteLink
from qc_daemon.domain.errors import DeviceBusy, DeviceFault, LinkTimeout, ProtocolError
from qc_daemon.domain.ports import Clock

T = TypeVar("T")

# After something broken the reply may still follow; after this silence it does not.
_QUIET_S = 0.1
_FAILED = Flag.NACK | Flag.HARDWARE_EXCEPTION


class Dialogue:
    """Matches replies to requests by message type and "regarding"; all else is counted and dropped.

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
        self._listener = Listener[Event](link, clock, stopping, MessageParser(), Message)
        # Not from 1: a reply to an earlier program's question must not fit one of ours.
        self._regarding = int(1000 * clock.monotonic_s()) % 2**32

    @property
    def counters(self) -> LinkCounters:
        """What went wrong on the line and was put right."""
        return self._listener.counters

    def ask(self, kind: MessageType, data: bytes = b"") -> Message:
        """Ask something that may safely be asked again; return the reply.

        Raises:
            LinkTimeout, ProtocolError, DeviceBusy, DeviceFault: the last of three attempts failed so.
            LinkLost: the instrument was unplugged.
        """
        # One number for all attempts: a reply that comes late still answers the question.
        regarding = self._next_regarding()
        return self.attempt(lambda: self._exchange(kind, data, regarding, self._reply_timeout_s))

    def ask_if_known(self, kind: MessageType) -> Message | None:
        """Ask something that not every device knows; return None if this one does not."""

        def ask() -> Message | None:
            message = self._answer_to(kind, b"", self._next_regarding(), self._reply_timeout_s)
            if message.error == ErrorNumber.UNKNOWN_TYPE:
                return None
            return _accepted(message)

        return self.attempt(ask)

    def ask_once(self, kind: MessageType, timeout_s: float) -> Message:
        """Ask once and wait up to `timeout_s`; return the reply.

        Raises:
            LinkTimeout: no reply came, or only a part of one.
            ProtocolError: bytes came, but not the reply.
            DeviceBusy: the device is not ready.
            DeviceFault: the device refuses, or has restarted.
            LinkLost: the instrument was unplugged.
        """
        return self._exchange(kind, b"", self._next_regarding(), timeout_s)

    def attempt(self, action: Callable[[], T]) -> T:
        """Do something that may safely be done again, three times at most."""
        return self._listener.attempt(action)

    def wait(self, seconds: float) -> None:
        """Let time pass while listening, so that an unplugged device or a stop is noticed at once."""
        self._listener.wait(seconds)

    def _next_regarding(self) -> int:
        self._regarding = (self._regarding + 1) % 2**32
        return self._regarding

    def _exchange(self, kind: MessageType, data: bytes, regarding: int, timeout_s: float) -> Message:
        return _accepted(self._answer_to(kind, data, regarding, timeout_s))

    def _answer_to(self, kind: MessageType, data: bytes, regarding: int, timeout_s: float) -> Message:
        self._link.write_all(encode_request(kind, regarding, data))
        deadline_s = self._clock.monotonic_s() + timeout_s
        rejected: Event | None = None
        while True:
            left_s = deadline_s - self._clock.monotonic_s()
            events = self._listener.listen(left_s if rejected is None else min(left_s, _QUIET_S), kind.name)
            answer = self._answer_in(events, kind, regarding)
            if answer is not None:
                return answer
            rejected = next((event for event in events if _is_broken(event)), rejected)
            quiet = not events and not self._listener.pending
            if rejected is not None and (quiet or left_s <= 0.0):
                raise ProtocolError(f"the reply to {kind.name} is broken: {rejected}")
            if left_s <= 0.0:
                raise LinkTimeout(f"no reply to {kind.name} within {timeout_s:g} s")

    def _answer_in(self, events: Iterable[Event], kind: MessageType, regarding: int) -> Message | None:
        """Return the answer among the events, or None if it may still come; count all others."""
        answer: Message | None = None
        for event in events:
            if isinstance(event, Message) and answer is None and _answers(event, kind, regarding):
                answer = event
            else:
                self._listener.count(event)
        return answer


def _is_broken(event: Event) -> bool:
    """Tell whether the event may be what is left of a reply."""
    return not isinstance(event, Message | Garbage) or event == Garbage(GARBAGE_LIMIT)


def _answers(message: Message, kind: MessageType, regarding: int) -> bool:
    if (message.type, message.regarding) != (kind, regarding) or message.error == ErrorNumber.DEFERRED:
        return False  # the device will answer later
    wanted = Flag.ACK if kind in SETS else Flag.RESPONSE
    return bool(message.flags & (wanted | _FAILED))


def _accepted(message: Message) -> Message:
    kind = MessageType(message.type).name
    if message.checksum is Checksum.NONE and message.type != MessageType.SET_CHECKSUM_TYPE:
        raise DeviceFault(
            f"the reply to {kind} has no checksum: the device has restarted; reconnect to set it up again"
        )
    if message.error == ErrorNumber.NOT_READY:
        raise DeviceBusy(f"the device is not ready and did not answer {kind}")
    if message.flags & _FAILED or message.error:
        words = ERROR_WORDS.get(message.error, "unknown error")
        raise DeviceFault(f"the device refused {kind}: {words} ({message.error})")
    return message
