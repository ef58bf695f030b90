"""One command at a time: sends it and finds the line, or the data, that answer it.

The wire has neither checksums nor numbers that tell which question an answer belongs to. So the line is
drained before each command; an answer must bear the label that this command's answers had before; and data
are read until two readings agree bit for bit.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from instruments.listener import ATTEMPTS, LinkCounters, Listener
from instruments.nirone.codec import (
    POINT_SIZE,
    READY,
    Event,
    Line,
    LineParser,
    block_command,
    decode_block,
    decode_value,
    encode_command,
    is_refusal,
    strip_before_block,
)
from instruments.transport import ByteLink
from qc_daemon.domain.errors import DeviceFault, LinkTimeout, ProtocolError
from qc_daemon.domain.ports import Clock

# After something broken the answer may still follow; after this silence it does not.
_BROKEN_QUIET_S = 0.1
_QUIET_S = 0.02  # behind a block nothing more may come
_DRAIN_LIMIT_S = 1.0
_READINGS = 4
_MOST_SURPLUS = 64  # bytes beside a block; the echo of its command has at most nine


@dataclass(frozen=True, slots=True)
class _Wait:
    """How long an answer is waited for; `broken_s` is for how long at least after something broken."""

    timeout_s: float
    broken_s: float = 0.0


class Dialogue:
    """Asks one thing at a time; what answers nothing is counted and dropped.

    Args:
        link: an open link.
        clock: measures how long an answer takes.
        stopping: tells whether the station wants to stop; asked at least every half second.
        reply_timeout_s: how long a reply is waited for.
    """

    def __init__(
        self, link: ByteLink, clock: Clock, stopping: Callable[[], bool], reply_timeout_s: float
    ) -> None:
        self._link = link
        self._reply_timeout_s = reply_timeout_s
        self._clock = clock
        self._parser = LineParser()
        self._lines = Listener[Event](link, clock, stopping, self._parser, Line)
        self._bytes = Listener[bytes](link, clock, stopping, _Bytes(), bytes)
        self._labels: dict[str, str] = {}

    @property
    def counters(self) -> LinkCounters:
        """What went wrong on the line and was put right."""
        return self._lines.counters

    def ask(self, command: str) -> str:
        """Ask for a value; return the line that gives it, `label: value`.

        Raises:
            LinkTimeout, ProtocolError, DeviceFault: the last of three attempts failed so.
            LinkLost: the instrument was unplugged.
        """

        def ask() -> str:
            line = self._answer(
                command, _Wait(self._reply_timeout_s), lambda text: self._has_label(command, text)
            )
            label, _ = decode_value(line, f"the answer to {command}")
            self._labels[command] = label
            return line

        return self._lines.attempt(ask)

    def tell(self, command: str) -> str:
        """Set something; return the line that confirms it, whose text is not documented.

        Raises:
            InstrumentError: see `ask`.
        """
        return self._lines.attempt(
            lambda: self._answer(command, _Wait(self._reply_timeout_s), lambda text: text != READY)
        )

    def run(self, command: str, estimated_s: float, timeout_s: float) -> None:
        """Run a measurement and wait until it is ready.

        It is run again only if something broken came and the estimated time has passed: then it has
        ended, and what was broken was its answer.

        Raises:
            LinkTimeout: it is not ready in time.
            ProtocolError, DeviceFault, LinkLost: see `ask`.
        """
        wait = _Wait(timeout_s, 1.5 * estimated_s + _BROKEN_QUIET_S)
        for _ in range(ATTEMPTS - 1):
            try:
                self._answer(command, wait, lambda text: text == READY)
            except ProtocolError:
                self.counters.failed_attempts += 1
            else:
                return
        self._answer(command, wait, lambda text: text == READY)

    def read_block(self, points: int) -> bytes:
        """Read the data of the last measurement until two readings in a row agree.

        Raises:
            ProtocolError, LinkTimeout: no two of four readings agree.
            LinkLost: see `ask`.
        """
        last: bytes | None = None
        problem: ProtocolError | LinkTimeout
        problem = ProtocolError(f"no two readings in a row of the data of {points} points agree")
        for _ in range(_READINGS):
            try:
                block = self._reading(points)
            except (ProtocolError, LinkTimeout) as error:
                self.counters.failed_attempts += 1
                problem, last = error, None
                continue
            if block == last:
                return block
            self.counters.rejected_frames += last is not None
            last = block
        raise problem

    def wait(self, seconds: float) -> None:
        """Let time pass while listening, so that an unplugged device or a stop is noticed at once."""
        self._lines.wait(seconds)

    def _has_label(self, command: str, text: str) -> bool:
        known = self._labels.get(command)
        return text != READY and (known is None or text.partition(":")[0].strip() == known)

    def _answer(self, command: str, wait: _Wait, fits: Callable[[str], bool]) -> str:
        """Send a command; return the line that fits it."""
        self._drain(0.0)
        self._link.write_all(encode_command(command))
        started_s = self._clock.monotonic_s()
        broken: Event | None = None
        while True:
            elapsed_s = self._clock.monotonic_s() - started_s
            left_s = wait.timeout_s - elapsed_s
            events = self._lines.listen(left_s if broken is None else _BROKEN_QUIET_S, command)
            answer = self._answer_in(events, command, fits)
            if answer is not None:
                return answer
            broken = next((event for event in events if not isinstance(event, Line)), broken)
            quiet = not events and not self._lines.pending and elapsed_s >= wait.broken_s
            if broken is not None and (quiet or left_s <= 0.0):
                raise ProtocolError(f"the answer to {command} is broken: {broken}")
            if left_s <= 0.0:
                raise LinkTimeout(f"no answer to {command} within {wait.timeout_s:g} s")

    def _answer_in(self, events: Iterable[Event], command: str, fits: Callable[[str], bool]) -> str | None:
        """Return the answer among the events, or None if it may still come; count all others.

        Raises:
            DeviceFault: the sensor says "no".
        """
        answer: str | None = None
        for event in events:
            if isinstance(event, Line) and event.text == command:
                continue  # its echo
            if isinstance(event, Line) and answer is None and is_refusal(event.text):
                raise DeviceFault(f'the sensor refused {command}: "{event.text}"')
            if isinstance(event, Line) and answer is None and fits(event.text):
                answer = event.text
            else:
                self._lines.count(event)
        return answer

    def _reading(self, points: int) -> bytes:
        command = block_command(points)
        self._drain(_QUIET_S)
        self._link.write_all(encode_command(command))
        data = self._first_bytes(command)
        size = POINT_SIZE * points
        while len(data) <= size + _MOST_SURPLUS:
            silence_s = _BROKEN_QUIET_S if len(data) < size else _QUIET_S
            more = b"".join(self._bytes.listen(silence_s, command))
            if not more:
                break
            data += more
        block = strip_before_block(data, points)
        decode_block(block, points)
        return block

    def _first_bytes(self, command: str) -> bytes:
        deadline_s = self._clock.monotonic_s() + self._reply_timeout_s
        while (left_s := deadline_s - self._clock.monotonic_s()) > 0.0:
            data = b"".join(self._bytes.listen(left_s, command))
            if data:
                return data
        raise LinkTimeout(f"no data in answer to {command} within {self._reply_timeout_s:g} s")

    def _drain(self, silence_s: float) -> None:
        """Throw away what is still on the line, until it is silent; a talkative one is left at a limit."""
        self._parser.give_up()
        deadline_s = self._clock.monotonic_s() + _DRAIN_LIMIT_S
        while data := b"".join(self._bytes.listen(silence_s, "silence")):
            self.counters.garbage_bytes += len(data)
            if self._clock.monotonic_s() > deadline_s:
                return


class _Bytes:
    """Passes bytes on as they come."""

    pending = False

    def feed(self, data: bytes) -> Sequence[bytes]:
        return [data]

    def give_up(self) -> Sequence[bytes]:
        return []
