from datetime import timedelta

import numpy as np
import pytest
from builders import AXIS_NM, NOON, a_frame, a_scan, a_white

from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.quality import (
    FrameLimits,
    ScanLimits,
    assess_cleaned,
    assess_clocks,
    assess_frame,
    assess_scan,
    assess_spectrum,
    focus_measure,
    grey_levels,
)
from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.domain.spectrum import Spectrum, absorbance_spectrum

SCAN = ScanLimits()
FRAME = FrameLimits()


def codes(findings) -> list[ReasonCode]:
    return [finding.code for finding in findings]


def test_a_good_scan_has_no_findings() -> None:
    assert codes(assess_scan(a_scan(), SCAN)) == []


def test_a_scan_at_full_scale_is_saturated() -> None:
    counts = np.full(len(AXIS_NM), 1e5)
    counts[4] = 0.985 * 2**23
    assert codes(assess_scan(a_scan(counts), SCAN)) == [ReasonCode.SATURATED]


def test_a_scan_below_its_dark_level_has_no_signal() -> None:
    assert codes(assess_scan(a_scan(-1.0), SCAN)) == [ReasonCode.LOW_SIGNAL]


def test_an_empty_view_is_no_specimen() -> None:
    spectrum = absorbance_spectrum(a_scan(200_000.0 * 10**-1.3), a_white())
    assert codes(assess_spectrum(spectrum, SCAN)) == [ReasonCode.NO_SPECIMEN]


def test_a_black_specimen_with_shape_is_low_signal_not_absence() -> None:
    absorbance = np.linspace(0.8, 2.4, len(AXIS_NM))
    spectrum = absorbance_spectrum(a_scan(200_000.0 * 10**-absorbance), a_white())
    assert codes(assess_spectrum(spectrum, SCAN)) == [ReasonCode.LOW_SIGNAL]


def test_too_few_valid_bands_are_refused() -> None:
    valid = np.arange(20) < 15
    spectrum = Spectrum(AXIS_NM, np.where(valid, 0.3, np.nan), valid)
    assert codes(assess_spectrum(spectrum, SCAN)) == [ReasonCode.TOO_FEW_BANDS]


def test_findings_about_scans_forbid_to_infer_and_those_about_frames_do_not() -> None:
    assert all(finding.blocks_inference for finding in assess_scan(a_scan(-1.0), SCAN))
    stale = a_frame(captured_monotonic_s=200.0)
    assert not any(finding.blocks_inference for finding in assess_frame(stale, 100.0, FRAME))


def test_a_fresh_sharp_frame_has_no_findings() -> None:
    assert codes(assess_frame(a_frame(), 100.0, FRAME)) == []


def test_a_frame_from_long_ago_is_stale() -> None:
    assert codes(assess_frame(a_frame(), 80.0, FRAME)) == [ReasonCode.FRAME_STALE]


def test_a_frame_that_repeats_bit_for_bit_is_frozen() -> None:
    assert codes(assess_frame(a_frame(repeats=3), 100.0, FRAME)) == [ReasonCode.FRAME_FROZEN]


def test_an_all_equal_frame_shows_nothing() -> None:
    grey = np.full((64, 64, 3), 90, np.uint8)
    assert codes(assess_frame(a_frame(grey), 100.0, FRAME)) == [ReasonCode.FRAME_UNIFORM]


def test_a_clipped_frame_is_refused() -> None:
    pixels = a_frame().pixels.copy()
    pixels[:8] = 255
    assert ReasonCode.CLIPPED in codes(assess_frame(a_frame(pixels), 100.0, FRAME))


def smooth_field(contrast: float) -> np.ndarray:
    """A field so smooth that only a defocused lens can show it."""
    y, x = np.mgrid[0:128, 0:128] / 128.0
    field = 110.0 + contrast * np.sin(2 * np.pi * x) * np.cos(2 * np.pi * y)
    return np.repeat(field[..., None], 3, axis=2).astype(np.uint8)


def test_a_defocused_frame_is_refused() -> None:
    assert codes(assess_frame(a_frame(smooth_field(40.0)), 100.0, FRAME)) == [ReasonCode.UNFOCUSED]


def test_sensor_noise_does_not_pass_for_focus() -> None:
    noise = np.random.default_rng(2).normal(0.0, 2.0, (128, 128, 1))
    noisy = np.clip(smooth_field(40.0) + noise, 0, 255).astype(np.uint8)
    assert ReasonCode.UNFOCUSED in codes(assess_frame(a_frame(noisy), 100.0, FRAME))


def test_focus_does_not_depend_on_exposure() -> None:
    grey = grey_levels(a_frame().pixels)
    assert focus_measure(grey / 2.0) == pytest.approx(focus_measure(grey), rel=1e-9)


def test_too_much_debris_is_not_measurable() -> None:
    pixels = a_frame().pixels
    mask = np.zeros(pixels.shape[:2], bool)
    mask[:32] = True
    image = CleanedImage(pixels, pixels, mask, 1.0, "none")
    assert codes(assess_cleaned(image, FRAME)) == [ReasonCode.TOO_MUCH_DEBRIS]


def test_cleaning_that_touches_known_pixels_is_refused() -> None:
    pixels = a_frame().pixels
    changed = pixels.copy()
    changed[0, 0] = 0
    with pytest.raises(ValueError, match="outside the debris mask"):
        CleanedImage(pixels, changed, np.zeros(pixels.shape[:2], bool), 1.0, "none")


@pytest.mark.parametrize(
    ("off_s", "flagged"), [(0.0, False), (299.0, False), (3600.0, True), (-3600.0, True), (86400.0, True)]
)
def test_clocks_that_disagree_are_remarked_whichever_was_set(off_s: float, flagged: bool) -> None:
    scan = a_scan(device_at=NOON)
    reasons = list(assess_clocks(scan, NOON + timedelta(seconds=off_s), ScanLimits()))
    assert [(one.code, one.value, one.is_remark) for one in reasons] == (
        [(ReasonCode.CLOCKS_DISAGREE, off_s, True)] if flagged else []
    )


def test_an_instrument_without_a_clock_disagrees_with_nobody() -> None:
    assert list(assess_clocks(a_scan(), NOON, ScanLimits())) == []
