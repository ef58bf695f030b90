"""Holes are filled, the same way each time, and known pixels stay as they were."""

from dataclasses import replace
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.debris_detector import DebrisLimits
from models.filling_methods import FSR, GAUSSIAN, TELEA, open_pmpn
from models.hole_filling import fill_holes
from models.image_cleaner import DebrisCleaner
from models.pmpn_checkpoint import RELEASED_PMPN
from qc_daemon.domain.errors import CheckpointError
from qc_daemon.domain.image import Frame
from qc_daemon.domain.spectrum import InstrumentIdentity


def weave(size_px=128, seed=2):
    """A woven texture with noise, (size, size, 3) RGB."""
    line = np.arange(size_px)
    level = 130 + 40 * np.sin(line[:, None] * 0.9) * np.sin(line[None, :] * 0.7)
    noise = np.random.default_rng(seed).normal(0.0, 3.0, (size_px, size_px))
    return np.repeat((level + noise)[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)


def disc(size_px=128, radius_px=7, centre=(60, 50)):
    return cv2.circle(np.zeros((size_px, size_px), np.uint8), centre, radius_px, 1, -1) > 0


def frame_of(pixels):
    camera = InstrumentIdentity("folder-camera", "test", "S1", "1")
    return Frame(b"", pixels, 2.0, camera, datetime(2026, 1, 1, tzinfo=UTC), 0.0, 0)


def dirty_weave():
    pixels = weave()
    pixels[disc()] = 12
    return pixels


def hole_error(filled, truth, mask):
    return np.mean((filled[mask].astype(float) - truth[mask]) ** 2)


masks = st.integers(1, 40).flatmap(
    lambda height: st.integers(1, 40).flatmap(lambda width: arrays(np.bool_, (height, width)))
)


@settings(max_examples=30, deadline=None)
@given(
    masks, st.sampled_from([(), (3,), (4,)]), st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from([FSR, TELEA, GAUSSIAN]), st.integers(0, 99),
)  # fmt: skip
def test_known_pixels_stay_bit_identical_whatever_the_mask(mask, channels, depth, method, seed):
    assume(not mask.all())
    highest = np.iinfo(depth).max
    pixels = np.random.default_rng(seed).integers(0, highest, (*mask.shape, *channels), depth, endpoint=True)
    filled = fill_holes(pixels, mask, method)
    assert filled.dtype == depth
    assert np.array_equal(filled[~mask], pixels[~mask])
    assert np.array_equal(filled[..., 3:], pixels[..., 3:]) or not channels  # opacity
    assert np.array_equal(filled, fill_holes(pixels, mask, method))


@pytest.mark.parametrize("shape", [(1, 9), (9, 1)])
def test_an_image_one_pixel_high_or_wide_is_filled_as_if_it_were_twice_so(shape):
    pixels = np.random.default_rng(4).integers(0, 256, (*shape, 3), dtype=np.uint8)
    mask = np.random.default_rng(5).random(shape) < 0.6
    twice = np.repeat(np.repeat(pixels, 3 - min(shape[0], 2), axis=0), 3 - min(shape[1], 2), axis=1)
    twice_mask = np.repeat(np.repeat(mask, 3 - min(shape[0], 2), axis=0), 3 - min(shape[1], 2), axis=1)
    expected = fill_holes(twice, twice_mask, TELEA)[: shape[0], : shape[1]]
    assert np.array_equal(fill_holes(pixels, mask, TELEA), expected)


def test_what_lies_under_a_hole_does_not_matter():
    mask = disc()
    hidden = weave()
    hidden[mask] = 255
    assert np.array_equal(fill_holes(weave(), mask, FSR), fill_holes(hidden, mask, FSR))


@pytest.mark.parametrize("size_px", [128, 123])
def test_fsr_continues_a_weave_where_diffusion_smears_it(size_px):
    pixels, mask = weave(size_px), disc(size_px)
    fsr, telea = (hole_error(fill_holes(pixels, mask, method), pixels, mask) for method in (FSR, TELEA))
    assert fsr < 0.25 * telea  # more than 6 dB


def test_holes_at_the_border_and_side_by_side_are_filled():
    mask = disc(centre=(3, 3)) | disc(centre=(125, 80)) | disc(centre=(60, 50)) | disc(centre=(78, 50))
    pixels = weave()
    assert hole_error(fill_holes(pixels, mask, FSR), pixels, mask) < 500.0  # the weave's variance is 400
    assert fill_holes(pixels, mask, FSR)[mask].min() > 60


def test_an_image_without_any_known_pixel_is_refused():
    with pytest.raises(ValueError, match="whole image is a hole"):
        fill_holes(weave(), np.ones((128, 128), bool), FSR)


def test_beyond_its_allowance_fsr_leaves_the_rest_to_diffusion():
    pixels, mask = weave(), disc(radius_px=9, centre=(30, 30)) | disc(radius_px=4, centre=(100, 100))
    none, some, full = (fill_holes(pixels, mask, FSR, allowed) for allowed in (0, 100, None))
    telea, fsr = fill_holes(pixels, mask, TELEA), fill_holes(pixels, mask, FSR)
    large, small = disc(radius_px=9, centre=(30, 30)), disc(radius_px=4, centre=(100, 100))
    assert np.array_equal(none, telea)
    assert np.array_equal(full, fsr)
    assert np.array_equal(some[large], telea[large])
    assert np.array_equal(some[small], fsr[small])


@pytest.mark.parametrize("method", [GAUSSIAN, FSR, TELEA], ids=lambda method: method.name)
def test_a_dirty_frame_is_cleaned(method):
    cleaned = DebrisCleaner(method).clean(frame_of(dirty_weave()))
    assert cleaned.debris_mask[disc()].mean() > 0.9
    assert 0.5 < cleaned.filled_percent < 5.0
    assert cleaned.method.startswith(method.name)
    assert abs(float(cleaned.pixels[disc()].mean()) - 130.0) < 25.0
    assert np.array_equal(cleaned.original, dirty_weave())


def test_a_clean_frame_is_left_alone():
    cleaned = DebrisCleaner(FSR).clean(frame_of(weave()))
    assert cleaned.method == "none"
    assert np.array_equal(cleaned.pixels, weave())
    assert not cleaned.debris_mask.any()


def test_cleaning_twice_gives_the_same_pixels():
    first, second = (DebrisCleaner(FSR).clean(frame_of(dirty_weave())) for _ in range(2))
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.debris_mask, second.debris_mask)


def test_the_number_of_threads_does_not_change_a_pixel():
    threads = cv2.getNumThreads()
    try:
        results = []
        for number in (1, 4):
            cv2.setNumThreads(number)
            results.append(fill_holes(dirty_weave(), disc(), FSR))
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(*results)


def test_the_version_tells_methods_and_settings_apart():
    versions = [
        DebrisCleaner(FSR).version,
        DebrisCleaner(TELEA).version,
        DebrisCleaner(FSR, max_px=1).version,
        DebrisCleaner(FSR, limits=DebrisLimits(min_opaque_um2=7.0)).version,
    ]
    assert len({version.digest for version in versions}) == 4
    assert DebrisCleaner(FSR).version == versions[0]
    assert all(version.role == "image_cleaner" and len(version.digest) == 64 for version in versions)


def test_a_method_is_given_no_more_than_it_takes_and_always_something_known():
    shapes = []

    def fill(plane, hole):
        shapes.append(plane.shape)
        assert hole.any()
        assert not hole.all()
        return np.where(hole, np.float32(0.5), plane)

    pixels, mask = weave(300), np.zeros((300, 300), bool)
    mask[5:295, 10:290] = True  # tiles in its middle are wholly unknown: diffusion's fill stays there
    tiles = replace(GAUSSIAN, fill=fill, tile_px=96)
    filled = fill_holes(pixels, mask, tiles)
    assert len(shapes) > 4
    assert max(max(shape) for shape in shapes) <= 96
    assert np.array_equal(filled[~mask], pixels[~mask])
    # 300 px are no multiple of a tile's step: the last tile is moved back, not left out.
    assert (filled[5:12, 150] == 128).all()


def test_planes_that_are_alike_are_filled_once():
    calls = []

    def fill(plane, hole):
        calls.append(1)
        return np.where(hole, np.float32(0.5), plane)

    grey, colour = weave(), weave()
    colour[..., 2] //= 2
    fill_holes(grey, disc(), replace(GAUSSIAN, fill=fill))
    assert len(calls) == 1
    fill_holes(colour, disc(), replace(GAUSSIAN, fill=fill))
    assert len(calls) == 1 + 2


def test_the_released_network_fills_a_field_larger_than_its_tiles():
    method, pixels = open_pmpn(RELEASED_PMPN), weave(300)
    mask = disc(300, radius_px=7) | disc(300, radius_px=9, centre=(250, 40))
    mask[140:150, 5:295] = True
    filled = fill_holes(pixels, mask, method)
    assert np.array_equal(filled[~mask], pixels[~mask])
    assert np.array_equal(filled, fill_holes(pixels, mask, method))
    assert hole_error(filled, pixels, mask) < 0.5 * hole_error(fill_holes(pixels, mask, TELEA), pixels, mask)
    assert DebrisCleaner(method).version.digest != DebrisCleaner(GAUSSIAN).version.digest


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(CheckpointError):
        open_pmpn(tmp_path)
