"""Debris is found on fibres and on fabric, and what tints a fabric is told from what hides it."""

import cv2
import numpy as np
import pytest

from benchmarks.image_path import fields
from models.debris_detector import DebrisLimits, find_debris, find_opaque_debris, find_stains
from models.stain_regions import dark_regions
from models.training.stain_regions import clean_images, cross_validated, marked_images


def even_fabric(seed=1, size_px=256, level=150.0):
    """A grey plain weave with sensor noise."""
    generator = np.random.default_rng(seed)
    line = np.sin(np.arange(size_px) * 2 * np.pi / 6.0)
    weave = level + 8.0 * np.outer(line, line) + generator.normal(0.0, 2.0, (size_px, size_px))
    return np.repeat(weave[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)


def with_disc(pixels, factor, radius_px=14, centre=(120, 100)):
    """Multiply the light inside a disc by `factor`; return the image and the disc."""
    disc = cv2.circle(np.zeros(pixels.shape[:2], np.uint8), centre, radius_px, 1, -1)
    light = cv2.GaussianBlur(1.0 - (1.0 - factor) * disc.astype(np.float32), (0, 0), 1.0)
    return (pixels * light[..., None]).astype(np.uint8), disc > 0


def overlap(mask, truth):
    return (mask & truth).sum() / (mask | truth).sum()


def test_an_even_fabric_has_no_debris():
    for seed in range(5):
        assert not find_debris(even_fabric(seed)).any()


@pytest.mark.parametrize("factor", [0.1, 0.3, 0.7])
def test_a_dark_spot_on_an_even_fabric_is_found(factor):
    pixels, disc = with_disc(even_fabric(), factor)
    assert overlap(find_debris(pixels), disc) > 0.6


def test_what_hides_the_fabric_is_debris_and_what_tints_it_is_a_stain():
    opaque, disc = with_disc(even_fabric(), 0.15)
    tinted, _ = with_disc(even_fabric(), 0.75)
    assert overlap(find_opaque_debris(opaque), disc) > 0.6
    assert not find_stains(opaque)[disc].any()
    assert overlap(find_stains(tinted), disc) > 0.6
    assert not find_opaque_debris(tinted).any()


def test_a_coloured_thread_is_not_missed_for_being_bright_in_one_colour_elsewhere():
    red = even_fabric()
    red[..., 1:] //= 6  # a deep red fabric is dark in green and blue, yet it is not debris
    assert not find_debris(red).any()
    pixels, disc = with_disc(red, 0.15)
    assert overlap(find_opaque_debris(pixels), disc) > 0.6


def test_debris_on_virtual_fibres_is_often_found_and_rarely_invented():
    hit = found = 0
    recalls = []
    for field in fields(24, pieces=(1, 2)):
        mask = find_opaque_debris(field.pixels, field.um_per_pixel)
        hit += (mask & field.debris_mask).sum()
        found += mask.sum()
        if field.debris_mask.any():
            recalls.append((mask & field.debris_mask).sum() / field.debris_mask.sum())
    assert hit / found > 0.85
    assert np.mean(recalls) > 0.35


def test_clean_virtual_fields_lose_almost_nothing():
    clean = fields(16, pieces=(0,))
    lost = [find_opaque_debris(field.pixels, field.um_per_pixel).mean() for field in clean]
    assert np.mean(lost) < 0.0005
    assert np.mean(np.array(lost) > 0) < 0.3


@pytest.mark.parametrize("um_per_pixel", [0.7, 1.0, 2.5])
def test_the_scale_of_the_camera_does_not_matter(um_per_pixel):
    field = next(field for field in fields(9, pieces=(3,)) if field.debris_mask.mean() > 0.005)
    mask = find_opaque_debris(field.pixels, field.um_per_pixel)
    assert mask.any()
    factor = field.um_per_pixel / um_per_pixel
    other = cv2.resize(field.pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    found = find_opaque_debris(other, um_per_pixel).astype(np.uint8)
    back = cv2.resize(found, mask.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    assert overlap(back, mask) > 0.75


def test_a_grain_is_debris_for_its_size_on_the_fabric_and_not_for_its_pixels():
    pixels, disc = with_disc(even_fabric(), 0.15, radius_px=7)
    assert overlap(find_opaque_debris(pixels, um_per_pixel=2.0), disc) > 0.6  # 28 µm across
    assert not find_opaque_debris(pixels, um_per_pixel=0.5).any()  # 7 µm, narrower than a fibre


def test_many_dark_patches_are_the_fabric_itself():
    pixels = even_fabric(size_px=512)
    for row in range(40, 512, 100):
        for column in range(40, 512, 100):
            pixels, _ = with_disc(pixels, 0.2, 12, (column, row))
    assert not find_opaque_debris(pixels).any()
    assert find_opaque_debris(pixels, limits=DebrisLimits(max_opaque_regions=99)).any()


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (17, 300), (255, 257)])
def test_any_size_is_served(shape):
    mask = find_debris(np.full((*shape, 3), 90, np.uint8))
    assert mask.shape == shape
    assert not mask.any()


def test_the_same_image_gives_the_same_mask_and_stays_untouched():
    pixels, _ = with_disc(even_fabric(), 0.2)
    before = pixels.copy()
    pixels.setflags(write=False)
    assert np.array_equal(find_debris(pixels), find_debris(pixels))
    assert np.array_equal(pixels, before)


def test_stains_of_fabrics_that_were_left_out_are_found(qc_data):
    marked = list(marked_images(qc_data / "fabric_stain_hsst"))
    clean = [dark_regions(pixels) for pixels in clean_images(qc_data)]
    overlaps, recalls = cross_validated(marked, clean).T
    assert overlaps.mean() > 0.65
    assert recalls.mean() > 0.90


def test_a_fold_across_the_picture_is_no_stain():
    shade = np.ones((256, 256), np.float32)
    shade[:, 120:128] = 0.85
    folded = even_fabric() * cv2.GaussianBlur(shade, (0, 0), 4.0)[..., None]
    assert not find_stains(folded.astype(np.uint8)).any()
