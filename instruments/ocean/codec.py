"""Messages of the Ocean Binary Protocol: bytes to values and back, without I/O and without a clock.

    offset  size     field (little-endian)
    0       2        start marker C1 C0
    2       2        protocol version
    4       2        flags
    6       2        error number
    8       4        message type
    12      4        regarding: chosen by the host, echoed by the device
    16      6        reserved
    22      1        checksum type: 0 none, 1 MD5
    23      1        length of the immediate data, 0 to 16
    24      16       immediate data, padded with zeros
    40      4        bytes that follow: payload and 20
    44      n        payload, if the data do not fit above
    44+n    16       checksum of all bytes before it; zeros if there is none
    60+n    4        end marker C5 C4 C3 C2

The end marker may occur in the payload, so a message ends where its length says. A message whose
checksum does not fit is rejected, and so is one that says "no checksum" where one stands. Sources: the
maker's data sheets and a public driver's unit test; see docs/instruments.md.
"""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from instruments.frame_scanner import CutShort, Found, FrameScanner, Garbage

START = bytes.fromhex("c1c0")
END = bytes.fromhex("c5c4c3c2")
PROTOCOL_VERSION = 0x1100
MAX_IMMEDIATE = 16
MAX_PAYLOAD = 16384  # 4096 pixels of 32 bits; the largest device served has 1044

_HEAD = struct.Struct("<2sHHHII6xBB16sI")
_CHECKSUM_SIZE = 16
_TAIL_SIZE = _CHECKSUM_SIZE + len(END)
_NO_CHECKSUM = bytes(_CHECKSUM_SIZE)


class MessageType(IntEnum):
    """Messages that the driver needs."""

    SET_CHECKSUM_TYPE = 0x00000010
    HARDWARE_REVISION = 0x00000080
    FIRMWARE_REVISION = 0x00000090
    SERIAL_NUMBER = 0x00000100
    ABORT_ACQUISITION = 0x00100000
    RAW_SPECTRUM = 0x00101100
    SATURATION_LEVEL = 0x001010A0
    INTEGRATION_TIME = 0x00110000
    MIN_INTEGRATION_TIME = 0x00110001
    MAX_INTEGRATION_TIME = 0x00110002
    SET_INTEGRATION_TIME = 0x00110010
    LAMP_ENABLED = 0x00110400
    SET_LAMP_ENABLED = 0x00110410
    SCANS_TO_AVERAGE = 0x00120000
    SET_SCANS_TO_AVERAGE = 0x00120010
    WAVELENGTH_COEFFICIENT_COUNT = 0x00180100
    WAVELENGTH_COEFFICIENT = 0x00180101
    ALL_TEMPERATURES = 0x00400002
    TEC_TEMPERATURE = 0x00420004


SETS = frozenset(
    {
        MessageType.SET_CHECKSUM_TYPE,
        MessageType.ABORT_ACQUISITION,
        MessageType.SET_INTEGRATION_TIME,
        MessageType.SET_LAMP_ENABLED,
        MessageType.SET_SCANS_TO_AVERAGE,
    }
)


class Flag(IntFlag):
    """What kind of message it is."""

    RESPONSE = 0x01
    ACK = 0x02
    ACK_REQUESTED = 0x04
    NACK = 0x08
    HARDWARE_EXCEPTION = 0x10
    PROTOCOL_DEPRECATED = 0x20


class Checksum(IntEnum):
    """How a message is protected."""

    NONE = 0
    MD5 = 1


class ErrorNumber(IntEnum):
    """Error numbers that the driver acts on; `ERROR_WORDS` has all."""

    OK = 0
    UNKNOWN_TYPE = 2
    NOT_READY = 7
    DEFERRED = 255


ERROR_WORDS: Mapping[int, str] = {
    1: "unsupported protocol", 2: "unknown message type", 3: "bad checksum", 4: "message too large",
    5: "wrong payload length", 6: "invalid payload", 7: "not ready", 8: "unknown checksum type",
    9: "unexpected reset", 10: "too many buses", 11: "out of memory", 12: "no such information",
    13: "internal error", 100: "decryption failed", 101: "invalid firmware layout", 102: "wrong packet size",
    103: "incompatible hardware revision", 104: "incompatible flash map", 255: "deferred",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message.

    Attributes:
        checksum: how it was protected; with `Checksum.NONE` nothing vouches for its bytes.
        wire: the bytes that it came as.
    """

    type: int
    flags: Flag
    error: int
    regarding: int
    data: bytes
    checksum: Checksum
    wire: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class BadHeader:
    """A field of a header has a value that the protocol does not allow."""

    field: str
    value: int


@dataclass(frozen=True, slots=True)
class BadChecksum:
    """A message of `size` bytes came with a wrong checksum."""

    size: int


@dataclass(frozen=True, slots=True)
class BadEnd:
    """No end marker where a message of `size` bytes should end."""

    size: int


MessageEvent = Message | BadHeader | BadChecksum | BadEnd
Event = MessageEvent | Garbage | CutShort


def encode_request(kind: MessageType, regarding: int, data: bytes = b"") -> bytes:
    """Return the message that asks `kind`, protected by MD5; one that sets something asks for an ACK."""
    return encode_message(kind, Flag.ACK_REQUESTED if kind in SETS else Flag(0), regarding, data)


def encode_message(
    kind: int,
    flags: Flag,
    regarding: int,
    data: bytes = b"",
    error: int = 0,
    checksum: Checksum = Checksum.MD5,
) -> bytes:
    """Return the bytes of a message; up to 16 bytes of data travel in its header.

    Raises:
        ValueError: the data are longer than the protocol allows.
    """
    if len(data) > MAX_PAYLOAD:
        raise ValueError(f"data have {len(data)} bytes, expected at most {MAX_PAYLOAD}")
    immediate, payload = (data, b"") if len(data) <= MAX_IMMEDIATE else (b"", data)
    head = _HEAD.pack(
        START, PROTOCOL_VERSION, flags, error, kind, regarding,
        checksum, len(immediate), immediate, len(payload) + _TAIL_SIZE,
    )  # fmt: skip
    return head + payload + _checksum_of(head + payload, checksum) + END


class MessageParser(FrameScanner[MessageEvent]):
    """Finds the messages of an Ocean spectrometer in a stream of bytes."""

    def __init__(self) -> None:
        super().__init__(START, _read_message)


def _read_message(buffer: bytearray) -> Found[MessageEvent] | None:
    """Return what stands at the start of the buffer; None if more bytes are needed to tell."""
    if len(buffer) < _HEAD.size:
        return None
    _, _, flags, error, kind, regarding, checksum_type, length, inline, following = _HEAD.unpack_from(buffer)
    payload_size = following - _TAIL_SIZE
    bad = _bad_field(checksum_type, length, payload_size)
    if bad is not None:
        return Found(bad)
    end, size = _HEAD.size + payload_size, _HEAD.size + following
    if len(buffer) < size:
        return None
    if not buffer.startswith(END, size - len(END)):
        return Found(BadEnd(size))
    checksum = Checksum(checksum_type)
    if buffer[end : end + _CHECKSUM_SIZE] != _checksum_of(bytes(buffer[:end]), checksum):
        return Found(BadChecksum(size))
    data = bytes(buffer[_HEAD.size : end]) or inline[:length]
    wire = bytes(buffer[:size])
    return Found(Message(kind, Flag(flags), error, regarding, data, checksum, wire), size)


def _bad_field(checksum_type: int, length: int, payload_size: int) -> BadHeader | None:
    if checksum_type not in tuple(Checksum):
        return BadHeader("checksum type", checksum_type)
    if not 0 <= payload_size <= MAX_PAYLOAD:
        return BadHeader("bytes that follow", payload_size + _TAIL_SIZE)
    # Data stand either in the header or behind it.
    if length > (0 if payload_size else MAX_IMMEDIATE):
        return BadHeader("immediate length", length)
    return None


def _checksum_of(covered: bytes, checksum: Checksum) -> bytes:
    if checksum is Checksum.NONE:
        return _NO_CHECKSUM
    return hashlib.md5(covered, usedforsecurity=False).digest()  # the protocol's, against noise
