"""Small grains and matter brighter than the cloth are found; a picture's own structure is not."""

import cv2
import numpy as np
import pytest

from benchmarks.image_path import fields
from models.debris_detector import find_debris, find_opaque_debris
from models.debris_spots import SpotLimits, find_spots

LIMITS = SpotLimits()


def weave(seed=1, side=400, level=110.0):
    """A plain weave with yarns that vary in brightness, (side, side, 3) RGB."""
    dice = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    yarns = np.kron(dice.normal(0.0, 5.0, (1, 1 + side // 12)), np.ones((1, 12)))[:, :side]
    texture = 30 * np.sin(2 * np.pi * columns / 12) * np.sin(2 * np.pi * rows / 10)
    light = level + texture + yarns + dice.normal(0.0, 4.0, (side, side))
    return np.repeat(light[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)


def laid_on(pixels, draw, grey):
    """Lay matter of that grey level on pixels; return them and where it lies."""
    cover = draw(np.zeros(pixels.shape[:2], np.uint8))
    alpha = cv2.GaussianBlur(cover.astype(np.float32), (0, 0), 0.8)[..., None]
    return np.rint(pixels + alpha * (grey - pixels)).astype(np.uint8), cover > 0


def grain(cover):
    return cv2.circle(cover, (150, 170), 3, 1, -1)  # 14 µm across


def lint(cover):
    path = np.array([[100, 80], [140, 100], [170, 150], [180, 200]])
    return cv2.polylines(cover, [path], False, 1, 3)


@pytest.mark.parametrize("seed", range(6))
def test_a_weave_stands_out_from_itself_nowhere(seed):
    assert not find_spots(weave(seed), 2.0, LIMITS).any()


def test_clean_virtual_fields_have_no_spots():
    shares = [
        find_spots(field.pixels, field.um_per_pixel, LIMITS).mean() for field in fields(16, pieces=(0,))
    ]
    assert np.mean(np.array(shares) > 0) < 0.1


@pytest.mark.parametrize(("draw", "grey"), [(grain, 20), (lint, 235), (grain, 235)])
def test_small_grains_and_bright_lint_on_a_weave_are_found_in_their_place(draw, grey):
    pixels, truth = laid_on(weave(), draw, grey)
    found = find_spots(pixels, 2.0, LIMITS)
    assert found[truth].mean() > 0.6
    around = cv2.dilate(truth.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert not (found & ~around).any()


def test_bright_lint_is_debris_for_the_station_and_for_folders():
    pixels, truth = laid_on(weave(), lint, 235)
    assert find_opaque_debris(pixels)[truth].mean() > 0.6
    assert find_debris(pixels)[truth].mean() > 0.6


def test_coloured_yarn_that_is_bright_in_one_colour_is_not_bright_matter():
    pixels, stripe = laid_on(weave(level=90.0), lint, np.array([200.0, 60.0, 60.0]))
    assert not find_spots(pixels, 2.0, LIMITS)[stripe].any()


@pytest.mark.parametrize("diameter_um", [120, 200, 400])
def test_an_opening_of_the_fabric_is_not_bright_matter(diameter_um):
    pixels, _ = laid_on(weave(), lambda cover: cv2.circle(cover, (200, 200), diameter_um // 4, 1, -1), 240)
    assert not find_spots(pixels, 2.0, LIMITS).any()


def test_what_is_dark_and_as_large_as_a_stain_is_left_to_others():
    small, truth = laid_on(weave(), grain, 55)
    assert find_spots(small, 2.0, LIMITS)[truth].mean() > 0.6
    large, _ = laid_on(weave(), lambda cover: cv2.circle(cover, (200, 200), 9, 1, -1), 55)
    assert not find_spots(large, 2.0, LIMITS).any()


def test_the_scale_of_the_camera_does_not_matter():
    pixels, truth = laid_on(weave(), lint, 235)
    larger = cv2.resize(pixels, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC)
    found = find_spots(larger, 1.0, LIMITS)
    back = cv2.resize(found.astype(np.uint8), truth.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    here = find_spots(pixels, 2.0, LIMITS)
    assert (back & here).sum() / (back | here).sum() > 0.75


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (17, 300), (255, 257)])
def test_any_size_and_any_even_picture_is_served(shape):
    for level in (0, 90, 255):
        found = find_spots(np.full((*shape, 3), level, np.uint8), 2.0, LIMITS)
        assert found.shape == shape
        assert not found.any()
    noise = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert find_spots(noise, 2.0, LIMITS).shape == shape
