"""Holes and stains are found and measured; gaps between fibres and filled pixels are not faults."""

import cv2
import numpy as np
import pytest

from benchmarks.image_path import fields, image_of, with_hole
from models.defect_detector import ClassicalDefectDetector, DefectLimits, widest_opening_um
from qc_daemon.domain.image import CleanedImage


@pytest.fixture(scope="module")
def clean():
    """Render a few faultless fields; each test looks at those it needs."""
    return list(fields(12, pieces=(0,)))


@pytest.fixture(scope="module")
def cut(clean):
    """A field with a hole of 400 µm in its middle."""
    return with_hole(clean[0], 400.0)


def picture(pixels, mask=None, um_per_pixel=2.0):
    filled = np.zeros(pixels.shape[:2], bool) if mask is None else mask
    return CleanedImage(pixels, pixels, filled, um_per_pixel, "none")


def weave(pore_um, yarn_um=300.0, um_per_pixel=2.0, size_px=480):
    """A plain weave lit from below: yarns of fine fibres, a square pore at each crossing of gaps."""
    generator = np.random.default_rng(6)
    place = np.arange(size_px) * um_per_pixel % (yarn_um + pore_um) < yarn_um
    yarn = (place[:, None] | place[None, :]).astype(np.float32)
    texture = cv2.GaussianBlur(
        generator.normal(0.0, 60.0, (size_px, size_px)).astype(np.float32), (0, 0), 1.0
    )
    level = 200.0 - cv2.GaussianBlur(yarn, (0, 0), 1.5) * (100.0 + texture)
    level = level + generator.normal(0.0, 2.0, level.shape)
    return np.repeat(level[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)


def stained_fabric(radius_px=40, light=0.8):
    noise = np.random.default_rng(4).normal(0.0, 3.0, (256, 256))
    disc = cv2.circle(np.zeros((256, 256), np.float32), (90, 140), radius_px, 1.0, -1)
    level = (160.0 + noise) * cv2.GaussianBlur(1.0 - (1.0 - light) * disc, (0, 0), 2.0)
    return np.repeat(level[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)


def test_a_hole_is_found_where_it_is_and_as_large_as_it_is(cut):
    (hole,) = ClassicalDefectDetector().find(cut)
    assert hole.kind == "hole"
    assert hole.severity == "major"
    assert 0.5 <= hole.confidence < 1.0
    assert hole.area_mm2 == pytest.approx(np.pi * 0.2**2, rel=0.25)
    assert hole.x_px + hole.width_px / 2 == pytest.approx(240, abs=30)
    assert hole.y_px + hole.height_px / 2 == pytest.approx(240, abs=30)


def test_gaps_between_fibres_are_not_holes_by_far(clean):
    for field in clean:
        assert ClassicalDefectDetector().find(image_of(field)) == ()
        assert widest_opening_um(image_of(field)) < 0.6 * 2.0 * DefectLimits().hole_radius_um


def test_pores_between_the_yarns_of_a_weave_are_not_holes():
    open_weave = picture(weave(pore_um=250.0))
    assert widest_opening_um(open_weave) > 150.0  # it is open: the limit tells, not the look
    assert ClassicalDefectDetector().find(open_weave) == ()


def test_a_missing_yarn_crossing_opens_a_weave_into_a_hole():
    pixels = weave(pore_um=150.0).copy()
    pixels[190:390, 190:390] = 200
    found = ClassicalDefectDetector().find(picture(pixels))
    assert [defect.kind for defect in found if defect.kind == "hole"] == ["hole"]


def test_a_small_opening_is_a_gap_and_a_wide_one_a_hole(clean):
    cuts = [with_hole(clean[0], diameter_um) for diameter_um in (200.0, 280.0, 380.0, 600.0)]
    found = [bool(ClassicalDefectDetector().find(each)) for each in cuts]
    assert found == [False, False, True, True]


@pytest.mark.parametrize("um_per_pixel", [1.0, 2.5])
def test_a_hole_is_the_same_at_another_scale_of_the_camera(clean, um_per_pixel):
    factor = 2.0 / um_per_pixel
    for diameter_um, holes in ((280.0, 0), (400.0, 1)):
        usual = with_hole(clean[0], diameter_um).pixels
        seen = cv2.resize(usual, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        assert len(ClassicalDefectDetector().find(picture(seen, um_per_pixel=um_per_pixel))) == holes


def test_filled_pixels_never_count(cut):
    filled = cv2.circle(np.zeros((480, 480), np.uint8), (240, 240), 110, 1, -1) > 0
    assert ClassicalDefectDetector().find(picture(cut.pixels, filled)) == ()
    stain = picture(stained_fabric(), np.ones((256, 256), bool))
    assert ClassicalDefectDetector().find(stain) == ()


def test_a_defect_does_not_reach_into_filled_pixels():
    left = np.zeros((256, 256), bool)
    left[:, :90] = True
    (stain,) = ClassicalDefectDetector().find(picture(stained_fabric(), left))
    assert stain.x_px >= 90


def test_a_stain_is_found_and_measured():
    (stain,) = ClassicalDefectDetector().find(picture(stained_fabric()))
    assert stain.kind == "stain"
    assert stain.severity == "major"
    assert stain.area_mm2 == pytest.approx(np.pi * 0.08**2, rel=0.3)


def test_a_small_stain_is_minor():
    (stain,) = ClassicalDefectDetector().find(picture(stained_fabric(radius_px=16)))
    assert stain.severity == "minor"


def test_a_faultless_even_fabric_has_no_finding():
    assert ClassicalDefectDetector().find(picture(stained_fabric(light=1.0))) == ()


@pytest.mark.parametrize("level", [0, 127, 255])
def test_a_blank_image_has_no_finding(level):
    assert ClassicalDefectDetector().find(picture(np.full((64, 64, 3), level, np.uint8))) == ()


def test_the_same_image_gives_the_same_defects(cut):
    assert ClassicalDefectDetector().find(cut) == ClassicalDefectDetector().find(cut)


def test_the_version_covers_the_limits():
    usual, other = ClassicalDefectDetector(), ClassicalDefectDetector(DefectLimits(hole_radius_um=80.0))
    assert usual.version.role == "defect_detector"
    assert usual.version.digest != other.version.digest
