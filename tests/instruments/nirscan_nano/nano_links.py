"""A link of scripted replies, for failures that no device shows on demand."""

from collections.abc import Callable, Iterable

from instruments.nirscan_nano.codec import Command, FrameParser, encode_frame
from instruments.transport import ByteLink
from qc_daemon.domain.errors import LinkLost

Answer = bytes | Exception | Callable[[bytes], bytes]


class ScriptedLink(ByteLink):
    """Gives each request the next answer: bytes, bytes worked out from the request, or an error.

    Keeps the promises of a link: at most the bytes of one answer at a time, nothing while closed.
    An answer of b"" is a device that stays silent.
    """

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = list(answers)
        self._incoming: list[bytes] = []
        self.sent: list[bytes] = []
        self.is_open = False

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def say(self, data: bytes) -> None:
        """Let bytes come that nobody asked for."""
        self._incoming.append(data)

    def read_some(self, timeout_s: float) -> bytes:
        assert timeout_s <= 0.5, "a stop would be noticed too late"
        if not self.is_open:
            raise LinkLost("closed")
        return self._incoming.pop(0) if self._incoming else b""

    def write_all(self, data: bytes) -> None:
        if not self.is_open:
            raise LinkLost("closed")
        self.sent.append(data)
        assert self._answers, f"no answer is left for {data.hex(' ')}"
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        reply = answer(data) if callable(answer) else answer
        if reply:
            self._incoming.append(reply)

    @property
    def exhausted(self) -> bool:
        """Whether every answer was asked for and every byte was read."""
        return not self._answers and not self._incoming

    def commands(self) -> list[int]:
        """Return the command words that were sent."""
        return [command for data in self.sent if (command := _frame(data).command) is not None]


def ok(data: bytes = b"") -> Callable[[bytes], bytes]:
    """Answer as the device does: the flags, the sequence and the command word of the request, then data."""

    def answer(request: bytes) -> bytes:
        frame = _frame(request)
        return encode_frame(frame.flags, frame.sequence, frame.payload[:2] + data)

    return answer


def refusal(flag: int = 0x10) -> Callable[[bytes], bytes]:
    """Answer with the error bit (0x10) or the busy bit (0x20) set."""

    def answer(request: bytes) -> bytes:
        frame = _frame(request)
        return encode_frame(frame.flags | flag, frame.sequence, b"")

    return answer


def stale(command: Command, data: bytes = b"") -> Callable[[bytes], bytes]:
    """Answer another question, with the sequence of this one."""

    def answer(request: bytes) -> bytes:
        frame = _frame(request)
        return encode_frame(frame.flags, frame.sequence, command.to_bytes(2, "little") + data)

    return answer


def _frame(data: bytes):  # type: ignore[no-untyped-def]
    (frame,) = FrameParser().feed(data)
    return frame
