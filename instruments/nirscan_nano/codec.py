"""Frames of the NIRscan Nano's UART: bytes to values and back, without I/O and without a clock.

    offset  size      field (little-endian)
    0       4         start marker "ABCD"
    4       4         checksum: sum of all bytes from offset 8 up to the end marker
    8       1         flags: bits 4-5 response, bit 6 reply wanted, bit 7 read
    9       1         sequence, echoed by the device
    10      2         length of the payload, command word included
    12      length    command word, then data
    12+len  4         end marker "DCBA"

The end marker may occur inside the data, so a frame ends where its length says. An error reply is
the exception: its length field is stale and its payload means nothing, so it ends at the first place
where the end marker fits. Source: firmware 2.1.0 of the device and two published captures; see
docs/instruments.md.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from instruments.frame_scanner import CutShort, Found, FrameScanner, Garbage

START = b"ABCD"
END = b"DCBA"
MAX_LENGTH = 512  # the command word and 510 bytes of data
MAX_CHUNK = 510  # bytes of a file in one reply

_HEAD = struct.Struct("<4sIBBH")
_COMMAND_SIZE = 2
_READ, _REPLY_WANTED = 0x80, 0x40
_RESPONSE_SHIFT, _RESPONSE_MASK = 4, 0x3


class Command(IntEnum):
    """Command words: group in the high byte, command in the low byte."""

    VERSION = 0x0216
    SERIAL_NUMBER = 0x0233
    MODEL_NAME = 0x023C
    CONFIG_COUNT = 0x0222
    READ_CONFIG = 0x0220
    GET_ACTIVE_CONFIG = 0x0223
    SET_ACTIVE_CONFIG = 0x0224
    SET_REPEATS = 0x022E
    SET_FIXED_PGA = 0x040C
    KEEP_LAMP = 0x0225
    SWITCH_LAMP = 0x0105
    SCAN_TIME = 0x0237
    START_SCAN = 0x0218
    SCAN_STATUS = 0x0219
    START_INTERPRET = 0x0239
    INTERPRET_STATUS = 0x023A
    FILE_SIZE = 0x002D
    FILE_CHUNK = 0x002E
    TEMPERATURE = 0x0300
    HUMIDITY = 0x0302
    PHOTODETECTOR = 0x0402
    SET_CLOCK = 0x0309
    GET_CLOCK = 0x030C
    SET_HIBERNATE = 0x030E
    GET_HIBERNATE = 0x030F
    DEVICE_STATUS = 0x0403
    ERROR_STATUS = 0x0404
    RESET_ERRORS = 0x0405


WRITES = frozenset(
    {
        Command.SET_ACTIVE_CONFIG,
        Command.SET_REPEATS,
        Command.SET_FIXED_PGA,
        Command.KEEP_LAMP,
        Command.SWITCH_LAMP,
        Command.START_SCAN,
        Command.START_INTERPRET,
        Command.SET_CLOCK,
        Command.SET_HIBERNATE,
        Command.RESET_ERRORS,
    }
)


class Response(IntEnum):
    """Bits 4 and 5 of the flags."""

    OK = 0
    ERROR = 1
    BUSY = 2
    UNDEFINED = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame with the right checksum; `payload` starts with the command word."""

    flags: int
    sequence: int
    payload: bytes

    @property
    def response(self) -> Response:
        """What the device thinks of the request."""
        return Response(self.flags >> _RESPONSE_SHIFT & _RESPONSE_MASK)

    @property
    def command(self) -> int | None:
        """The command word, or None if the payload is too short to hold one."""
        if len(self.payload) < _COMMAND_SIZE:
            return None
        return int.from_bytes(self.payload[:_COMMAND_SIZE], "little")

    @property
    def data(self) -> bytes:
        """The payload after the command word."""
        return self.payload[_COMMAND_SIZE:]


@dataclass(frozen=True, slots=True)
class LinkFailure:
    """The device says that it could not read a request: it paused, or was no frame."""


@dataclass(frozen=True, slots=True)
class BadChecksum:
    """A frame of `length` payload bytes came with a wrong checksum."""

    length: int


@dataclass(frozen=True, slots=True)
class BadEnd:
    """No end marker where a frame of `length` payload bytes should end."""

    length: int


@dataclass(frozen=True, slots=True)
class TooLong:
    """A frame declares more payload than the protocol allows."""

    length: int


FrameEvent = Frame | LinkFailure | BadChecksum | BadEnd | TooLong
Event = FrameEvent | Garbage | CutShort


def encode_request(command: Command, sequence: int, data: bytes = b"") -> bytes:
    """Return the frame that asks `command`; whether it reads or writes follows from the command."""
    flags = _REPLY_WANTED if command in WRITES else _REPLY_WANTED | _READ
    return encode_frame(flags, sequence, command.to_bytes(_COMMAND_SIZE, "little") + data)


def encode_frame(flags: int, sequence: int, payload: bytes) -> bytes:
    """Return the bytes of a frame.

    Raises:
        ValueError: the payload is longer than the protocol allows.
    """
    if len(payload) > MAX_LENGTH:
        raise ValueError(f"payload has {len(payload)} bytes, expected at most {MAX_LENGTH}")
    body = struct.pack("<BBH", flags, sequence, len(payload)) + payload
    return START + struct.pack("<I", sum(body)) + body + END


class FrameParser(FrameScanner[FrameEvent]):
    """Finds the frames of a NIRscan Nano in a stream of bytes."""

    def __init__(self) -> None:
        super().__init__(START, _read_frame)


def _read_frame(buffer: bytearray) -> Found[FrameEvent] | None:
    """Return what stands at the start of the buffer; None if more bytes are needed to tell."""
    if len(buffer) < _HEAD.size:
        return None
    _, checksum, flags, sequence, length = _HEAD.unpack_from(buffer)
    failed = Response(flags >> _RESPONSE_SHIFT & _RESPONSE_MASK) is not Response.OK
    if length > MAX_LENGTH and not failed:
        return Found(TooLong(length))
    for end in _possible_ends(length, failed):
        if len(buffer) < end + len(END):
            return None
        if buffer.startswith(END, end):
            if sum(buffer[8:end]) != checksum:
                return Found(BadChecksum(length))
            payload = bytes(buffer[_HEAD.size : end])
            return Found(_frame_or_failure(flags, sequence, payload), end + len(END))
    return Found(BadEnd(length))


def _frame_or_failure(flags: int, sequence: int, payload: bytes) -> Frame | LinkFailure:
    # The fixed frame of a link failure: no reply to a request has the "reply wanted" bit cleared.
    if flags == Response.ERROR << _RESPONSE_SHIFT and sequence == 0 and not payload:
        return LinkFailure()
    return Frame(flags, sequence, payload)


def _possible_ends(length: int, failed: bool) -> list[int]:
    """Return the offsets at which the end marker may stand, ascending."""
    if not failed:
        return [_HEAD.size + length]
    lengths = {0, _COMMAND_SIZE} | ({length} if length <= MAX_LENGTH else set())
    return [_HEAD.size + candidate for candidate in sorted(lengths)]
