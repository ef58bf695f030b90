"""A scan of a NIRONE Sensor as the conversation that it came in.

Each exchange is the command with its CR, then the answer: a line with its CR LF or, for `Xm0,n`, the data.
Serial number, wavelengths of the points, averaging, and twice: lamp power, temperature, data; first with the
lamp off, then with the lamp on.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from instruments.nirone.codec import (
    MAX_LINE,
    MAX_POINTS,
    POINT_SIZE,
    decode_block,
    decode_number,
    decode_value,
)
from qc_daemon.domain.errors import ProtocolError
from qc_daemon.domain.spectrum import Scan, ScanConditions, ScanSettings

RAW_FORMAT = "nirone"

_WAVELENGTH = re.compile(r"W(\d{1,3}),(\d{1,5}\.\d)")
_AVERAGING = re.compile(r"V(\d{1,5}),(\d{1,5})")
_LAMP = re.compile(r"LI(\d{1,3})")
_BLOCK = re.compile(r"Xm0,(\d{1,3})")
# So many equal greatest values side by side are the end of the converter, which the sensor does not tell.
_PLATEAU = 3


@dataclass(frozen=True, slots=True)
class Exchange:
    """A command and its answer: the text of a line, or the bytes of a block."""

    command: str
    answer: bytes


def record_scan(exchanges: Iterable[Exchange]) -> bytes:
    """Return the raw bytes of a scan."""
    return b"".join(
        exchange.command.encode("ascii")
        + b"\r"
        + exchange.answer
        + (b"" if _BLOCK.fullmatch(exchange.command) else b"\r\n")
        for exchange in exchanges
    )


@dataclass(slots=True)
class _Said:
    """What the conversation has said so far."""

    serial: str = ""
    wavelengths_nm: dict[int, float] = field(default_factory=dict)
    averaged: int = 0
    lamp_percent: int = 0
    temperature_c: float | None = None
    dark: NDArray[np.float64] | None = None
    lit: NDArray[np.float64] | None = None

    def hear(self, exchange: Exchange) -> None:
        """Take one exchange in."""
        command, line = exchange.command, exchange.answer
        if block := _BLOCK.fullmatch(command):
            self._hear_counts(decode_block(line, int(block[1])))
        elif point := _WAVELENGTH.fullmatch(command):
            self.wavelengths_nm[int(point[1])] = float(point[2])
        elif averaging := _AVERAGING.fullmatch(command):
            self.averaged = int(averaging[2])
        elif lamp := _LAMP.fullmatch(command):
            self.lamp_percent = int(lamp[1])
        elif command == "h2":
            self.serial = decode_value(_text(line), "serial number")[1]
        elif command == "St":
            self.temperature_c = decode_number(decode_value(_text(line), "temperature")[1], "temperature")
        else:
            raise ProtocolError(f'the recorded scan has an exchange "{command[:20]}"')

    def _hear_counts(self, counts: NDArray[np.float64]) -> None:
        if self.lamp_percent == 0:
            self.dark = counts
        else:
            self.lit = counts


def decode_raw_scan(raw: bytes) -> Scan:
    """Return the scan that a recorded conversation says.

    Raises:
        ProtocolError: the bytes are no such conversation, or something in it is missing or cannot be true.
    """
    said = _Said()
    for exchange in _exchanges(raw):
        said.hear(exchange)
    points = len(said.wavelengths_nm)
    if said.dark is None or said.lit is None or not said.serial or not said.averaged:
        raise ProtocolError("the recorded scan lacks serial number, averaging, dark or lit data")
    if not points == len(said.dark) == len(said.lit) or set(said.wavelengths_nm) != set(range(points)):
        raise ProtocolError(
            f"the recorded scan has {points} wavelengths, {len(said.dark)} dark points "
            f"and {len(said.lit)} lit ones"
        )
    axis_nm = np.array([said.wavelengths_nm[index] for index in range(points)])
    if np.any(np.diff(axis_nm) <= 0) or axis_nm[0] <= 0:
        raise ProtocolError("the wavelengths of the recorded scan do not ascend")
    return _scan(raw, said, axis_nm, said.dark, said.lit)


def _scan(
    raw: bytes, said: _Said, axis_nm: NDArray[np.float64], dark: NDArray[np.float64], lit: NDArray[np.float64]
) -> Scan:
    return Scan(
        raw=raw,
        raw_format=RAW_FORMAT,
        serial=said.serial,
        wavelength_nm=axis_nm,
        counts=lit,
        dark_counts=dark,
        full_scale_counts=_full_scale(lit),
        settings=ScanSettings(
            f"{axis_nm[0]:g}-{axis_nm[-1]:g} nm, {len(axis_nm)} points, lamp {said.lamp_percent} %",
            said.averaged,
            pga_gain=1,
        ),
        conditions=ScanConditions(system_temperature_c=said.temperature_c),
    )


def _full_scale(lit: NDArray[np.float64]) -> float:
    """Return where the converter ends if the scan shows it, else infinity: the sensor does not tell."""
    top = float(lit.max())
    at_top = np.convolve(lit == top, np.ones(_PLATEAU), "valid") >= _PLATEAU
    return top if top > 0 and at_top.any() else float("inf")


def _exchanges(raw: bytes) -> Iterator[Exchange]:
    place = 0
    while place < len(raw):
        end = raw.find(b"\r", place, place + MAX_LINE)
        command = _text(raw[place:end]) if end >= 0 else ""
        start = end + 1
        block = _BLOCK.fullmatch(command)
        if block:
            size, behind = POINT_SIZE * min(int(block[1]), MAX_POINTS), 0
        else:
            size, behind = raw.find(b"\r\n", start, start + MAX_LINE) - start, 2
        if not command or size < 0 or start + size > len(raw):
            raise ProtocolError(f"the recorded scan is damaged at byte {place} of {len(raw)}")
        if not block:
            _text(raw[start : start + size])  # a line end that was lost would join two exchanges
        yield Exchange(command, raw[start : start + size])
        place = start + size + behind


def _text(data: bytes) -> str:
    if not all(0x20 <= byte < 0x7F for byte in data):
        raise ProtocolError(f"the recorded scan reads {data[:40]!r}, expected printable text")
    return data.decode("ascii")
