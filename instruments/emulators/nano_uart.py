"""The UART of an emulated NIRscan Nano: requests in, replies out, and all that can go wrong between."""

import struct
from collections.abc import Iterator

from instruments.emulators.nano_device import NanoDevice, Refused
from instruments.emulators.serial_port import SerialPort
from instruments.emulators.serial_process import Reply
from instruments.emulators.spoiling import LINE_FAULTS, flipped, spoilt
from instruments.frame_scanner import Garbage
from instruments.nirscan_nano.codec import (
    END,
    START,
    BadChecksum,
    Frame,
    FrameParser,
    Response,
    encode_frame,
)

UART_FAULTS = LINE_FAULTS | {
    "bad_checksum": "replies have a wrong checksum",
    "bit_flip": "one bit of each reply is wrong, each time in the next byte",
    "wrong_length": "replies say that VALUE bytes follow (65535)",
    "garbage_after": "noise stands behind replies",
    "echo": "the line gives each request back before its reply",
    "wrong_echo": "replies name another command",
    "missing_echo": "replies name no command, as on USB",
    "busy": "the device says that it is busy",
    "reject": "the device refuses",
    "stale_error_length": "the length of error replies is that of an older reply",
    "unplugged": "the port is not there",
}

# The real device gives up after 1 ms; no scheduler keeps that on a pty.
_GAP_S = 0.02
_ERROR_FLAG = Response.ERROR << 4
_BUSY_FLAG = Response.BUSY << 4
_LINK_FAILURE = encode_frame(_ERROR_FLAG, 0, b"")
_CHECKSUM_REFUSAL = encode_frame(0xC0 | _ERROR_FLAG, 0, b"")
_STALE_LENGTH = 40
# Half of the reply to a serial number request, between bytes that mean nothing.
_NOISE = b"\0\xff\x07AB\0"
_GARBAGE = b"\0\0\xff\x07AB\0" + START + bytes.fromhex("2f 02 00 00 c0 11 0a 00 33 02 35 35")


class NanoUart(SerialPort[NanoDevice]):
    """Reads requests for a device and spoils its replies as the active faults say."""

    _last_byte_s = 0.0
    _bits_flipped = 0

    @property
    def wakes_at_s(self) -> float | None:
        """When a request that has stopped in the middle is given up; None if none has."""
        return self._last_byte_s + _GAP_S if self._parser.pending else None

    def _forget(self) -> None:
        self._parser = FrameParser()

    def _replies(self, data: bytes, now_s: float) -> Iterator[Reply | None]:
        if not data and self.wakes_at_s is not None and now_s >= self.wakes_at_s:
            yield self._throw_away(_LINK_FAILURE)
            return
        self._last_byte_s = now_s if data else self._last_byte_s
        for event in self._parser.feed(data):
            if isinstance(event, Frame) and event.command is not None:
                if self._faults.value("echo"):
                    yield Reply(encode_frame(event.flags, event.sequence, event.payload))
                yield self._answer(event, event.command, now_s)
            elif isinstance(event, BadChecksum):
                yield self._throw_away(_CHECKSUM_REFUSAL)
            elif not isinstance(event, Garbage):  # bytes before a start marker are ignored
                yield self._throw_away(_LINK_FAILURE)

    def _throw_away(self, failure: bytes) -> Reply:
        """Forget what has come so far, and say that it could not be read."""
        self._forget()
        return Reply(failure)

    def _answer(self, request: Frame, command: int, now_s: float) -> Reply | None:
        if self._faults.strikes("busy", command):
            return Reply(encode_frame(request.flags | _BUSY_FLAG, request.sequence, request.payload[:2]))
        if self._faults.strikes("reject", command):
            return Reply(self._error_reply(request))
        try:
            data = self._device.answer(command, request.data, now_s)
        except Refused:
            return Reply(self._error_reply(request))
        return self._spoilt(request, data, command)

    def _error_reply(self, request: Frame) -> bytes:
        if not self._faults.value("stale_error_length"):
            return encode_frame(request.flags | _ERROR_FLAG, request.sequence, b"")
        body = struct.pack("<BBH", request.flags | _ERROR_FLAG, request.sequence, _STALE_LENGTH)
        return START + struct.pack("<I", sum(body)) + body + END

    def _spoilt(self, request: Frame, data: bytes, command: int) -> Reply | None:
        """Return the reply with the first fault that strikes; None if it is lost."""
        strikes = self._faults.strikes
        echo = request.payload[:2]
        if strikes("wrong_echo", command):
            echo = bytes((echo[0] ^ 0xFF, echo[1]))
        elif strikes("missing_echo", command):
            echo = b""
        good = encode_frame(request.flags, request.sequence, echo + data)
        if strikes("bad_checksum", command):
            good = flipped(good, 4)
        if strikes("bit_flip", command):
            good = flipped(good, self._bits_flipped % len(good), 0x10)
            self._bits_flipped += 1
        length = self._faults.value("wrong_length", default=65535.0, command=command)
        if length is not None:
            good = _with_length(good, int(length))
        if strikes("garbage_after", command):
            good += _NOISE
        return spoilt(self._faults, command, good, _GARBAGE)


def _with_length(frame: bytes, length: int) -> bytes:
    """Return a frame that claims another length, with the checksum that belongs to it."""
    body = frame[8:10] + struct.pack("<H", length & 0xFFFF) + frame[12 : -len(END)]
    return START + struct.pack("<I", sum(body)) + body + END
