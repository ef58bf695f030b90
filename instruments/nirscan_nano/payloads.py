"""What the replies of the NIRscan Nano say: payload bytes to typed values.

The frame's checksum is a plain sum, blind to swapped bytes, so each decoder checks what it can:
lengths, ranges, printable text.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, IntFlag

from qc_daemon.domain.errors import ProtocolError

_ERROR_STATUS = struct.Struct("<IBbbbhbbbbbbb3x")
_TWO_READINGS = struct.Struct("<2i")
_PHOTODETECTOR = struct.Struct("<3I")


class FileType(IntEnum):
    """Files that the device hands out in chunks."""

    SCAN = 0
    FACTORY_REFERENCE = 2
    INTERPRETED = 8


class DeviceStatus(IntFlag):
    """Bits of the device status that matter here."""

    TIVA_OK = 0x01
    SCAN_RUNNING = 0x02


class ErrorSource(IntFlag):
    """Which part of the device reports an error."""

    SCAN = 0x001
    ADC = 0x002
    SD_CARD = 0x004
    EEPROM = 0x008
    BLUETOOTH = 0x010
    SPECTRUM_LIBRARY = 0x020
    HARDWARE = 0x040
    TEMPERATURE_SENSOR = 0x080
    HUMIDITY_SENSOR = 0x100
    BATTERY = 0x200
    MEMORY = 0x400
    UART = 0x800


_ALL_SOURCES = sum(ErrorSource)
# A scan is worthless after these. The others (a sensor, the SD card, Bluetooth, a UART frame that was
# sent again since) leave the counts as they are.
_SPOIL_A_SCAN = (
    ErrorSource.SCAN
    | ErrorSource.ADC
    | ErrorSource.EEPROM
    | ErrorSource.SPECTRUM_LIBRARY
    | ErrorSource.HARDWARE
    | ErrorSource.MEMORY
)
_SCAN_BITS: Mapping[int, str] = {
    0x01: "DLPC boot", 0x02: "DLPC initialisation", 0x04: "lamp driver", 0x08: "image crop",
    0x10: "ADC data", 0x20: "invalid configuration", 0x40: "pattern streaming", 0x80: "DLPC read",
}  # fmt: skip
_ADC_CODES: Mapping[int, str] = {
    1: "timeout", 2: "power-down", 3: "power-up", 4: "standby", 5: "wake-up", 6: "read register",
    7: "write register", 8: "configuration", 9: "buffer", 10: "command",
}  # fmt: skip
_HARDWARE_CODES: Mapping[int, str] = {1: "DLPC150"}
_UART_CODES: Mapping[int, str] = {-1: "frame without start or end", -2: "checksum", -3: "write failed"}
_LIBRARY_CODES: Mapping[int, str] = {
    -1: "failed", -2: "invalid input", -3: "out of memory", -4: "container", -5: "scan type",
    -6: "null pointer",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ErrorStatus:
    """The device's errors: which parts report one, and the codes of those that have a table of them."""

    sources: ErrorSource
    scan_code: int
    adc_code: int
    library_code: int
    hardware_code: int
    uart_code: int

    @property
    def spoils_scan(self) -> bool:
        """Whether a scan taken under these errors must not be used."""
        return bool(self.sources & _SPOIL_A_SCAN)

    def words(self) -> str:
        """Return the errors in words, such as "scan (lamp driver), adc (timeout)"."""
        details = {
            ErrorSource.SCAN: ", ".join(_bits_in_words(self.scan_code)),
            ErrorSource.ADC: _code_in_words(_ADC_CODES, self.adc_code),
            ErrorSource.SPECTRUM_LIBRARY: _code_in_words(_LIBRARY_CODES, self.library_code),
            ErrorSource.HARDWARE: _code_in_words(_HARDWARE_CODES, self.hardware_code),
            ErrorSource.UART: _code_in_words(_UART_CODES, self.uart_code),
        }
        return ", ".join(
            f"{_name(source)} ({details[source]})" if source in details else _name(source)
            for source in self.sources
        )


def decode_firmware(data: bytes) -> str:
    """Return the firmware version "major.minor.build" from the reply to VERSION (u32 words)."""
    if len(data) < 4 or len(data) % 4:
        raise ProtocolError(f"version reply has {len(data)} bytes, expected whole 32-bit words")
    return f"{data[2] | data[3] << 8}.{data[1]}.{data[0]}"


def decode_text(data: bytes, what: str) -> str:
    """Return text up to its first NUL.

    Raises:
        ProtocolError: the text is empty or not printable ASCII.
    """
    raw = data.split(b"\0", 1)[0].strip()
    if not raw or not all(0x20 <= byte < 0x7F for byte in raw):
        raise ProtocolError(f"{what} reads {data!r}, expected printable text")
    return raw.decode("ascii")


def decode_unsigned(data: bytes, size: int, what: str) -> int:
    """Return a little-endian number of exactly `size` bytes."""
    if len(data) != size:
        raise ProtocolError(f"{what} has {len(data)} bytes, expected {size}")
    return int.from_bytes(data, "little")


def decode_error_status(data: bytes) -> ErrorStatus:
    """Return the reply to ERROR_STATUS: a mask of sources, then one code per source."""
    if len(data) != _ERROR_STATUS.size:
        raise ProtocolError(f"error status has {len(data)} bytes, expected {_ERROR_STATUS.size}")
    mask, scan_code, adc_code, _, _, _, library_code, hardware_code, *rest = _ERROR_STATUS.unpack(data)
    if mask > _ALL_SOURCES:
        raise ProtocolError(f"error status has the mask {mask:#x}, expected at most {_ALL_SOURCES:#x}")
    return ErrorStatus(ErrorSource(mask), scan_code, adc_code, library_code, hardware_code, rest[-1])


def decode_hundredths(data: bytes, what: str, least: float, greatest: float) -> tuple[float, float]:
    """Return two readings that the device gives in hundredths (2 x i32).

    Raises:
        ProtocolError: the data are no two readings, as when the sensor fails, or cannot be true.
    """
    if len(data) != _TWO_READINGS.size:
        raise ProtocolError(f"{what} has {len(data)} bytes, expected {_TWO_READINGS.size}")
    first, second = (value / 100.0 for value in _TWO_READINGS.unpack(data))
    if not (least <= first <= greatest and least <= second <= greatest):
        raise ProtocolError(f"{what} reads {first:g} and {second:g}, expected {least:g} to {greatest:g}")
    return first, second


def decode_lamp_monitor(data: bytes) -> int:
    """Return the reading of the lamp monitor: the green one of three photodiodes (3 x u32)."""
    if len(data) != _PHOTODETECTOR.size:
        raise ProtocolError(f"photodetector has {len(data)} bytes, expected {_PHOTODETECTOR.size}")
    _, green, _ = _PHOTODETECTOR.unpack(data)
    return int(green)


def decode_device_time(data: bytes) -> datetime | None:
    """Return the moment on the device's clock, which is set in UTC; None if it shows none that there is."""
    year, month, day, _, hour, minute, second = data
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def encode_device_time(moment: datetime) -> bytes:
    """Return the seven bytes of the device's clock; weekdays count from Sunday = 0.

    Recorded scans show the weekday: 19 November 2024 and 15 December 2015, Tuesdays, are both 2. A year that
    the device cannot show, for the station's own clock is wrong, becomes the nearest that it can.
    """
    return bytes(
        (
            min(max(moment.year - 2000, 0), 255), moment.month, moment.day, moment.isoweekday() % 7,
            moment.hour, moment.minute, moment.second,
        )
    )  # fmt: skip


def _bits_in_words(code: int) -> Iterator[str]:
    known = [text for bit, text in _SCAN_BITS.items() if code & bit]
    yield from known or (f"code {code}",)


def _code_in_words(words: Mapping[int, str], code: int) -> str:
    return words.get(code, f"code {code}")


def _name(source: ErrorSource) -> str:
    return (source.name or hex(source)).lower().replace("_", " ")
