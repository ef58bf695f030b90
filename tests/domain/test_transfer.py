"""Transfer between two units, on units that are simulated."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from qc_daemon.domain.spectrum import Spectrum
from qc_daemon.domain.transfer import (
    BIAS_SLOPE,
    Transfer,
    TransferMethod,
    estimate,
    left_out_error,
    resampled,
    transferred,
)

AXIS_NM = np.linspace(900.0, 1700.0, 81)
PDS = TransferMethod(2, 3)


def spectra(count: int, seed: int, shift_nm: float = 0.0) -> NDArray[np.float64]:
    """Spectra (s, n) of blends of five bands, seen `shift_nm` to the right."""
    weights = np.random.default_rng(seed).uniform(0.0, 1.0, (count, 5))
    centres = np.array([980.0, 1150.0, 1290.0, 1450.0, 1600.0]) + shift_nm
    bands = np.exp(-0.5 * ((AXIS_NM - centres[:, None]) / 35.0) ** 2)
    return 0.3 + weights @ bands


def a_transfer(source: NDArray[np.float64], target: NDArray[np.float64], method: TransferMethod) -> Transfer:
    offset, coefficients = estimate(source, target, method)
    return Transfer("B", "A", method.name, AXIS_NM, offset, coefficients)


def whole(absorbance: NDArray[np.float64]) -> Spectrum:
    return Spectrum(AXIS_NM, absorbance, np.ones(len(AXIS_NM), bool))


def test_bias_and_slope_of_each_band_are_found_exactly() -> None:
    target = spectra(6, 1)
    slope, bias = np.linspace(0.9, 1.1, len(AXIS_NM)), np.linspace(-0.02, 0.05, len(AXIS_NM))
    made = a_transfer((target - bias) / slope, target, BIAS_SLOPE)
    np.testing.assert_allclose(made.coefficients[:, 0], slope, rtol=1e-9)
    np.testing.assert_allclose(made.offset, bias, atol=1e-9)


def test_a_shift_of_the_axis_takes_a_window_of_bands() -> None:
    target, source = spectra(12, 2), spectra(12, 2, shift_nm=3.0)
    before = float(np.sqrt(np.mean((source - target) ** 2)))
    per_band, windowed = (left_out_error(source, target, method) for method in (BIAS_SLOPE, PDS))
    assert before == pytest.approx(0.023, abs=0.01)
    assert windowed < 0.1 * before
    assert windowed < 0.5 * per_band


def test_specimens_that_the_transfer_has_not_seen_are_corrected() -> None:
    made = a_transfer(spectra(12, 3, shift_nm=3.0), spectra(12, 3), PDS)
    truth, seen = spectra(20, 99), spectra(20, 99, shift_nm=3.0)
    corrected = np.stack([transferred(whole(row), made).absorbance for row in seen])
    assert np.sqrt(np.mean((corrected - truth) ** 2)) < 0.1 * np.sqrt(np.mean((seen - truth) ** 2))


def test_two_equal_units_are_left_as_they_are() -> None:
    made = a_transfer(spectra(8, 4), spectra(8, 4), BIAS_SLOPE)
    row = spectra(1, 5)[0]
    np.testing.assert_allclose(transferred(whole(row), made).absorbance, row, atol=1e-9)


def test_a_band_without_a_value_spoils_the_bands_made_of_it_and_no_others() -> None:
    made = a_transfer(spectra(8, 6, 2.0), spectra(8, 6), PDS)
    valid = np.ones(len(AXIS_NM), bool)
    valid[40] = False
    absorbance = spectra(1, 7, 2.0)[0]
    whole_answer = transferred(whole(absorbance), made)
    answer = transferred(Spectrum(AXIS_NM, np.where(valid, absorbance, np.nan), valid), made)
    assert list(np.flatnonzero(~answer.valid)) == [38, 39, 40, 41, 42]
    np.testing.assert_array_equal(answer.absorbance[answer.valid], whole_answer.absorbance[answer.valid])


def test_a_spectrum_that_ends_before_the_target_does_is_not_made_up() -> None:
    made = a_transfer(spectra(8, 8), spectra(8, 8), BIAS_SLOPE)
    short = Spectrum(AXIS_NM[:60], spectra(1, 9)[0][:60], np.ones(60, bool))
    answer = transferred(short, made)
    assert np.all(answer.valid == (np.arange(len(AXIS_NM)) < 60))


def test_a_spectrum_of_nothing_stays_one() -> None:
    made = a_transfer(spectra(8, 8), spectra(8, 8), BIAS_SLOPE)
    nothing = Spectrum(AXIS_NM, np.full(len(AXIS_NM), np.nan), np.zeros(len(AXIS_NM), bool))
    assert transferred(nothing, made).valid_share == 0.0


def test_resampling_leaves_out_what_is_not_covered() -> None:
    moved = resampled(np.array([1000.0, 1010.0]), np.array([[0.0, 1.0]]), np.array([999.0, 1005.0, 1011.0]))
    np.testing.assert_array_equal(moved, [[np.nan, 0.5, np.nan]])


def test_more_specimens_make_a_better_transfer() -> None:
    noise = np.random.default_rng(10)
    errors = []
    for count in (4, 12, 48):
        source = spectra(count, 11, 3.0) + noise.normal(0.0, 0.002, (count, len(AXIS_NM)))
        errors.append(left_out_error(source, spectra(count, 11), PDS))
    assert all(better < worse for worse, better in pairwise(errors))


@pytest.mark.parametrize(
    ("offset", "coefficients", "message"),
    [
        (np.zeros(80), np.ones((81, 1)), "offset has shape"),
        (np.zeros(81), np.ones((81, 2)), "windows of 2, expected an odd number"),
        (np.zeros(81), np.full((81, 1), np.nan), "coefficients must be finite"),
    ],
)
def test_a_transfer_that_does_not_fit_together_is_refused(
    offset: NDArray[np.float64], coefficients: NDArray[np.float64], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Transfer("B", "A", "x", AXIS_NM, offset, coefficients)
