"""Lines and data blocks of the NIRONE Sensor: bytes to values and back, without I/O and without a clock.

The host sends ASCII commands that end with CR. The sensor answers with lines that end with CR LF, mostly
`label: value`; only the answer to `Xm0,n` is n float32 (little-endian) without length, end or checksum.
Nothing on the wire says whether bytes are whole, so all is held against what it can be: lines to printable
text, a block to its exact size and to numbers that a detector can count. Sources: the maker's page of
interface commands and three public clients; see docs/instruments.md.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.frame_scanner import Garbage
from qc_daemon.domain.errors import ProtocolError

MAX_LINE = 256  # the longest documented answer is far shorter
MAX_POINTS = 512
READY = "Measurement ready"
POINT_SIZE = 4

_ENDS = b"\r\n"
# No detector counts so much; a float32 whose exponent was hit, or of the other byte order, often does.
_MOST_COUNTS = 1e9
_LEAST_COUNTS = 1e-9


@dataclass(frozen=True, slots=True)
class Line:
    """A whole line of printable text, without its end."""

    text: str


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line of `size` bytes that is not printable text, or whose end never came."""

    size: int


Event = Line | BrokenLine | Garbage


class LineParser:
    """Finds lines in a stream of bytes. The events depend on the stream alone, not on how it was split.

    CR, LF and both together end a line; empty lines are none. Of a line that is too long, all but the
    last bytes are reported as garbage, for it has no beginning that could be trusted.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> bool:
        """Whether part of a line waits for the rest."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Event]:
        """Add bytes and return what they complete."""
        events: list[Event] = []
        for byte in data:
            if byte in _ENDS:
                events += self._line()
                continue
            self._buffer.append(byte)
            if len(self._buffer) > MAX_LINE:
                events.append(Garbage(len(self._buffer)))
                self._buffer.clear()
        return events

    def give_up(self) -> list[Event]:
        """Stop waiting for the end of a line, as after a silence."""
        broken: list[Event] = [BrokenLine(len(self._buffer))] if self._buffer else []
        self._buffer.clear()
        return broken

    def _line(self) -> list[Event]:
        raw = bytes(self._buffer)
        self._buffer.clear()
        if not raw:
            return []
        if not all(0x20 <= byte < 0x7F for byte in raw):
            return [BrokenLine(len(raw))]
        text = raw.decode("ascii").strip()
        return [Line(text)] if text else []


def encode_command(command: str) -> bytes:
    """Return the bytes of a command."""
    return command.encode("ascii") + b"\r"


def wavelength_command(index: int, wavelength_nm: float) -> str:
    """Return the command that sets the wavelength of a point, counted from 0."""
    return f"W{index},{wavelength_nm:.1f}"


def block_command(points: int) -> str:
    """Return the command that asks for the data of the last measurement."""
    return f"Xm0,{points}"


def decode_value(line: str, what: str) -> tuple[str, str]:
    """Return label and value of `label: value`.

    Raises:
        ProtocolError: the line has no colon or nothing behind it.
    """
    label, colon, value = line.partition(":")
    if not colon or not value.strip():
        raise ProtocolError(f'{what} reads "{line}", expected "label: value"')
    return label.strip(), value.strip()


def decode_number(value: str, what: str) -> float:
    """Return a finite number such as 1550, 3.20e+01, or one with a unit behind it.

    Raises:
        ProtocolError: there is no such number.
    """
    try:
        number = float(value.split()[0])
    except (ValueError, IndexError) as error:
        raise ProtocolError(f'{what} reads "{value}", expected a number') from error
    if not np.isfinite(number):
        raise ProtocolError(f"{what} is {number}, expected a finite number")
    return number


def is_refusal(line: str) -> bool:
    """Tell whether a line says "no"; the maker's page does not state how it does."""
    return line.startswith("?") or line.lower().startswith(("err", "invalid", "unknown"))


def strip_before_block(data: bytes, points: int) -> bytes:
    """Return the last 4 · `points` bytes, if what stands before them is known to come there.

    That is a late line feed of the answer before, or the echo of the command.

    Raises:
        ProtocolError: bytes are missing or too many.
    """
    echo = block_command(points).encode("ascii")
    before = len(data) - POINT_SIZE * points
    if before < 0 or data[:before] not in (b"", b"\n", echo + b"\r", echo + b"\n", echo + b"\r\n"):
        raise ProtocolError(f"the data of {points} points came with {len(data)} bytes")
    return data[before:]


def decode_block(block: bytes, points: int) -> NDArray[np.float64]:
    """Return the (points,) counts of a block.

    Raises:
        ProtocolError: its size differs, or a value is none that a detector can count.
    """
    if len(block) != POINT_SIZE * points:
        raise ProtocolError(f"the data of {points} points came with {len(block)} bytes")
    with np.errstate(invalid="ignore"):  # a signalling NaN is refused below like any other
        counts = np.frombuffer(block, "<f4").astype(np.float64)
    size = np.abs(counts)
    wrong = ~(size <= _MOST_COUNTS) | ((size > 0) & (size < _LEAST_COUNTS))  # also true for NaN
    if wrong.any():
        place = int(np.argmax(wrong))
        raise ProtocolError(f"point {place} of {points} reads {counts[place]:g}, expected detector counts")
    return counts
