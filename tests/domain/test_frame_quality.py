"""The gates of a frame at their limits, and a focus measure that neither noise nor exposure can fool."""

import cv2
import numpy as np
import pytest
from builders import a_frame

from models.virtual_mill.micrographs import render_micrograph
from qc_daemon.domain.focus import focus_measure, grey_levels, noise_level
from qc_daemon.domain.quality import FrameLimits, assess_frame
from qc_daemon.domain.reasons import ReasonCode

LIMITS = FrameLimits()
TRIGGERED_S = 100.0


def codes(frame):
    return {finding.code for finding in assess_frame(frame, TRIGGERED_S, LIMITS)}


def grained(mean, spread=10.0, seed=1):
    """A frame of sharp grain around a mean grey."""
    grain = np.random.default_rng(seed).normal(0.0, spread, (64, 64, 1))
    grain = cv2.GaussianBlur(grain, (0, 0), 1.5)[..., None] * 4.0
    return np.repeat(np.clip(mean + grain, 0, 255), 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize(
    ("delay_s", "stale"), [(-0.001, True), (0.0, False), (9.99, False), (10.01, True), (-5.0, True)]
)
def test_a_frame_from_before_the_trigger_is_stale_and_so_is_one_from_long_after(delay_s, stale):
    found = codes(a_frame(captured_monotonic_s=TRIGGERED_S + delay_s))
    assert (ReasonCode.FRAME_STALE in found) == stale


@pytest.mark.parametrize(("repeats", "frozen"), [(0, False), (1, True), (2, True)])
def test_one_repetition_is_a_frozen_camera(repeats, frozen):
    assert (ReasonCode.FRAME_FROZEN in codes(a_frame(repeats=repeats))) == frozen


@pytest.mark.parametrize(
    ("mean", "code"),
    [
        (25.0, ReasonCode.UNDEREXPOSED),
        (33.0, None),
        (128.0, None),
        (217.0, None),
        (224.0, ReasonCode.OVEREXPOSED),
    ],
)
def test_the_mean_grey_of_a_usable_exposure_lies_between_30_and_220(mean, code):
    found = codes(a_frame(grained(mean, spread=2.0)))
    assert found & {ReasonCode.UNDEREXPOSED, ReasonCode.OVEREXPOSED} == ({code} if code else set())


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize(("clipped_px", "refused"), [(20, False), (21, True)])
def test_half_a_percent_of_clipped_pixels_is_too_many_on_either_side(level, clipped_px, refused):
    pixels = grained(128.0)
    pixels.reshape(-1, 3)[:clipped_px] = level  # 0.5 % of 4096 are 20.48
    assert (ReasonCode.CLIPPED in codes(a_frame(pixels))) == refused


def weave(blur_px=0.0):
    """(480, 480) grey levels of a woven texture with grain, blurred as by a lens."""
    y, x = np.mgrid[0:480, 0:480]
    grain = cv2.GaussianBlur(np.random.default_rng(3).normal(0.0, 60.0, (480, 480)), (0, 0), 0.8)
    texture = 128.0 + 45.0 * np.sin(2 * np.pi * x / 9.0) * np.sin(2 * np.pi * y / 11.0) + grain
    return cv2.GaussianBlur(texture, (0, 0), blur_px) if blur_px else texture


def micrograph(shares, blur_px=0.0):
    pixels = render_micrograph(shares, np.random.default_rng(8), debris_pieces=0).pixels
    grey = grey_levels(pixels)
    return cv2.GaussianBlur(grey, (0, 0), blur_px) if blur_px else grey


SUBJECTS = {
    "weave": weave,
    "cotton": lambda blur_px=0.0: micrograph({"cotton": 1.0}, blur_px),
    "polyester": lambda blur_px=0.0: micrograph({"polyester": 1.0}, blur_px),
    "wool and viscose": lambda blur_px=0.0: micrograph({"wool": 0.5, "viscose": 0.5}, blur_px),
}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_focus_falls_with_each_blur_whatever_is_looked_at(subject):
    scores = [focus_measure(SUBJECTS[subject](blur_px)) for blur_px in (0.0, 0.5, 1.0, 2.0, 4.0, 6.0)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 20.0 * scores[-1]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_focus_does_not_depend_on_exposure(subject):
    sharp = SUBJECTS[subject]()
    assert focus_measure(np.rint(sharp / 2.0)) == pytest.approx(focus_measure(sharp), rel=0.02)


@pytest.mark.parametrize("noise", [1.0, 2.0, 5.0, 10.0])
@pytest.mark.parametrize("mean", [35.0, 110.0, 200.0])
def test_a_flat_field_with_noise_is_less_sharp_than_the_limit_however_much_noise(noise, mean):
    flat = np.random.default_rng(4).normal(mean, noise, (480, 480))
    assert focus_measure(np.clip(np.rint(flat), 0, 255)) < LIMITS.min_focus


@pytest.mark.parametrize("subject", SUBJECTS)
def test_noise_makes_a_blurred_frame_no_sharper(subject):
    blurred = SUBJECTS[subject](4.0)
    noisy = np.clip(np.rint(blurred + np.random.default_rng(5).normal(0.0, 5.0, blurred.shape)), 0, 255)
    assert focus_measure(noisy) == pytest.approx(focus_measure(blurred), rel=0.15)


@pytest.mark.parametrize("noise", [1.0, 3.0, 8.0])
def test_the_noise_of_a_frame_is_read_below_its_structure(noise):
    clean = weave(2.0)
    noisy = clean + np.random.default_rng(6).normal(0.0, noise, clean.shape)
    assert noise_level(noisy) == pytest.approx(noise, rel=0.1)


def test_one_sharp_fibre_in_a_blurred_field_is_no_focus():
    field = np.full((480, 480), 120.0)
    field[300:304] = 30.0
    assert focus_measure(field) < LIMITS.min_focus
