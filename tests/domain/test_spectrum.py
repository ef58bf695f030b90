import numpy as np
import pytest
from builders import AXIS_NM, a_scan, a_white
from hypothesis import given
from hypothesis import strategies as st

from qc_daemon.domain.spectrum import ReflectanceTile, Spectrum, absorbance_spectrum, reflectance


def test_absorbance_is_the_log_of_white_over_specimen() -> None:
    spectrum = absorbance_spectrum(a_scan(20_000.0), a_white(a_scan(200_000.0)))
    assert spectrum.absorbance == pytest.approx(np.ones(len(AXIS_NM)))
    assert spectrum.valid.all()


def test_amplifier_gains_are_divided_out() -> None:
    gained = a_scan(80_000.0)
    from dataclasses import replace

    weak = a_scan(20_000.0, settings=replace(gained.settings, pga_gain=16))
    white = a_white(a_scan(160_000.0))
    assert reflectance(weak, white) == pytest.approx(reflectance(gained, white))


def test_a_grey_tile_of_known_reflectance_gives_the_true_reflectance() -> None:
    tile = ReflectanceTile("grey", np.array([800.0, 1800.0]), np.array([0.5, 0.5]))
    white = a_white(tile_reflectance=tile.reflectance_at(AXIS_NM))
    assert reflectance(a_scan(200_000.0), white) == pytest.approx(np.full(len(AXIS_NM), 0.5))


def test_bands_below_dark_are_masked_and_not_invented() -> None:
    net = np.full(len(AXIS_NM), 50_000.0)
    net[3] = -5.0
    net[7] = 0.0
    spectrum = absorbance_spectrum(a_scan(net), a_white())
    assert list(np.flatnonzero(~spectrum.valid)) == [3, 7]
    assert np.isnan(spectrum.absorbance[[3, 7]]).all()


def test_bands_without_white_signal_are_masked() -> None:
    net = np.full(len(AXIS_NM), 200_000.0)
    net[0] = 10.0
    spectrum = absorbance_spectrum(a_scan(10.0), a_white(a_scan(net)))
    assert not spectrum.valid[0]


def test_scans_on_different_axes_are_refused() -> None:
    with pytest.raises(ValueError, match="different wavelength axes"):
        reflectance(a_scan(wavelength_nm=AXIS_NM + 1.0), a_white())


def test_arrays_of_a_record_cannot_be_changed() -> None:
    scan = a_scan()
    with pytest.raises(ValueError, match="read-only"):
        scan.counts[0] = 0.0


def test_a_record_does_not_share_memory_with_its_maker() -> None:
    axis = AXIS_NM.copy()
    scan = a_scan(wavelength_nm=axis)
    axis[0] = 0.0
    assert scan.wavelength_nm[0] == 900.0


@pytest.mark.parametrize("axis", [AXIS_NM[::-1], np.full(20, 900.0), np.append(AXIS_NM[:-1], np.nan)])
def test_an_axis_must_ascend(axis: np.ndarray) -> None:
    with pytest.raises(ValueError, match="ascending"):
        a_scan(wavelength_nm=axis)


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"dark_counts has shape \(3,\)"):
        a_scan(dark_counts=np.zeros(3))


def test_a_valid_band_must_be_finite() -> None:
    with pytest.raises(ValueError, match="finite wherever it is valid"):
        Spectrum(AXIS_NM, np.full(20, np.nan), np.ones(20, bool))


@given(
    st.lists(st.floats(-1e5, 8e6), min_size=20, max_size=20),
    st.lists(st.floats(0, 8e6), min_size=20, max_size=20),
)
def test_every_band_is_either_masked_or_finite(specimen: list[float], white: list[float]) -> None:
    spectrum = absorbance_spectrum(a_scan(np.array(specimen)), a_white(a_scan(np.array(white))))
    assert np.isfinite(spectrum.absorbance[spectrum.valid]).all()
    assert np.isnan(spectrum.absorbance[~spectrum.valid]).all()


@given(st.floats(0.01, 1.0), st.floats(1e4, 1e6))
def test_lamp_level_cancels(specimen_reflectance: float, lamp: float) -> None:
    spectrum = absorbance_spectrum(a_scan(lamp * specimen_reflectance), a_white(a_scan(lamp)))
    assert spectrum.absorbance == pytest.approx(np.full(20, -np.log10(specimen_reflectance)), abs=1e-6)
