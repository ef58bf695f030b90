"""Wavelengths: by hand from the quadratic, and back from a list of wavelengths to the coefficients."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from nano_builders import AXIS

from instruments.nirscan_nano.axis import MAX_PATTERNS, ColumnAxis, column_axis, wavelengths_nm
from qc_daemon.domain.errors import DatasetError

# A straight axis: column p shows 1700 - p nm. 1600..1608 nm in 5 patterns are the columns 100, 98, ... 92.
STRAIGHT = ColumnAxis(1700.0, -1.0, 0.0, 1600, 1608, 5, 7)


def test_an_odd_width_shows_the_wavelength_of_the_column() -> None:
    assert wavelengths_nm(STRAIGHT).tolist() == [1600.0, 1602.0, 1604.0, 1606.0, 1608.0]


def test_an_even_width_is_centred_half_a_column_lower() -> None:
    axis = ColumnAxis(1700.0, -1.0, 0.0, 1600, 1608, 5, 6)
    assert wavelengths_nm(axis).tolist() == [1600.5, 1602.5, 1604.5, 1606.5, 1608.5]


def test_columns_are_cut_to_whole_ones() -> None:
    # Steps of 8/3 columns from column 100: 100, 97.3, 94.7, 92 are cut to 100, 97, 94, 92.
    axis = ColumnAxis(1700.0, -1.0, 0.0, 1600, 1608, 4, 7)
    assert wavelengths_nm(axis).tolist() == [1600.0, 1603.0, 1606.0, 1608.0]


def test_a_curved_axis_follows_the_quadratic() -> None:
    # p² = 2500 at p = 50: 1700 - 50 - 0.001 * 2500 = 1647.5, cut from 1647 (p = 50.45) to column 50.
    axis = ColumnAxis(1700.0, -1.0, -0.001, 1647, 1699, 2, 7)
    assert wavelengths_nm(axis)[0] == pytest.approx(1647.5, abs=1e-9)


def test_a_whole_column_is_not_cut_to_the_one_below_by_a_rounding_error() -> None:
    # 900 nm lies at column 375 and 1102 nm at column 175, but the square root says 374.9999999999999.
    axis = ColumnAxis(1265.625, -0.9, -0.0002, 900, 1102, 101, 7)
    columns = 375.0 - 2.0 * np.arange(101)
    assert wavelengths_nm(axis) == pytest.approx(1265.625 - 0.9 * columns - 0.0002 * columns**2, abs=1e-9)


@pytest.mark.parametrize(
    ("low", "high", "bands"),
    [
        (900, 1700, 228),
        (900, 1700, 3),
        (900, 1700, 161),
        (1000, 1650, 228),
        (900, 1700, 801),
        (1350, 1650, 100),
    ],
)
def test_an_evenly_spaced_axis_can_be_carried(low: float, high: float, bands: int) -> None:
    wanted = np.linspace(low, high, bands)
    assert np.abs(wavelengths_nm(column_axis(wanted)) - wanted).max() < 1e-9


def test_an_axis_in_32_bit_floats_can_be_carried() -> None:
    wanted = wavelengths_nm(AXIS)
    found = wavelengths_nm(column_axis(wanted.astype(np.float32).astype(np.float64)))
    assert np.abs(found - wanted).max() < 1e-4


@example(1720.0, -0.9377339977639227, -0.00028, 900, 1500, 46)
@given(
    st.floats(1720.0, 1830.0),
    st.floats(-0.95, -0.88),
    st.floats(-2.8e-4, -2.0e-4),
    st.integers(900, 1000),
    st.integers(1500, 1700),
    st.integers(20, 500),
)
def test_any_axis_of_a_device_is_found_again_from_six_decimals(
    c0: float, c1: float, c2: float, start_nm: int, end_nm: int, patterns: int
) -> None:
    try:
        written = np.round(wavelengths_nm(ColumnAxis(c0, c1, c2, start_nm, end_nm, patterns, 6)), 6)
    except ValueError:
        assume(False)  # more patterns than columns, or a range beyond the array
    # A quadratic through wavelengths that are half a digit off is off by up to twice as much at its ends.
    assert np.abs(wavelengths_nm(column_axis(written)) - written).max() < 2e-6


@pytest.mark.parametrize(
    "wanted",
    [
        np.array([900.0, 1000.0]),
        np.linspace(900.0, 1700.0, MAX_PATTERNS + 1),
        np.linspace(1700.0, 900.0, 228),
        np.array([900.0, 903.5, np.nan, 910.5]),
        1e7 / np.linspace(11000.0, 5900.0, 228),
        np.concatenate((np.linspace(900, 1200, 50), np.linspace(1300, 1700, 50))),
        np.linspace(900.0, 1700.0, 228) + np.where(np.arange(228) == 100, 0.1, 0.0),
        np.empty(0),
    ],
    ids=["two", "too many", "descending", "not a number", "wavenumbers", "gap", "one off", "empty"],
)
def test_an_axis_that_no_column_scan_has_is_refused_with_what_could_be(wanted: np.ndarray) -> None:
    message = f"cannot carry this axis of {wanted.size} wavelengths; expected 3 to 830, ascending"
    with pytest.raises(DatasetError, match=message):
        column_axis(wanted)
