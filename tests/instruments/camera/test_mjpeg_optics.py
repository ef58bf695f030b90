"""Faults of light, focus, dirt and format do to a picture what their names say."""

import numpy as np
import pytest
from camera_kit import a_picture

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.mjpeg_optics import OPTICAL_FAULTS, through_the_lens
from qc_daemon.domain.focus import focus_measure, grey_levels

PATCHES = np.repeat(
    np.kron(np.random.default_rng(1).integers(60, 160, (24, 32, 1)), np.ones((6, 6, 1))), 3, axis=2
).astype(np.uint8)


def seen(pixels, *faults):
    active = ActiveFaults({name: meaning for name, (meaning, _) in OPTICAL_FAULTS.items()})
    for fault in faults:
        active.add(fault)
    return through_the_lens(pixels, active)


def test_a_healthy_lens_shows_what_is_there():
    assert np.array_equal(seen(PATCHES), PATCHES)


@pytest.mark.parametrize(("fault", "factor"), [("underexposed=0.25", 0.25), ("overexposed=1.5", 1.5)])
def test_light_is_multiplied(fault, factor):
    assert seen(a_picture(120), fault).mean() == pytest.approx(120 * factor, rel=0.02)


def test_too_much_light_clips():
    assert np.mean(seen(PATCHES, "overexposed") == 255) > 0.5


def test_defocus_takes_the_detail_and_leaves_the_light():
    blurred = seen(PATCHES, "defocused=4")
    assert focus_measure(grey_levels(blurred)) < 0.05 * focus_measure(grey_levels(PATCHES))
    assert blurred.mean() == pytest.approx(PATCHES.mean(), rel=0.01)


@pytest.mark.parametrize("percent", [10, 40])
def test_debris_covers_its_share_dark_and_nothing_else_changes(percent):
    soiled = seen(PATCHES, f"debris={percent}")
    covered = (soiled != PATCHES).any(axis=2)
    assert percent <= 100.0 * covered.mean() < percent + 10
    assert soiled[covered].max() < 20


def test_a_wrong_size_is_another_size_of_the_same_view():
    small = seen(PATCHES, "wrong_size=0.5")
    assert small.shape == (PATCHES.shape[0] // 2, PATCHES.shape[1] // 2, 3)
    assert small.mean() == pytest.approx(PATCHES.mean(), rel=0.01)


def test_faults_add_up():
    assert seen(PATCHES, "wrong_size=0.5", "underexposed=0.5").mean() == pytest.approx(
        PATCHES.mean() / 2, rel=0.02
    )
