"""What the replies of an Ocean spectrometer say: data to typed values."""

import struct

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.errors import ProtocolError

# A spectrum of fewer pixels is none, and its dark level could not be told from its light.
_LEAST_PIXELS = 16


def decode_text(data: bytes, what: str) -> str:
    """Return text up to its first NUL.

    Raises:
        ProtocolError: the text is empty or not printable ASCII.
    """
    raw = data.split(b"\0", 1)[0].strip()
    if not raw or not all(0x20 <= byte < 0x7F for byte in raw):
        raise ProtocolError(f"{what} reads {data[:40]!r}, expected printable text")
    return raw.decode("ascii")


def decode_number(data: bytes, what: str) -> int:
    """Return a little-endian number of one to four bytes; devices differ in the width of some."""
    if not 1 <= len(data) <= 4:
        raise ProtocolError(f"{what} has {len(data)} bytes, expected 1 to 4")
    return int.from_bytes(data, "little")


def decode_firmware(data: bytes) -> str:
    """Return "major.minor" of a binary coded decimal u16: 0x0123 is 1.23."""
    digits = f"{decode_number(data, 'firmware revision'):04x}"
    return f"{int(digits[:2], 16):x}.{digits[2:]}"


def decode_float(data: bytes, what: str) -> float:
    """Return a finite float32."""
    if len(data) != 4:
        raise ProtocolError(f"{what} has {len(data)} bytes, expected 4")
    (value,) = struct.unpack("<f", data)
    if not np.isfinite(value):
        raise ProtocolError(f"{what} is {value}, expected a finite number")
    return float(value)


def decode_temperatures(data: bytes) -> tuple[float, ...]:
    """Return the temperatures of all sensors in °C."""
    if not data or len(data) % 4:
        raise ProtocolError(f"temperatures have {len(data)} bytes, expected four for each sensor")
    return tuple(decode_float(data[start : start + 4], "a temperature") for start in range(0, len(data), 4))


def decode_spectrum(data: bytes) -> NDArray[np.float64]:
    """Return the (n,) counts of a raw spectrum: one u16 for each pixel."""
    if len(data) % 2 or len(data) < 2 * _LEAST_PIXELS:
        raise ProtocolError(f"spectrum has {len(data)} bytes, expected two for each of many pixels")
    return np.frombuffer(data, "<u2").astype(np.float64)


def wavelengths_nm(coefficients: tuple[float, ...], pixels: int) -> NDArray[np.float64]:
    """Return the (pixels,) wavelengths: the polynomial of the pixel's index.

    Raises:
        ProtocolError: the wavelengths do not ascend.
    """
    axis: NDArray[np.float64] = np.polynomial.Polynomial(coefficients)(np.arange(pixels, dtype=np.float64))
    if not np.all(np.isfinite(axis)) or np.any(np.diff(axis) <= 0) or axis[0] <= 0:
        raise ProtocolError("the wavelength coefficients give no ascending axis")
    return axis
