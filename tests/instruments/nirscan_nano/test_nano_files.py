"""Files of the maker's software: a small one that is right, and each way of being wrong."""

from pathlib import Path

import numpy as np
import pytest
from nano_builders import a_record

from instruments.nirscan_nano.files import read_scan_file
from instruments.nirscan_nano.scan_container import decode_raw_scan, decode_scan, encode_scan
from qc_daemon.domain.errors import DatasetError

CSV = """\
Method:,Column 1,,
Host Date-Time:,18/4/25 @ 9:5:44,,
Header Version:,1,,
System Temp (C):,31.07,,
Detector Temp (C):,29.41,,
Humidity (%):,27,,
Lamp PD:,3820,,
Shift Vector Coefficients:,-11.25,0.0785,-0.00015,,
Pixel to Wavelength Coefficients:,1780.5,-0.92,-0.00023,,
Serial Number:,1234567,,
Scan Config Name:,Column 1,,
Scan Config Type:,Slew,,
Section 1,,
Start wavelength (nm):,900,,
End wavelength (nm):,1700,,
Pattern Pixel Width (nm):,   7.03,,,,
Exposure (ms):,  0.635,,,,
Digital Resolution:,5,,
Num Repeats:,6,,
PGA Gain:,64,,
Total Measurement Time in sec:,  2.723,,
Wavelength (nm),Absorbance (AU),Reference Signal (unitless),Sample Signal (unitless)
1000.000000,0.301030,20000.000000,10000.000000
1010.000000,0.000000,21000.000000,21000.000000
1020.000000,-0.041393,20000.000000,22000.000000
1030.000000,1.000000,20000.000000,2000.000000
1040.000000,nan,20000.000000,-7.000000
"""


def _csv(tmp_path: Path, text: str = CSV) -> Path:
    path = tmp_path / "scan.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_gives_scan_and_reference_as_the_device_would_have_sent_them(tmp_path: Path) -> None:
    recorded = read_scan_file(_csv(tmp_path))
    assert recorded.scan.wavelength_nm == pytest.approx([1000.0, 1010.0, 1020.0, 1030.0, 1040.0], abs=1e-9)
    assert recorded.scan.net_counts.tolist() == [10000.0, 21000.0, 22000.0, 2000.0, -7.0]
    assert recorded.reference.net_counts.tolist() == [20000.0, 21000.0, 20000.0, 20000.0, 20000.0]
    assert recorded.scan.dark_counts.tolist() == [0.0] * 5
    assert recorded.scan.settings == recorded.reference.settings
    assert recorded.scan.settings.scans_averaged == 6
    assert recorded.scan.conditions.system_temperature_c == 31.07
    assert recorded.scan.serial == "1234567"


def test_the_raw_bytes_of_a_csv_scan_decode_to_the_same_scan(tmp_path: Path) -> None:
    scan = read_scan_file(_csv(tmp_path)).scan
    again = decode_raw_scan(scan.raw)
    assert np.array_equal(again.counts, scan.counts)
    assert np.array_equal(again.wavelength_nm, scan.wavelength_nm)
    assert decode_scan(scan.raw).device_time == bytes((25, 4, 18, 5, 9, 5, 44))


@pytest.mark.parametrize("change", [lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")])
def test_byte_order_marks_and_windows_line_ends_do_not_matter(tmp_path: Path, change: object) -> None:
    assert callable(change)
    assert read_scan_file(_csv(tmp_path, change(CSV))).scan.counts.size == 5


def test_a_dat_file_is_the_bytes_of_scan_and_reference(tmp_path: Path) -> None:
    scan, reference = encode_scan(a_record()), encode_scan(a_record(config_name="SystemTest", repeats=30))
    path = tmp_path / "scan.dat"
    path.write_bytes(scan + reference)
    recorded = read_scan_file(path)
    assert (recorded.scan.raw, recorded.reference.raw) == (scan, reference)
    assert recorded.reference.settings.config_name == "SystemTest"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1020.000000,", "12x,", 'line 25, column "Wavelength (nm)" is "12x"; expected a number'),
        (",21000.000000,21000.000000", ",21000.000000,", 'line 24, column "Sample Signal (unitless)" is ""'),
        ("22000.000000", "nan", 'line 25, column "Sample Signal (unitless)" is "nan"; expected a number'),
        ("22000.000000", "9e9", 'line 25, column "Sample Signal (unitless)" is "9e9"; expected a number'),
        ("1040.000000,nan,20000.000000,-7.000000", "1040.0,0,1", "line 27 has 3 columns; expected 4"),
        ("1040.000000,nan,20000.000000,-7.000000\n", "", '4 rows in the table; "Digital Resolution" says 5'),
        ("1020.000000", "1023.0", "cannot carry this axis of 5 wavelengths"),
        (
            "Wavelength (nm),Abs",
            "Wavelength,Abs",
            'no table; expected a row "Wavelength (nm),Absorbance (AU)',
        ),
        ("Serial Number:,1234567,,\n", "", 'no value for "Serial Number"; expected the header'),
        ("Serial Number:,1234567", "Serial Number:,", 'no value for "Serial Number"'),
        ("System Temp (C):,31.07", "System Temp (C):,warm", '"System Temp (C)" is "warm"; expected a number'),
        ("System Temp (C):,31.07", "System Temp (C):,290", "system temperature is 29000, expected"),
        ("PGA Gain:,64", "PGA Gain:,1e300", "expected the header of a NIRscan Nano file"),
        (
            "-11.25,0.0785,",
            "-11.25,",
            '"Shift Vector Coefficients" is "-11.25,-0.00015,"; expected 3',
        ),
        (
            "18/4/25 @ 9:5:44",
            "31/2/25 @ 9:5:44",
            '"Host Date-Time" is "31/2/25 @ 9:5:44"; expected day/month',
        ),
        ("18/4/25 @ 9:5:44", "yesterday", '"Host Date-Time" is "yesterday"; expected day/month/year'),
    ],
)
def test_what_is_wrong_with_a_csv_is_said_in_one_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in CSV
    path = _csv(tmp_path, CSV.replace(old, new, 1))
    with pytest.raises(DatasetError) as refusal:
        read_scan_file(path)
    assert message in str(refusal.value)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no table"),
        (b"\x89PNG\r\n\x1a\n\0\0\xff", "expected a CSV table"),
        (b"tpl", 'expected a container that starts with "tpl"'),
        (b"tpl\0" + bytes(3000), "container declares 0 bytes"),
        (encode_scan(a_record()), "3822 bytes hold one scan; expected a scan and its reference"),
        (
            encode_scan(a_record()) + encode_scan(a_record())[:3000],
            "container declares 3701 bytes, 3000 are there",
        ),
        (encode_scan(a_record(scan_type=1)) * 2, "is a hadamard scan, which is not decoded"),
    ],
)
def test_files_that_are_something_else_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "scan.dat"
    path.write_bytes(content)
    with pytest.raises(DatasetError) as refusal:
        read_scan_file(path)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.csv: No such file or directory; expected a NIRscan Nano"):
        read_scan_file(tmp_path / "none.csv")
