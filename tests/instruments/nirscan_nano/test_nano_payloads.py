"""Replies to values: golden payloads by hand from the command table, and what must be refused."""

from datetime import UTC, datetime

import pytest

from instruments.nirscan_nano.payloads import (
    ErrorSource,
    decode_error_status,
    decode_firmware,
    decode_text,
    decode_unsigned,
    encode_device_time,
)
from qc_daemon.domain.errors import ProtocolError


def test_the_firmware_version_is_the_first_word() -> None:
    assert decode_firmware(bytes.fromhex("00010200") + bytes(24)) == "2.1.0"
    assert decode_firmware(bytes.fromhex("0c 03 01 00")) == "1.3.12"


@pytest.mark.parametrize("data", [b"", b"\0\1\2", bytes(29)])
def test_a_version_that_is_no_list_of_words_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError, match=f"{len(data)} bytes, expected whole 32-bit words"):
        decode_firmware(data)


def test_text_ends_at_its_first_nul() -> None:
    assert decode_text(b"1234567\0", "serial number") == "1234567"
    assert decode_text(b"NIRscan Nano\0\0\xff\xff", "model name") == "NIRscan Nano"


@pytest.mark.parametrize("data", [b"", bytes(8), b"55\x0710004", b"\xff\xff\xff\xff"])
def test_text_that_cannot_be_printed_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"serial number reads .* expected printable text"):
        decode_text(data, "serial number")


def test_a_number_of_another_size_is_refused() -> None:
    assert decode_unsigned(b"\x8e\x0a\0\0", 4, "scan time") == 2702
    with pytest.raises(ProtocolError, match="scan time has 1 bytes, expected 4"):
        decode_unsigned(b"\x01", 4, "scan time")


@pytest.mark.parametrize(
    ("data", "words", "spoils"),
    [
        ("00000000 00000000 0000 00000000000000 000000", "", False),
        ("01000000 04000000 0000 00000000000000 000000", "scan (lamp driver)", True),
        ("01000000 81000000 0000 00000000000000 000000", "scan (DLPC boot, DLPC read)", True),
        ("02000000 00010000 0000 00000000000000 000000", "adc (timeout)", True),
        ("20000000 00000000 0000 fc000000000000 000000", "spectrum library (container)", True),
        ("10000000 00000000 1234 00000000000000 000000", "bluetooth", False),
        ("00080000 00000000 0000 000000000000fe 000000", "uart (checksum)", False),
        ("40000000 00000000 0000 00010000000000 000000", "hardware (DLPC150)", True),
        ("81010000 04000000 0000 00000000000000 000000",
         "scan (lamp driver), temperature sensor, humidity sensor", True),
    ],
)  # fmt: skip
def test_errors_are_put_into_words_and_weighed(data: str, words: str, spoils: bool) -> None:
    status = decode_error_status(bytes.fromhex(data))
    assert (status.words(), status.spoils_scan) == (words, spoils)


def test_an_error_code_that_no_table_has_is_still_told() -> None:
    status = decode_error_status(bytes.fromhex("03000000 0055") + bytes(14))
    assert status.sources == ErrorSource.SCAN | ErrorSource.ADC
    assert status.words() == "scan (code 0), adc (code 85)"


@pytest.mark.parametrize("data", [bytes(19), bytes(21), b"\0\x10\0\0" + bytes(16)])
def test_an_error_status_that_cannot_be_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="error status has"):
        decode_error_status(data)


def test_the_device_clock_counts_weekdays_from_sunday() -> None:
    # The header of a recorded scan: 24-11-19, weekday 2, 09:33:31.
    moment = datetime(2024, 11, 19, 9, 33, 31, tzinfo=UTC)
    assert encode_device_time(moment) == bytes.fromhex("18 0b 13 02 09 21 1f")
    assert encode_device_time(datetime(2026, 11, 22, tzinfo=UTC))[3] == 0
