"""Flat field: uneven light divides out, and what does not fit is refused by name."""

from dataclasses import replace

import numpy as np
import pytest
from builders import NOON, a_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.flat_field import FlatField, corrected, flat_field_of, unfit

SHAPE = (96, 128)


def falloff():
    """(96, 128, 1) light of a lamp that stands to one side, 0.4 to 1."""
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    return (1.0 - 0.6 * ((x / SHAPE[1]) ** 2 + (y / SHAPE[0]) ** 2) / 2.0)[..., None]


def a_view(reflectance, dark=6.0, noise=2.0, seed=1):
    """A frame of something with that reflectance under the uneven light."""
    clean = dark + 200.0 * falloff() * reflectance * np.ones((1, 1, 3))
    noisy = clean + np.random.default_rng(seed).normal(0.0, noise, clean.shape)
    return a_frame(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def a_flat(frames=24, dark=True):
    white = [a_view(np.ones((*SHAPE, 1)), seed=seed) for seed in range(frames)]
    unlit = [a_view(np.zeros((*SHAPE, 1)), seed=100 + seed) for seed in range(frames)] if dark else []
    return flat_field_of(white, unlit)


def checks():
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    return np.where((x // 16 + y // 16) % 2 == 0, 0.7, 0.3)[..., None]


def test_an_unevenly_lit_pattern_comes_out_even():
    even = corrected(a_view(checks()).pixels, a_flat()).astype(float)
    for share in (0.7, 0.3):
        part = even[checks()[..., 0] == share]
        assert part.std() < 3.5  # noise alone; the light makes 25 of it before
        assert part.mean() == pytest.approx(share * 200.0 * falloff().mean(), rel=0.03)


def test_the_figure_is_that_of_the_formula():
    rng = np.random.default_rng(2)
    white, dark = rng.uniform(120, 200, (5, 7, 3)), rng.uniform(0, 10, (5, 7, 3))
    pixels = rng.integers(0, 120, (5, 7, 3)).astype(np.uint8)
    flat = FlatField(white, dark, a_frame().camera, 20, NOON)
    light = flat.white - flat.dark
    expected = np.clip(np.rint((pixels - flat.dark) / light * light.mean(axis=(0, 1))), 0, 255)
    assert np.abs(corrected(pixels, flat) - expected).max() <= 1


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 255), st.integers(0, 2**32 - 1))
def test_an_even_flat_field_without_dark_changes_nothing(level, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 11, 3)).astype(np.uint8)
    flat = FlatField(np.full(pixels.shape, level), np.zeros(pixels.shape), a_frame().camera, 20, NOON)
    assert np.array_equal(corrected(pixels, flat), pixels)


def test_a_pixel_without_light_stays_as_it_was():
    white = np.full((4, 4, 3), 180.0)
    white[0, 0] = 2.0
    flat = FlatField(white, np.zeros((4, 4, 3)), a_frame().camera, 20, NOON)
    pixels = np.full((4, 4, 3), 90, np.uint8)
    assert np.array_equal(corrected(pixels, flat)[0, 0], [90, 90, 90])


def test_noise_of_the_flat_field_is_averaged_down():
    flat = a_flat(frames=32, dark=False)
    assert (flat.white - (6.0 + 200.0 * falloff())).std() < 2.0 / np.sqrt(32) * 1.3


def test_its_hash_covers_every_level_and_the_camera():
    flat = a_flat()
    other = flat.white.copy()
    other[3, 3, 1] += 1.0
    assert flat.sha256 == a_flat().sha256
    assert replace(flat, white=other).sha256 != flat.sha256
    assert replace(flat, dark=other * 0.01).sha256 != flat.sha256
    assert replace(flat, camera=replace(flat.camera, serial="cam-2")).sha256 != flat.sha256


def test_it_serves_only_the_size_the_camera_and_the_exposure_that_it_was_taken_with():
    flat = a_flat()
    frame = a_view(checks())
    assert unfit(flat, frame) is None
    assert unfit(flat, a_frame()) == "128 x 96 px, 64 x 64 px"
    assert unfit(flat, replace(frame, camera=replace(frame.camera, serial="cam-2"))) == "cam-1, cam-2"
    brighter = replace(frame.camera, firmware="exposure 20 ms")
    assert unfit(flat, replace(frame, camera=brighter)) == "1; exposure 20 ms"


def whites(count=20, **changes):
    return [replace(a_view(np.ones((*SHAPE, 1)), seed=seed), **changes) for seed in range(count)]


@pytest.mark.parametrize(
    ("white", "dark", "message"),
    [
        (whites(19), [], "19 white frames, expected at least 20"),
        ([*whites(19), a_frame()], [], "size or settings of the camera changed"),
        (whites(), [a_frame()], "size or settings of the camera changed"),
        ([a_view(np.full((*SHAPE, 1), 0.2))] * 20, [], "expected a mean of at least 60"),
        ([a_view(np.full((*SHAPE, 1), 1.4))] * 20, [], "none above 250"),
        ([a_view(checks())] * 20, [], "something is in focus"),
        (whites(), whites(), "light is on"),
    ],
)
def test_frames_that_make_no_flat_field_are_refused_by_what_is_wrong(white, dark, message):
    with pytest.raises(InputError, match=message):
        flat_field_of(white, dark)
