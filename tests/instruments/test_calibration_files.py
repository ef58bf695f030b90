"""Certificates of tiles and standards: what is read, and one clear line for what is not."""

from pathlib import Path

import numpy as np
import pytest

from instruments.calibration_files import read_tile, read_wavelength_standard
from qc_daemon.domain.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "PTFE-12.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_certificate_is_read_with_its_id_from_the_name_of_the_file(tmp_path: Path) -> None:
    tile = read_tile(
        written(tmp_path, "wavelength_nm,reflectance,uncertainty\n900,0.99,0.005\n1700,0.97,0.01\n")
    )
    assert tile.id == "PTFE-12"
    np.testing.assert_allclose(tile.reflectance_at(np.array([900.0, 1300.0])), [0.99, 0.98])


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    tile = read_tile(written(tmp_path, "\ufeffwavelength_nm,reflectance\r\n900,0.99\r\n1700,0.97\r\n"))
    assert list(tile.wavelength_nm) == [900.0, 1700.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: no column wavelength_nm; expected wavelength_nm, reflectance"),
        ("nm,reflectance\n900,0.9\n", r"line 1: no column wavelength_nm"),
        ("wavelength_nm,reflectance\n", r"0 rows; expected at least two wavelengths"),
        ("wavelength_nm,reflectance\n900,0.9\n", r"1 rows; expected at least two"),
        ("wavelength_nm,reflectance\n900,0.9\n900,0.9\n", r"line 3: 900 nm; expected ascending"),
        ("wavelength_nm,reflectance\n900,0.9\n1000,99\n", r"line 3: reflectance is 99; expected a share"),
        ("wavelength_nm,reflectance\n900,0\n1000,0.9\n", r"line 2: reflectance is 0; expected a share"),
        ("wavelength_nm,reflectance\n900,\n1000,0.9\n", r'line 2: reflectance is ""; expected a number'),
        ("wavelength_nm,reflectance\n900\n1000,0.9\n", r'line 2: reflectance is ""; expected a number'),
        ("wavelength_nm,reflectance\n900,nan\n1000,0.9\n", r'reflectance is "nan"; expected a number'),
        ("wavelength_nm,reflectance\n0.9,0.9\n1.7,0.9\n", r"line 2: 0\.9 nm; expected 300 to 5000 nm"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_one_line_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as refused:
        read_tile(path)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


def test_a_missing_or_binary_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a readable CSV file"):
        read_tile(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x00")
    with pytest.raises(ConfigError, match="expected a readable CSV file"):
        read_tile(tmp_path / "binary.csv")


def test_certified_peaks_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "name,wavelength_nm\nfirst,1075.7\nsecond,1222.5\n")
    assert list(read_wavelength_standard(path).peaks_nm) == [1075.7, 1222.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wavelength_nm\n", "no rows; expected at least one certified wavelength"),
        ("wavelength_nm\n1222.5\n1075.7\n", "line 3: 1075.7 nm; expected ascending"),
    ],
)
def test_peaks_that_are_missing_or_out_of_order_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_wavelength_standard(written(tmp_path, text))
