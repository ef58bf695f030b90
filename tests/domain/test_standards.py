"""Peaks and bands of standards, against shapes whose places are known."""

import numpy as np
import pytest

from qc_daemon.domain.spectrum import ReflectanceTile, Spectrum
from qc_daemon.domain.standards import peak_near, tile_bands

AXIS_NM = np.linspace(900.0, 1700.0, 229)  # 3.5 nm steps, as a NIRscan Nano has


def with_peak(place_nm: float, sigma_nm: float = 10.0, valid: np.ndarray | None = None) -> Spectrum:
    absorbance = 0.1 + 0.4 * np.exp(-0.5 * ((AXIS_NM - place_nm) / sigma_nm) ** 2)
    known = np.ones(len(AXIS_NM), bool) if valid is None else valid
    return Spectrum(AXIS_NM, np.where(known, absorbance, np.nan), known)


@pytest.mark.parametrize("place_nm", [1000.0, 1151.7, 1222.5, 1366.8, 1469.4, 1601.3])
def test_a_peak_between_the_bands_is_found_to_a_tenth_of_a_nanometre(place_nm: float) -> None:
    assert peak_near(with_peak(place_nm), place_nm) == pytest.approx(place_nm, abs=0.1)


@pytest.mark.parametrize("off_nm", [-8.0, -1.0, 0.5, 8.0])
def test_a_peak_that_moved_is_found_where_it_went(off_nm: float) -> None:
    found = peak_near(with_peak(1222.5 + off_nm), 1222.5)
    assert found is not None and found - 1222.5 == pytest.approx(off_nm, abs=0.1)


def test_a_parabola_is_found_exactly() -> None:
    curve = 1.0 - ((AXIS_NM - 1301.234) / 100.0) ** 2
    found = peak_near(Spectrum(AXIS_NM, curve, np.ones(len(AXIS_NM), bool)), 1300.0)
    assert found == pytest.approx(1301.234, abs=1e-6)


def test_a_flank_is_no_peak() -> None:
    assert peak_near(with_peak(1222.5), 1200.0) is None
    assert peak_near(Spectrum(AXIS_NM, AXIS_NM / 1000.0, np.ones(len(AXIS_NM), bool)), 1300.0) is None


def test_a_peak_outside_the_axis_or_in_a_hole_is_not_found() -> None:
    assert peak_near(with_peak(1222.5), 1945.7) is None
    hole = np.abs(AXIS_NM - 1222.5) > 20.0
    assert peak_near(with_peak(1222.5, valid=hole), 1222.5) is None


def test_five_bands_are_compared_with_the_certificate_at_their_own_places() -> None:
    tile = ReflectanceTile("grey", np.array([800.0, 1800.0]), np.array([0.4, 0.6]))
    measured = tile.reflectance_at(AXIS_NM) + 0.01
    bands = tile_bands(AXIS_NM, measured, tile)
    assert len(bands) == 5
    assert all(found - certified == pytest.approx(0.01) for _, certified, found in bands)
    assert [round(place) for place, _, _ in bands] == [979, 1140, 1302, 1463, 1623]


def test_bands_that_carry_nothing_are_left_out() -> None:
    tile = ReflectanceTile("grey", np.array([800.0, 1800.0]), np.array([0.5, 0.5]))
    measured = np.full(len(AXIS_NM), 0.5)
    measured[:20] = np.nan
    assert all(found == pytest.approx(0.5) for _, _, found in tile_bands(AXIS_NM, measured, tile))


def test_a_certificate_of_another_range_is_refused_with_both_ranges() -> None:
    tile = ReflectanceTile("visible", np.array([400.0, 800.0]), np.array([0.5, 0.5]))
    with pytest.raises(ValueError, match=r"visible covers 400 to 800 nm, .* 900 to 1700 nm"):
        tile_bands(AXIS_NM, np.full(len(AXIS_NM), 0.5), tile)
