"""Holes and stains are found and measured; gaps between fibres and filled pixels are not faults."""

import cv2
import numpy as np
import pytest

from benchmarks.image_path import fields, with_hole
from models.defect_detector import ClassicalDefectDetector, DefectLimits
from qc_daemon.domain.image import CleanedImage


def image_of(pixels, mask=None, um_per_pixel=1.0):
    filled = np.zeros(pixels.shape[:2], bool) if mask is None else mask
    return CleanedImage(pixels, pixels, filled, um_per_pixel, "none")


def field():
    return next(fields(1, pieces=(0,)))


def stained_fabric(radius_px=40, light=0.8):
    noise = np.random.default_rng(4).normal(0.0, 3.0, (256, 256))
    disc = cv2.circle(np.zeros((256, 256), np.float32), (90, 140), radius_px, 1.0, -1)
    level = (160.0 + noise) * cv2.GaussianBlur(1.0 - (1.0 - light) * disc, (0, 0), 2.0)
    return np.repeat(level[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)


def test_a_hole_is_found_where_it_is_and_as_large_as_it_is():
    (hole,) = ClassicalDefectDetector().find(with_hole(field(), 170))
    assert hole.kind == "hole"
    assert hole.severity == "major"
    assert 0.5 <= hole.confidence < 1.0
    assert hole.area_mm2 == pytest.approx(np.pi * 0.085**2, rel=0.25)
    assert hole.x_px + hole.width_px / 2 == pytest.approx(128, abs=15)
    assert hole.y_px + hole.height_px / 2 == pytest.approx(128, abs=15)


def test_gaps_between_fibres_are_not_holes():
    detector = ClassicalDefectDetector()
    alarms = [detector.find(image_of(clean.pixels)) for clean in fields(50, pieces=(0,))]
    assert sum(bool(defects) for defects in alarms) <= 1  # 2 %


def test_a_small_opening_is_a_gap_and_a_wide_one_a_hole():
    found = [bool(ClassicalDefectDetector().find(with_hole(field(), diameter))) for diameter in (70, 170)]
    assert found == [False, True]


def test_the_scale_decides_what_is_wide():
    cut = with_hole(field(), 170)
    coarse = CleanedImage(cut.original, cut.pixels, cut.debris_mask, 2.0, "none")
    fine = CleanedImage(cut.original, cut.pixels, cut.debris_mask, 0.5, "none")
    detector = ClassicalDefectDetector()
    area = detector.find(cut)[0].area_mm2
    assert detector.find(coarse)[0].area_mm2 == pytest.approx(4.0 * area)
    assert detector.find(fine) == ()


def test_filled_pixels_never_count():
    cut = with_hole(field(), 170)
    filled = cv2.circle(np.zeros((256, 256), np.uint8), (128, 128), 100, 1, -1) > 0
    assert ClassicalDefectDetector().find(image_of(cut.pixels, filled)) == ()
    stain = image_of(stained_fabric(), np.ones((256, 256), bool))
    assert ClassicalDefectDetector().find(stain) == ()


def test_a_defect_does_not_reach_into_filled_pixels():
    left = np.zeros((256, 256), bool)
    left[:, :90] = True
    (stain,) = ClassicalDefectDetector().find(image_of(stained_fabric(), left))
    assert stain.x_px >= 90


def test_a_stain_is_found_and_measured():
    (stain,) = ClassicalDefectDetector().find(image_of(stained_fabric()))
    assert stain.kind == "stain"
    assert stain.severity == "major"
    assert stain.area_mm2 == pytest.approx(np.pi * 0.04**2, rel=0.3)


def test_a_small_stain_is_minor():
    (stain,) = ClassicalDefectDetector().find(image_of(stained_fabric(radius_px=16)))
    assert stain.severity == "minor"


def test_a_faultless_even_fabric_has_no_finding():
    assert ClassicalDefectDetector().find(image_of(stained_fabric(light=1.0))) == ()


@pytest.mark.parametrize("level", [0, 127, 255])
def test_a_blank_image_has_no_finding(level):
    assert ClassicalDefectDetector().find(image_of(np.full((64, 64, 3), level, np.uint8))) == ()


def test_the_same_image_gives_the_same_defects():
    cut = with_hole(field(), 170)
    assert ClassicalDefectDetector().find(cut) == ClassicalDefectDetector().find(cut)


def test_the_version_covers_the_limits():
    usual, other = ClassicalDefectDetector(), ClassicalDefectDetector(DefectLimits(hole_radius_um=80.0))
    assert usual.version.role == "defect_detector"
    assert usual.version.digest != other.version.digest
