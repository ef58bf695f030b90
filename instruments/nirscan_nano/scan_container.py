"""Scans of the NIRscan Nano: container bytes to a typed record, and the record to counts over wavelength."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.nirscan_nano.axis import ADC_VALUES, BLACK_PERIOD, ColumnAxis, wavelengths_nm
from instruments.nirscan_nano.payloads import decode_device_time
from instruments.nirscan_nano.tpl import decode_container, encode_container
from qc_daemon.domain.arrays import frozen_array
from qc_daemon.domain.errors import ProtocolError
from qc_daemon.domain.spectrum import Scan, ScanConditions, ScanSettings

RAW_FORMAT = "nirscan-nano"
FULL_SCALE_COUNTS = float(2**23)  # a 24-bit converter with sign
CONTAINER_SIZE = 3822  # of firmware 2.1.0: 3701 bytes of container and zeros

_TYPE_STRING = "S(uc#cccccccjjvvu$(f#f#)c#vccccvc#c#vvcvvi#)"
_NAME_SIZE, _SERIAL_SIZE, _CONFIG_NAME_SIZE = 20, 8, 40


# Name, least and greatest value of each field in wire order, before scaling. The device's clock may be
# unset, so its fields are only held to what a clock can show.
_FIELDS: tuple[tuple[str, float, float], ...] = (
    ("header version", 1, 1), ("name", 0, 0), ("year", 0, 255), ("month", 0, 12), ("day", 0, 31),
    ("weekday", 0, 7), ("hour", 0, 23), ("minute", 0, 59), ("second", 0, 59),
    ("system temperature", -4000, 12500), ("detector temperature", -4000, 12500),
    ("humidity", 0, 11000), ("lamp photodiode", 0, 65535), ("scan index", 0, 2**32),
    ("shift coefficients", -1e6, 1e6), ("wavelength coefficients", -1e6, 1e6), ("serial", 0, 0),
    ("number of ADC values", 2, ADC_VALUES), ("first black", 0, 255), ("black period", 2, 255),
    ("PGA gain", 1, 64), ("scan type", 0, 2), ("configuration index", 0, 65535),
    ("configuration serial", 0, 0), ("configuration name", 0, 0), ("start wavelength", 1, 65534),
    ("end wavelength", 2, 65535), ("pattern width", 1, 255), ("number of patterns", 2, ADC_VALUES),
    ("repeats", 1, 65535), ("ADC values", -(2**23), 2**23),
)  # fmt: skip


class ScanType(IntEnum):
    """How the mirrors were driven."""

    COLUMN = 0
    HADAMARD = 1
    SLEW = 2


@dataclass(frozen=True, slots=True, eq=False)
class ScanRecord:
    """The fields of a scan container.

    Attributes:
        device_time: seven bytes of the device's clock: year - 2000, month, day, weekday, h, min, s.
        lamp_photodiode: reading of the lamp monitor.
        shift_coefficients: (3,) of the detector row; carried along, not used for wavelengths.
        first_black: index of the first ADC value that was taken with all mirrors off.
        black_period: distance of those values.
        config_serial: bytes that the device leaves undefined in factory references.
        adc: (n,) the valid ADC values, black ones among them.
    """

    name: str
    device_time: bytes
    system_temperature_c: float
    detector_temperature_c: float
    humidity_percent: float
    lamp_photodiode: int
    scan_index: int
    shift_coefficients: NDArray[np.float64]
    axis: ColumnAxis
    serial: str
    first_black: int
    black_period: int
    pga_gain: int
    scan_type: int
    config_index: int
    config_serial: bytes
    config_name: str
    repeats: int
    adc: NDArray[np.int64]

    def __post_init__(self) -> None:
        shift = frozen_array(self.shift_coefficients, np.float64, (3,), "shift_coefficients")
        object.__setattr__(self, "shift_coefficients", shift)
        object.__setattr__(self, "adc", frozen_array(self.adc, np.int64, (None,), "adc"))


def decode_raw_scan(raw: bytes) -> Scan:
    """Return the scan that the bytes of one container say; `raw` may be padded.

    Raises:
        ProtocolError: the bytes are no scan, or one that is not supported (Hadamard, slew).
    """
    return scan_of(decode_scan(raw), raw)


def decode_scan(raw: bytes) -> ScanRecord:
    """Decode and check one scan container.

    The checksum of the link is a sum, blind to swapped bytes, so every field that has a range is
    held against it.

    Raises:
        ProtocolError: the bytes are no scan, or a field cannot be true.
    """
    container = decode_container(raw)
    if container.type_string != _TYPE_STRING:
        raise ProtocolError(f'container of type "{container.type_string[:80]}", expected a scan')
    _check(container.values)
    return _record(container.values)


def scan_of(record: ScanRecord, raw: bytes) -> Scan:
    """Return counts and dark level over wavelength of a column scan; `raw` is what it was decoded from.

    The dark level is the mean of the black values cut to a whole number, as the maker does.

    Raises:
        ProtocolError: the scan is not a column scan, or its axis cannot be true.
    """
    _require_column_scan(record)
    black = _black_values(record)
    counts = record.adc[~black]
    if counts.size != record.axis.patterns or not black.any():
        raise ProtocolError(
            f"scan has {counts.size} values and {int(black.sum())} black ones, "
            f"expected {record.axis.patterns} and at least 1"
        )
    try:
        wavelength_nm = wavelengths_nm(record.axis)
    except ValueError as error:
        raise ProtocolError(f"scan has an impossible wavelength axis: {error}") from error
    return Scan(
        raw=raw,
        raw_format=RAW_FORMAT,
        serial=record.serial,
        wavelength_nm=wavelength_nm,
        counts=counts.astype(np.float64),
        dark_counts=np.full(counts.size, np.trunc(record.adc[black].mean())),
        full_scale_counts=FULL_SCALE_COUNTS,
        settings=ScanSettings(record.config_name, record.repeats, record.pga_gain),
        conditions=ScanConditions(
            record.system_temperature_c,
            record.detector_temperature_c,
            record.humidity_percent,
            record.lamp_photodiode,
        ),
        device_at=decode_device_time(record.device_time),
    )


def first_black(patterns: int) -> int:
    """Return where the first black value of a column scan stands: after 24 patterns, or after all."""
    return min(BLACK_PERIOD - 1, patterns)


def with_black_values(counts: NDArray[np.int64], dark_counts: int) -> NDArray[np.int64]:
    """Return the ADC values of a column scan of (n,) `counts`: a black value after every 24th pattern."""
    black_count = max(counts.size // (BLACK_PERIOD - 1), 1)
    places = (np.arange(black_count) + 1) * first_black(counts.size)
    return np.insert(counts, places, dark_counts)


def encode_scan(record: ScanRecord) -> bytes:
    """Return the container of a scan as firmware 2.1.0 hands it out, padded with zeros.

    Raises:
        ValueError: there are more ADC values than the container holds.
    """
    if record.adc.size > ADC_VALUES:
        raise ValueError(f"scan has {record.adc.size} ADC values, expected at most {ADC_VALUES}")
    axis = record.axis
    values: list[Any] = [
        1,
        _padded(record.name, _NAME_SIZE),
        *record.device_time,
        round(100 * record.system_temperature_c),
        round(100 * record.detector_temperature_c),
        round(100 * record.humidity_percent),
        record.lamp_photodiode,
        record.scan_index,
        record.shift_coefficients,
        np.array([axis.c0, axis.c1, axis.c2]),
        _padded(record.serial, _SERIAL_SIZE),
        record.adc.size,
        record.first_black,
        record.black_period,
        record.pga_gain,
        record.scan_type,
        record.config_index,
        record.config_serial,
        _padded(record.config_name, _CONFIG_NAME_SIZE),
        axis.start_nm,
        axis.end_nm,
        axis.width_px,
        axis.patterns,
        record.repeats,
        np.pad(record.adc, (0, ADC_VALUES - record.adc.size)),
    ]
    return encode_container(_TYPE_STRING, values).ljust(CONTAINER_SIZE, b"\0")


def _record(values: tuple[Any, ...]) -> ScanRecord:
    (
        _, name, *device_time, system_temperature, detector_temperature, humidity, lamp, scan_index,
        shift, (c0, c1, c2), serial, adc_count, first_black, black_period, pga_gain, scan_type, config_index,
        config_serial, config_name, start_nm, end_nm, width_px, patterns, repeats, adc,
    ) = values  # fmt: skip
    return ScanRecord(
        name=_text(name),
        device_time=bytes(device_time),
        system_temperature_c=system_temperature / 100,
        detector_temperature_c=detector_temperature / 100,
        humidity_percent=humidity / 100,
        lamp_photodiode=lamp,
        scan_index=scan_index,
        shift_coefficients=shift,
        axis=ColumnAxis(float(c0), float(c1), float(c2), start_nm, end_nm, patterns, width_px),
        serial=_text(serial),
        first_black=first_black,
        black_period=black_period,
        pga_gain=pga_gain,
        scan_type=scan_type,
        config_index=config_index,
        config_serial=config_serial,
        config_name=_text(config_name),
        repeats=repeats,
        adc=adc[:adc_count],
    )


def _check(values: tuple[Any, ...]) -> None:
    for (name, low, high), value in zip(_FIELDS, values, strict=True):
        if isinstance(value, bytes):
            continue  # text: whatever it says harms nothing
        numbers = np.atleast_1d(value)
        wrong = numbers[~((numbers >= low) & (numbers <= high))]
        if wrong.size:
            raise ProtocolError(f"scan field {name} is {wrong[0]}, expected {low:g} to {high:g}")
        if name.endswith("coefficients") and numbers.shape != (3,):
            raise ProtocolError(f"scan field {name} has {numbers.size} values, expected 3")


def _require_column_scan(record: ScanRecord) -> None:
    if record.scan_type != ScanType.COLUMN:
        kind = ScanType(record.scan_type).name.lower()
        raise ProtocolError(
            f'scan "{record.config_name}" is a {kind} scan, which is not decoded; '
            "select a column configuration in the instrument"
        )


def _black_values(record: ScanRecord) -> NDArray[np.bool_]:
    """Return (n,) which ADC values were taken with all mirrors off."""
    behind = np.arange(record.adc.size) - record.first_black
    black: NDArray[np.bool_] = (behind >= 0) & (behind % record.black_period == 0)
    return black


def _text(field: bytes) -> str:
    """Return text up to its first NUL, with what cannot be printed on a line replaced."""
    text = field.split(b"\0", 1)[0].decode("utf-8", errors="replace")
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _padded(text: str, size: int) -> bytes:
    return text.encode("utf-8")[:size].ljust(size, b"\0")
