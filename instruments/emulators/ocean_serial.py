"""The serial port of an emulated Ocean spectrometer: requests, replies, and what goes wrong between."""

from collections.abc import Iterator
from dataclasses import dataclass

from instruments.emulators.ocean_device import OceanDevice, Refused
from instruments.emulators.serial_port import SerialPort
from instruments.emulators.serial_process import Reply
from instruments.emulators.spoiling import LINE_FAULTS, flipped, spoilt
from instruments.frame_scanner import Garbage
from instruments.ocean.codec import (
    SETS,
    START,
    BadChecksum,
    Checksum,
    ErrorNumber,
    Flag,
    Message,
    MessageParser,
    MessageType,
    encode_message,
)

SERIAL_FAULTS = LINE_FAULTS | {
    "bad_checksum": "replies have a wrong checksum",
    "bit_flip": "one bit in the middle of a reply is another",
    "unchecked": "replies have no checksum",
    "wrong_regarding": "replies answer another question",
    "wrong_type": "replies are of another type",
    "wrong_length": "replies say that 65535 bytes follow",
    "deferred": "replies are announced by the error number 255",
    "busy": "the device says that it is not ready",
    "reject": "the device refuses with an internal error",
}

_BAD_CHECKSUM, _UNKNOWN_CHECKSUM, _INTERNAL = 3, 8, 13
# Half of the reply to a serial number request, between bytes that mean nothing.
_GARBAGE = b"\0\0\xff\x07\xc1\0" + START + bytes.fromhex("00110100 0000 00010000 07000000") + b"\0" * 9
_FOLLOWING_AT = 40  # where a message says how many bytes follow


@dataclass(frozen=True, slots=True)
class _Scan:
    """A scan that is being taken: its result, when it is ready, and who asked."""

    request: Message
    spectrum: bytes
    ready_at_s: float


class OceanSerial(SerialPort[OceanDevice]):
    """Reads requests for a device and spoils its replies as the active faults say."""

    @property
    def wakes_at_s(self) -> float | None:
        """When the scan that is being taken is ready."""
        return self._scan.ready_at_s if self._scan is not None else None

    def _forget(self) -> None:
        self._parser = MessageParser()
        self._checksum = Checksum.NONE
        self._scan: _Scan | None = None

    def _replies(self, data: bytes, now_s: float) -> Iterator[Reply | None]:
        if self._scan is not None and now_s >= self._scan.ready_at_s:
            done, self._scan = self._scan, None
            yield self._reply(done.request, done.spectrum)
        for event in self._parser.feed(data):
            if isinstance(event, Message):
                yield from self._replies_to(event, now_s)
            elif isinstance(event, BadChecksum):
                yield Reply(self._encoded(None, Flag.NACK, b"", _BAD_CHECKSUM))
            elif not isinstance(event, Garbage):
                self._parser = MessageParser()

    def _replies_to(self, request: Message, now_s: float) -> list[Reply | None]:
        strikes = self._faults.strikes
        if strikes("reject", request.type):
            return [self._refusal(request, _INTERNAL)]
        if strikes("busy", request.type) or (self._scan is not None and request.type not in SETS):
            return [self._refusal(request, ErrorNumber.NOT_READY)]
        deferral: list[Reply | None] = []
        if strikes("deferred", request.type):
            deferral = [self._refusal(request, ErrorNumber.DEFERRED)]
        try:
            return deferral + self._obeyed(request, now_s)
        except Refused as refusal:
            return [self._refusal(request, refusal.number)]

    def _obeyed(self, request: Message, now_s: float) -> list[Reply | None]:
        match request.type:
            case MessageType.RAW_SPECTRUM:
                seconds = self._device.scan_seconds()
                self._scan = _Scan(request, self._device.take_spectrum(now_s), now_s + seconds)
                return []
            case MessageType.ABORT_ACQUISITION:
                self._scan = None
                return [self._reply(request, b"")]
            case MessageType.SET_CHECKSUM_TYPE:
                if request.data not in (b"\0", b"\1"):
                    raise Refused(_UNKNOWN_CHECKSUM)
                self._checksum = Checksum(request.data[0])
                return [self._reply(request, b"")]
        return [self._reply(request, self._device.answer(request.type, request.data, now_s))]

    def _refusal(self, request: Message, number: int) -> Reply:
        return Reply(self._encoded(request, Flag.RESPONSE | Flag.NACK, b"", number))

    def _reply(self, request: Message, data: bytes) -> Reply | None:
        """Return the reply to a request, spoilt as the faults say; None if there is none."""
        wanted = bool(request.flags & Flag.ACK_REQUESTED)
        if request.type in SETS and not wanted:
            return None
        good = self._encoded(request, Flag.RESPONSE | (Flag.ACK if wanted else Flag(0)), data, 0)
        return spoilt(self._faults, request.type, self._altered(good, request.type), _GARBAGE)

    def _altered(self, good: bytes, kind: int) -> bytes:
        """Return the bytes of a reply as the faults of this protocol alter them."""
        strikes = self._faults.strikes
        if strikes("bad_checksum", kind):
            return flipped(good, len(good) - 5)
        if strikes("bit_flip", kind):
            return flipped(good, len(good) // 2)
        if strikes("wrong_length", kind):
            return good[:_FOLLOWING_AT] + b"\xff\xff\0\0" + good[_FOLLOWING_AT + 4 :]
        return good

    def _encoded(self, request: Message | None, flags: Flag, data: bytes, error: int) -> bytes:
        kind, regarding = (request.type, request.regarding) if request is not None else (0, 0)
        checksum = self._checksum
        if error == 0:
            regarding ^= bool(self._faults.strikes("wrong_regarding", kind))
            checksum = Checksum.NONE if self._faults.strikes("unchecked", kind) else checksum
            kind ^= 0x80 if self._faults.strikes("wrong_type", kind) else 0
        return encode_message(kind, flags, regarding, data, error, checksum)
