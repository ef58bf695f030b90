"""Scans that the maker's software saved: CSV tables and binary `.dat` files."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instruments.nirscan_nano.axis import BLACK_PERIOD, ColumnAxis, column_axis
from instruments.nirscan_nano.payloads import encode_device_time
from instruments.nirscan_nano.scan_container import (
    FULL_SCALE_COUNTS,
    ScanRecord,
    ScanType,
    decode_raw_scan,
    encode_scan,
    first_black,
    with_black_values,
)
from instruments.nirscan_nano.tpl import decode_container
from qc_daemon.domain.errors import DatasetError, ProtocolError
from qc_daemon.domain.spectrum import Scan

_COLUMNS = (
    "Wavelength (nm)", "Absorbance (AU)", "Reference Signal (unitless)", "Sample Signal (unitless)",
)  # fmt: skip
_TIME = re.compile(r"(\d+)/(\d+)/(\d+) @ (\d+):(\d+):(\d+)")


@dataclass(frozen=True, slots=True, eq=False)
class RecordedScan:
    """A saved scan of a specimen and the white reference that was saved with it."""

    scan: Scan
    reference: Scan


def read_scan_file(path: Path) -> RecordedScan:
    """Read a file that the maker's software saved.

    A `.dat` file holds the device's own bytes. A CSV holds counts from which the dark level was
    already taken: its scans have a dark level of 0, and `raw` is a container made from the table.

    Raises:
        DatasetError: the file cannot be read; the message names it, the row or the column.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}; expected a NIRscan Nano .csv or .dat file") from error
    try:
        return _from_dat(content) if content.startswith(b"tpl") else _from_csv(content)
    except (DatasetError, ProtocolError) as error:
        raise DatasetError(f"{path}: {error}") from error


def _from_dat(content: bytes) -> RecordedScan:
    """Read two containers, scan and reference, each followed by padding of unknown length."""
    border = content.find(b"tpl", decode_container(content).size)
    if border < 0:
        raise DatasetError(f"{len(content)} bytes hold one scan; expected a scan and its reference")
    return RecordedScan(decode_raw_scan(content[:border]), decode_raw_scan(content[border:]))


def _from_csv(content: bytes) -> RecordedScan:
    header, table = _split(content)
    axis = column_axis(table[:, 0])
    return RecordedScan(scan=_scan(header, axis, table[:, 2]), reference=_scan(header, axis, table[:, 1]))


class _Header:
    """The lines above the table: a key that ends with a colon, then one or three values."""

    def __init__(self, rows: Sequence[Sequence[str]]) -> None:
        self._values = {row[0].strip().rstrip(":"): row[1:] for row in rows if row}

    def text(self, key: str) -> str:
        values = self._values.get(key, [])
        if not values or not values[0].strip():
            raise DatasetError(f'no value for "{key}"; expected the header of a NIRscan Nano file')
        return values[0].strip()

    def number(self, key: str) -> float:
        self.text(key)
        return self.numbers(key, 1)[0]

    def numbers(self, key: str, count: int) -> list[float]:
        values = self._values.get(key, [])[:count]
        numbers = [_float_or_nan(value) for value in values]
        if len(numbers) < count or not np.all(np.isfinite(numbers)):
            expected = "a number" if count == 1 else f"{count} numbers"
            raise DatasetError(f'"{key}" is "{",".join(values)}"; expected {expected}')
        return numbers

    def device_time(self) -> bytes:
        text = self.text("Host Date-Time")
        message = f'"Host Date-Time" is "{text}"; expected day/month/year @ hour:minute:second'
        match = _TIME.fullmatch(text)
        if match is None:
            raise DatasetError(message)
        day, month, year, hour, minute, second = map(int, match.groups())
        try:
            # The device knows no time zone.
            return encode_device_time(datetime(2000 + year, month, day, hour, minute, second))  # noqa: DTZ001
        except ValueError as error:
            raise DatasetError(message) from error


def _split(content: bytes) -> tuple[_Header, NDArray[np.float64]]:
    """Return the header and (n, 3) wavelengths, reference and sample counts of a CSV file."""
    try:
        rows = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError("expected a CSV table saved by the maker's software, or a .dat file") from error
    title = next((i for i, row in enumerate(rows) if tuple(cell.strip() for cell in row) == _COLUMNS), None)
    if title is None:
        raise DatasetError(f'no table; expected a row "{",".join(_COLUMNS)}"')
    header = _Header(rows[:title])
    lines = [(number, row) for number, row in enumerate(rows[title + 1 :], start=title + 2) if any(row)]
    table = np.array([_numbers_of(number, row) for number, row in lines])
    expected = header.number("Digital Resolution")
    if len(lines) != expected:
        raise DatasetError(f'{len(lines)} rows in the table; "Digital Resolution" says {expected:g}')
    return header, table


def _numbers_of(number: int, row: Sequence[str]) -> list[float]:
    if len(row) != len(_COLUMNS):
        raise DatasetError(f"line {number} has {len(row)} columns; expected {len(_COLUMNS)}")
    numbers = []
    for name, cell in zip(_COLUMNS, row, strict=True):
        if name == "Absorbance (AU)":
            continue  # it follows from the counts, and is no number where they have no logarithm
        value = _float_or_nan(cell)
        if not abs(value) <= FULL_SCALE_COUNTS:
            raise DatasetError(f'line {number}, column "{name}" is "{cell}"; expected a number within ±2^23')
        numbers.append(value)
    return numbers


def _float_or_nan(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _scan(header: _Header, axis: ColumnAxis, counts: NDArray[np.float64]) -> Scan:
    """Make the scan that a device would have sent for these dark-corrected counts."""
    whole_counts = np.rint(counts).astype(np.int64)
    record = ScanRecord(
        name=header.text("Method"),
        device_time=header.device_time(),
        system_temperature_c=header.number("System Temp (C)"),
        detector_temperature_c=header.number("Detector Temp (C)"),
        humidity_percent=header.number("Humidity (%)"),
        lamp_photodiode=round(header.number("Lamp PD")),
        scan_index=0,
        shift_coefficients=np.array(header.numbers("Shift Vector Coefficients", 3)),
        axis=axis,
        serial=header.text("Serial Number"),
        first_black=first_black(axis.patterns),
        black_period=BLACK_PERIOD,
        pga_gain=round(header.number("PGA Gain")),
        scan_type=ScanType.COLUMN,
        config_index=0,
        config_serial=bytes(8),
        config_name=header.text("Scan Config Name"),
        repeats=round(header.number("Num Repeats")),
        adc=with_black_values(whole_counts, 0),
    )
    try:
        return decode_raw_scan(encode_scan(record))
    except (ValueError, OverflowError) as error:  # a number of the header that its field cannot hold
        raise DatasetError(f"{error}; expected the header of a NIRscan Nano file") from error
