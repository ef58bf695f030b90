"""A scan of an Ocean spectrometer as the messages that it came in, one behind the other.

    serial number · saturation level · wavelength coefficients in order · integration time ·
    scans to average · temperatures, where the device has them · spectrum with the lamp off ·
    spectrum with the lamp on

Each message keeps the checksum that the device gave it.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from instruments.ocean.codec import Checksum, Message, MessageParser, MessageType
from instruments.ocean.payloads import (
    decode_float,
    decode_number,
    decode_spectrum,
    decode_temperatures,
    decode_text,
    wavelengths_nm,
)
from qc_daemon.domain.errors import ProtocolError
from qc_daemon.domain.spectrum import Scan, ScanConditions, ScanSettings

RAW_FORMAT = "ocean"
# Of a device that does not tell its saturation level: the end of its 16-bit counts.
_FULL_SCALE_COUNTS = 65535.0


def record_scan(messages: Iterable[Message]) -> bytes:
    """Return the raw bytes of a scan: the messages as they came."""
    return b"".join(message.wire for message in messages)


def decode_raw_scan(raw: bytes) -> Scan:
    """Return the scan that recorded messages say.

    Raises:
        ProtocolError: the bytes are no such messages, one is missing, or one cannot be true.
    """
    messages = _messages(raw)
    dark, lit = _spectra(messages)
    coefficients = tuple(
        decode_float(data, "a wavelength coefficient")
        for data in _all(messages, MessageType.WAVELENGTH_COEFFICIENT)
    )
    integration_us = decode_number(_one(messages, MessageType.INTEGRATION_TIME), "integration time")
    averaged = decode_number(_one(messages, MessageType.SCANS_TO_AVERAGE), "scans to average")
    return Scan(
        raw=raw,
        raw_format=RAW_FORMAT,
        serial=decode_text(_one(messages, MessageType.SERIAL_NUMBER), "serial number"),
        wavelength_nm=wavelengths_nm(coefficients, len(lit)),
        counts=lit,
        dark_counts=dark,
        full_scale_counts=_full_scale(messages),
        settings=ScanSettings(f"{integration_us / 1000:g} ms", averaged, pga_gain=1),
        conditions=conditions_of(messages),
    )


def conditions_of(messages: list[Message]) -> ScanConditions:
    """Return what the device said of itself in these messages; the first sensor counts as the system's.

    Raises:
        ProtocolError: a temperature is no number.
    """
    board = _all(messages, MessageType.ALL_TEMPERATURES)
    cooled = _all(messages, MessageType.TEC_TEMPERATURE)
    return ScanConditions(
        system_temperature_c=decode_temperatures(board[0])[0] if board else None,
        detector_temperature_c=decode_float(cooled[0], "TEC temperature") if cooled else None,
    )


def _messages(raw: bytes) -> list[Message]:
    parser = MessageParser()
    messages: list[Message] = []
    for event in (*parser.feed(raw), *parser.give_up()):
        if not isinstance(event, Message) or event.checksum is Checksum.NONE:
            raise ProtocolError(f"the recorded scan is damaged: {event}")
        messages.append(event)
    return messages


def _spectra(messages: list[Message]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    spectra = [decode_spectrum(data) for data in _all(messages, MessageType.RAW_SPECTRUM)]
    if len(spectra) != 2 or len(spectra[0]) != len(spectra[1]):
        sizes = ", ".join(str(len(spectrum)) for spectrum in spectra) or "none"
        raise ProtocolError(f"spectra of {sizes} pixels, expected a dark one and a lit one of equal length")
    return spectra[0], spectra[1]


def _full_scale(messages: list[Message]) -> float:
    levels = _all(messages, MessageType.SATURATION_LEVEL)
    level = float(decode_number(levels[0], "saturation level")) if levels else _FULL_SCALE_COUNTS
    if level <= 0:
        raise ProtocolError("the saturation level is 0, expected the end of the counts")
    return level


def _one(messages: list[Message], kind: MessageType) -> bytes:
    found = _all(messages, kind)
    if len(found) != 1:
        raise ProtocolError(f"{len(found)} messages {kind.name}, expected 1")
    return found[0]


def _all(messages: list[Message], kind: MessageType) -> list[bytes]:
    return [message.data for message in messages if message.type == kind]
