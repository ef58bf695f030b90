"""Mutated streams against the codecs of all spectrometers: `python -m benchmarks.codec_fuzz --cases 1000000`.

The material is what each emulated instrument sends while its driver opens it and measures. Of it, streams
are made: whole replies, cut ones, ones with bytes flipped, swapped or repeated, and noise with markers in
it. Whatever comes, a codec must

- raise nothing (a decoder of scans may raise `ProtocolError`),
- give the same events for any split of the stream,
- keep no more bytes than its longest reply,
- and, where a checksum allows it, accept no message that the instrument did not send.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.nirone import NIRONE
from instruments.emulators.nirscan_nano import NANO
from instruments.emulators.ocean import OCEAN
from instruments.emulators.serial_process import Emulated, SerialDevice
from instruments.emulators.tape import Tape
from instruments.nirone.codec import MAX_LINE, LineParser
from instruments.nirone.driver import NironeSensor
from instruments.nirone.recording import decode_raw_scan as decode_nirone
from instruments.nirscan_nano.codec import MAX_LENGTH, FrameParser
from instruments.nirscan_nano.driver import NirscanNano
from instruments.nirscan_nano.scan_container import decode_raw_scan as decode_nano
from instruments.ocean.codec import MAX_PAYLOAD, Checksum, Message, MessageParser
from instruments.ocean.driver import OceanSpectrometer
from instruments.ocean.recording import decode_raw_scan as decode_ocean
from qc_daemon.domain.errors import ProtocolError
from qc_daemon.domain.spectrum import Scan

_SCAN_EVERY = 10  # one case in so many is a mutated scan instead of a stream
_FRAMING = 64  # bytes of markers, header and checksum around the longest payload, at most
_LONGEST_PIECE = 400  # so that a stream holds several replies rather than one spectrum


@dataclass(frozen=True, slots=True)
class Codec:
    """What is fuzzed: how to parse, how to decode a scan, and what the instrument really sends.

    Attributes:
        bound: bytes that the parser may keep.
        markers: bytes that mean something to the parser.
        sealed: whether a strong checksum covers every byte.
        replies: what the instrument sent while it was opened and measured.
        scan: the raw bytes of a scan.
    """

    name: str
    parser: Callable[[], Any]
    decode_scan: Callable[[bytes], Scan]
    bound: int
    markers: tuple[bytes, ...]
    sealed: bool
    replies: tuple[bytes, ...]
    scan: bytes


def codecs() -> list[Codec]:
    """Return the codecs with their material."""
    return [
        _codec("nirscan-nano", NANO, NirscanNano, FrameParser, decode_nano, MAX_LENGTH + _FRAMING,
               (b"ABCD", b"DCBA", b"ABABCD")),
        _codec("nirone", NIRONE, NironeSensor, LineParser, decode_nirone, MAX_LINE,
               (b"\r\n", b"\n", b": ", b"Measurement ready\r\n")),
        _codec("ocean", OCEAN, OceanSpectrometer, MessageParser, decode_ocean, MAX_PAYLOAD + _FRAMING,
               (bytes.fromhex("c1c0"), bytes.fromhex("c5c4c3c2"), bytes.fromhex("c1c0001101"))),
    ]  # fmt: skip


def run(codec: Codec, cases: int, seed: int) -> Counter[str]:
    """Try so many cases; return how often each event was seen.

    Raises:
        AssertionError: the codec broke a rule; the message has the bytes.
    """
    seen: Counter[str] = Counter()
    for case in range(cases):
        dice = random.Random(f"{codec.name} {seed} {case}")
        if case % _SCAN_EVERY == 0:
            seen[_try_scan(codec, _mutated(codec.scan, dice))] += 1
        else:
            seen.update(_try_stream(codec, _stream(codec, dice), dice))
    return seen


def _try_scan(codec: Codec, raw: bytes) -> str:
    try:
        scan = codec.decode_scan(raw)
    except ProtocolError as error:
        assert "\n" not in str(error), f"{codec.name}: {error!r} has more than one line"
        return "scan refused"
    assert np.all(np.isfinite(scan.counts)), f"{codec.name}: a scan with {raw.hex()} is not finite"
    assert not codec.sealed or raw == codec.scan, f"{codec.name}: an altered scan {raw.hex()} is accepted"
    return "scan accepted"


def _try_stream(codec: Codec, stream: bytes, dice: random.Random) -> list[str]:
    whole = codec.parser()
    expected = [*whole.feed(stream), *whole.give_up()]
    split = codec.parser()
    events = []
    place = 0
    while place < len(stream):
        size = dice.choice((1, 2, 3, 7, 30, 200))
        events += split.feed(stream[place : place + size])
        assert len(split._buffer) <= codec.bound, f"{codec.name}: {len(split._buffer)} bytes are kept"
        place += size
    events += split.give_up()
    assert events == expected, f"{codec.name}: the events of {stream.hex()} depend on how it is split"
    _require_genuine(codec, expected)
    return [type(event).__name__ for event in expected]


def _require_genuine(codec: Codec, events: Sequence[Any]) -> None:
    """Require that each message with a checksum is one that the instrument sent."""
    for event in events:
        if isinstance(event, Message) and event.checksum is not Checksum.NONE:
            assert event.wire in codec.replies, f"{codec.name}: {event.wire.hex()} was never sent"


def _stream(codec: Codec, dice: random.Random) -> bytes:
    pieces = (dice.choice(_PIECES)(codec, dice) for _ in range(dice.randint(1, 6)))
    return b"".join(pieces)


def _whole(codec: Codec, dice: random.Random) -> bytes:
    short = [reply for reply in codec.replies if len(reply) <= _LONGEST_PIECE]
    return dice.choice(short if dice.random() < 0.95 else codec.replies)


def _cut(codec: Codec, dice: random.Random) -> bytes:
    reply = _whole(codec, dice)
    return reply[dice.randrange(len(reply)) :] if dice.random() < 0.3 else reply[: dice.randrange(len(reply))]


def _altered(codec: Codec, dice: random.Random) -> bytes:
    return _mutated(_whole(codec, dice), dice)


def _noise(_codec: Codec, dice: random.Random) -> bytes:
    return dice.choice((dice.randbytes(dice.randint(1, 30)), bytes(dice.randint(1, 20))))


def _marker(codec: Codec, dice: random.Random) -> bytes:
    return dice.choice(codec.markers)


_PIECES = (_whole, _whole, _cut, _altered, _altered, _noise, _marker)


def _mutated(data: bytes, dice: random.Random) -> bytes:
    """Return the bytes with one to four of them flipped, swapped, doubled, lost or overwritten."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(max(len(changed) - 1, 1))
        match dice.randrange(5):
            case 0:
                changed[place] ^= 1 << dice.randrange(8)
            case 1:
                changed[place : place + 2] = changed[place : place + 2][::-1]
            case 2:
                changed.insert(place, changed[place])
            case 3:
                del changed[place]
            case _:
                changed[place] = dice.choice((0x00, 0x0A, 0x0D, 0x3A, 0x7F, 0x80, 0xFF))
        if not changed:
            break
    return bytes(changed)


class _SimulatedClock:
    """Time that passes only when it is looked at."""

    def __init__(self) -> None:
        self.elapsed_s = 100.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.elapsed_s)

    def monotonic_s(self) -> float:
        self.elapsed_s += 0.001
        return self.elapsed_s


class _DirectLink:
    """A link into an emulated device of this process; remembers what the device sent."""

    def __init__(self, device: SerialDevice, clock: _SimulatedClock) -> None:
        self._device = device
        self._clock = clock
        self._incoming = bytearray()
        self.replies: list[bytes] = []

    def open(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def read_some(self, timeout_s: float) -> bytes:
        if not self._incoming:
            self._clock.elapsed_s += timeout_s
            self._take(b"")
        data = bytes(self._incoming)
        self._incoming.clear()
        return data

    def write_all(self, data: bytes) -> None:
        self._take(data)

    def _take(self, data: bytes) -> None:
        for reply in self._device.receive(data, self._clock.elapsed_s):
            self.replies.append(reply.data)
            self._incoming += reply.data


def _codec(
    name: str,
    emulated: Emulated,
    driver: Callable[..., Any],
    parser: Callable[[], Any],
    decode_scan: Callable[[bytes], Scan],
    bound: int,
    markers: tuple[bytes, ...],
) -> Codec:
    clock = _SimulatedClock()
    faults = ActiveFaults(emulated.faults, emulated.command_number)
    device = emulated.build(_tape(), 0.05, faults, clock.elapsed_s)
    link = _DirectLink(device, clock)
    with driver(link, clock) as spectrometer:
        device.scene.show_row(0)
        scan = spectrometer.measure()
    sealed = parser is MessageParser
    return Codec(name, parser, decode_scan, bound, markers, sealed, tuple(link.replies), scan.raw)


def _tape() -> Tape:
    """Return one specimen that absorbs in a single band, before an even white reference."""
    wavelength_nm = np.linspace(900.0, 1700.0, 228)
    white = np.full((1, 228), 500_000)
    specimen = np.rint(white * (0.8 - 0.4 * np.exp(-(((wavelength_nm - 1450.0) / 60.0) ** 2)))).astype(
        np.int64
    )
    unknown = np.full(1, np.nan)
    first = np.zeros(1, dtype=np.int64)
    return Tape(wavelength_nm, specimen, white, first, *[unknown] * 4, ("specimen",), "FUZZ", 64, 6)


def main() -> None:
    """Fuzz each codec and print what was seen; a broken rule ends it with the bytes that broke it."""
    parser = argparse.ArgumentParser(description="Mutated streams against the codecs.")
    parser.add_argument("--cases", type=int, default=20_000, help="cases for each codec (20000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--codec", choices=[codec.name for codec in codecs()], help="only this one")
    options = parser.parse_args()
    for codec in codecs():
        if options.codec in (None, codec.name):
            started = time.monotonic()
            seen = run(codec, options.cases, options.seed)
            shown = ", ".join(f"{count} {name}" for name, count in seen.most_common())
            print(f"{codec.name}: {options.cases} cases in {time.monotonic() - started:.0f} s: {shown}")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
