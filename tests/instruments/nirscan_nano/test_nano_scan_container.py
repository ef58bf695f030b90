"""Scans: the bytes of a header by hand, every range, and the decoding of a column scan."""

import struct
from dataclasses import replace

import numpy as np
import pytest
from nano_builders import AXIS, a_record

from instruments.nirscan_nano.scan_container import (
    CONTAINER_SIZE,
    decode_raw_scan,
    decode_scan,
    encode_scan,
    first_black,
    with_black_values,
)
from qc_daemon.domain.errors import ProtocolError
from qc_daemon.domain.spectrum import ScanSettings

# The table's first 81 bytes: magic and flags, total length, type string, array lengths.
HEAD = b"tpl\0" + b"\x75\x0e\0\0" + b"S(uc#cccccccjjvvu$(f#f#)c#vccccvc#c#vvcvvi#)\0"
HEAD += b"".join(length.to_bytes(4, "little") for length in (20, 3, 3, 8, 8, 40, 864))


def test_a_scan_starts_with_the_head_of_the_table() -> None:
    assert len(HEAD) == 81
    assert encode_scan(a_record())[:81] == HEAD


def test_fields_stand_at_the_bytes_of_the_table() -> None:
    blob = encode_scan(a_record())
    assert struct.unpack_from("<I", blob, 81) == (1,)
    assert blob[85:105] == b"Column 1".ljust(20, b"\0")
    assert blob[105:112] == bytes((26, 11, 24, 2, 10, 30, 0))
    assert struct.unpack_from("<hhHHI", blob, 112) == (3125, -250, 4050, 3803, 7)
    assert struct.unpack_from("<3d", blob, 124) == (-11.25, 0.0785, -0.00015)
    assert struct.unpack_from("<3d", blob, 148) == (AXIS.c0, AXIS.c1, AXIS.c2)
    assert blob[172:180] == b"1234567\0"
    assert struct.unpack_from("<HBBBBH", blob, 180) == (237, 24, 25, 64, 0, 5)
    assert blob[188:196] == b"1234567\0"
    assert blob[196:236] == b"Column 1".ljust(40, b"\0")
    assert struct.unpack_from("<HHBHH", blob, 236) == (900, 1700, 6, 228, 6)
    assert struct.unpack_from("<3i", blob, 245) == (200_000, 200_010, 200_020)
    assert struct.unpack_from("<2i", blob, 245 + 4 * 24) == (100_000, 200_240)
    assert blob[3701:] == bytes(121)
    assert len(blob) == CONTAINER_SIZE


def test_a_scan_says_counts_dark_level_settings_and_conditions() -> None:
    scan = decode_raw_scan(encode_scan(a_record()))
    assert np.array_equal(scan.counts, 200_000.0 + 10.0 * np.arange(228))
    assert np.array_equal(scan.dark_counts, np.full(228, 100_000.0))
    assert scan.full_scale_counts == 8_388_608.0
    assert scan.settings == ScanSettings("Column 1", 6, 64)
    assert scan.conditions.system_temperature_c == 31.25
    assert scan.conditions.detector_temperature_c == -2.5
    assert scan.conditions.humidity_percent == 40.5
    assert scan.conditions.lamp_photodiode_counts == 3803
    assert (scan.serial, scan.raw_format) == ("1234567", "nirscan-nano")


def test_the_raw_bytes_decode_to_the_same_scan_again() -> None:
    scan = decode_raw_scan(encode_scan(a_record()))
    again = decode_raw_scan(scan.raw)
    assert np.array_equal(scan.counts, again.counts)
    assert np.array_equal(scan.wavelength_nm, again.wavelength_nm)


def test_the_dark_level_is_cut_to_a_whole_number_as_the_maker_does() -> None:
    adc = a_record().adc.copy()
    adc[24] += 8  # one of nine black values: the mean is 100000.89
    assert decode_raw_scan(encode_scan(a_record(adc=adc))).dark_counts[0] == 100_000.0


def test_records_round_trip() -> None:
    record = a_record()
    again = decode_scan(encode_scan(record))
    for name in ("name", "device_time", "system_temperature_c", "serial", "axis", "config_name", "repeats"):
        assert getattr(again, name) == getattr(record, name)
    assert np.array_equal(again.adc, record.adc)


@pytest.mark.parametrize("padding", [0, 31, 121])
def test_containers_of_older_firmware_are_padded_differently(padding: int) -> None:
    blob = encode_scan(a_record())[: 3701 + padding]
    assert decode_raw_scan(blob).counts.size == 228


@pytest.mark.parametrize("patterns", [3, 20, 24, 25, 48, 228, 600, 830])
def test_every_25th_value_is_black_whatever_the_number_of_patterns(patterns: int) -> None:
    axis = replace(AXIS, c0=1700.0, c1=-800.0 / 853, c2=0.0, patterns=patterns)
    adc = with_black_values(np.arange(patterns) + 5000, 1000)
    scan = decode_raw_scan(encode_scan(a_record(axis=axis, adc=adc, first_black=first_black(patterns))))
    assert np.array_equal(scan.counts, np.arange(patterns) + 5000.0)
    assert np.array_equal(scan.dark_counts, np.full(patterns, 1000.0))


@pytest.mark.parametrize(("scan_type", "word"), [(1, "hadamard"), (2, "slew")])
def test_scans_that_are_not_column_scans_are_refused_with_what_to_do(scan_type: int, word: str) -> None:
    blob = encode_scan(a_record(scan_type=scan_type, config_name="Hadamard 1"))
    message = f'scan "Hadamard 1" is a {word} scan, which is not decoded; select a column configuration'
    with pytest.raises(ProtocolError, match=message):
        decode_raw_scan(blob)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"system_temperature_c": -278.9}, "system temperature is -27890"),
        ({"detector_temperature_c": 300.0}, "detector temperature is 30000"),
        ({"humidity_percent": 120.0}, "humidity is 12000"),
        ({"device_time": bytes((26, 13, 1, 0, 0, 0, 0))}, "month is 13, expected 0 to 12"),
        ({"pga_gain": 65}, "PGA gain is 65, expected 1 to 64"),
        ({"scan_type": 3}, "scan type is 3"),
        ({"repeats": 0}, "repeats is 0"),
        ({"black_period": 0}, "black period is 0"),
        ({"axis": replace(AXIS, c0=float("nan"))}, "wavelength coefficients"),
        ({"axis": replace(AXIS, c1=float("inf"))}, "wavelength coefficients"),
        ({"axis": replace(AXIS, patterns=227)}, "228 values and 9 black ones, expected 227"),
        ({"axis": replace(AXIS, patterns=1)}, "number of patterns is 1"),
        ({"axis": replace(AXIS, start_nm=1700, end_nm=900)}, "impossible wavelength axis"),
        ({"axis": replace(AXIS, start_nm=200)}, "200 nm would lie at mirror column"),
        ({"axis": replace(AXIS, c1=0.9167)}, "impossible wavelength axis"),
        ({"axis": replace(AXIS, c2=1.0)}, "impossible wavelength axis"),
        ({"axis": replace(AXIS, start_nm=900, end_nm=901)}, "strictly ascending"),
        ({"first_black": 255}, "237 values and 0 black ones"),
        ({"adc": np.full(237, 2**23 + 1)}, "ADC values"),
    ],
)
def test_a_field_that_cannot_be_true_is_named(changes: dict[str, object], message: str) -> None:
    blob = encode_scan(a_record(**changes))
    with pytest.raises(ProtocolError, match=message) as refusal:
        decode_raw_scan(blob)
    assert "\n" not in str(refusal.value)


def test_swapped_bytes_of_a_temperature_are_noticed_although_the_sum_is_the_same() -> None:
    blob = bytearray(encode_scan(a_record(system_temperature_c=37.31)))
    blob[112], blob[113] = blob[113], blob[112]
    with pytest.raises(ProtocolError, match="system temperature"):
        decode_raw_scan(bytes(blob))


def test_another_container_is_no_scan() -> None:
    with pytest.raises(ProtocolError, match=r'container of type "S\(v\)", expected a scan'):
        decode_raw_scan(b"tpl\0\x0f\0\0\0S(v)\0\1\0")


def test_more_values_than_a_container_holds_are_not_encoded() -> None:
    with pytest.raises(ValueError, match="865 ADC values, expected at most 864"):
        encode_scan(a_record(adc=np.zeros(865, dtype=np.int64)))
