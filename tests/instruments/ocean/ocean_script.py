"""An Ocean spectrometer of literal answers: its messages are put together here, not by the codec."""

import hashlib
import struct
from collections.abc import Callable, Mapping

from scripted_link import ScriptedLink

RESPONSE, ACK, NACK = 1, 2, 8
SETS = (0x10, 0x00100000, 0x00110010, 0x00110410, 0x00120010)
DARK, LIT = list(range(100, 132)), list(range(1000, 33_000, 1000))
UNKNOWN_TYPE = 2

# What the device answers to each message type: 32 pixels from 650 nm on, 2 nm apart, 14 bits.
ANSWERS: Mapping[int, list[bytes]] = {
    0x00000010: [b""],
    0x00100000: [b""],
    0x00000100: [b"STS00042"],
    0x00000080: [b"\x03"],
    0x00000090: [bytes.fromhex("2301")],
    0x001010A0: [struct.pack("<I", 16383)],
    0x00180100: [b"\x02"],
    0x00180101: [struct.pack("<f", 650.0), struct.pack("<f", 2.0)],
    0x00110001: [struct.pack("<I", 10)],
    0x00110002: [struct.pack("<I", 10_000_000)],
    0x00110010: [b""],
    0x00120010: [b""],
    0x00110000: [struct.pack("<I", 100_000)],
    0x00120000: [b"\x05"],
    0x00110410: [b""],
    0x00101100: [struct.pack("<32H", *DARK), struct.pack("<32H", *LIT)],
    0x00400002: [struct.pack("<2f", 31.5, 38.0)],
}

Spoil = Callable[[bytes], bytes]


def sealed(kind: int, flags: int, regarding: int, data: bytes, error: int = 0) -> bytes:
    """Return a message with MD5, field by field from the table of the protocol."""
    immediate, payload = (data, b"") if len(data) <= 16 else (b"", data)
    head = bytes.fromhex("c1c00011") + struct.pack("<HHII", flags, error, kind, regarding) + bytes(6)
    head += bytes([1, len(immediate)]) + immediate.ljust(16, b"\0") + struct.pack("<I", len(payload) + 20)
    return head + payload + hashlib.md5(head + payload).digest() + bytes.fromhex("c5c4c3c2")


class ScriptedOcean(ScriptedLink):
    """A link to it. `spoil` names, for a message type, what happens to its next replies."""

    def __init__(self, answers: Mapping[int, list[bytes]] = ANSWERS) -> None:
        super().__init__([])
        self._answers = answers
        self._given: dict[int, int] = {}
        self.spoil: dict[int, list[Spoil]] = {}
        self.asked: list[tuple[int, bytes]] = []

    def write_all(self, data: bytes) -> None:
        kind, regarding = struct.unpack_from("<II", data, 8)
        self.asked.append((kind, data[24 : 24 + data[23]]))
        reply = self._reply(kind, regarding)
        waiting = self.spoil.get(kind)
        reply = waiting.pop(0)(reply) if waiting else reply
        if reply:
            self._incoming.append(reply)

    def _reply(self, kind: int, regarding: int) -> bytes:
        if kind not in self._answers:
            return sealed(kind, RESPONSE | NACK, regarding, b"", UNKNOWN_TYPE)
        count = self._given.get(kind, 0)
        self._given[kind] = count + 1
        choices = self._answers[kind]
        return sealed(kind, RESPONSE | (ACK if kind in SETS else 0), regarding, choices[count % len(choices)])
