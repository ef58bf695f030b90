"""What never moves while the specimen does is on the optics; a weave that never moved is not called dirt."""

import cv2
import numpy as np
import pytest

from models.optics_dirt import OpticsDirtFinder, find_optics_dirt
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.flat_field import MIN_LIGHT_SHARE
from qc_daemon.domain.optics import came_or_went

SIDE = 240


def strewn(seed, size=(SIDE, SIDE)):
    """Dark fibres on a bright ground, others for each seed, with sensor noise; (height, width, 3) RGB."""
    generator = np.random.default_rng(seed)
    light = np.full(size, 200.0, np.float32)
    for _ in range(40):
        ends = generator.integers(-40, max(size) + 40, (2, 2))
        cv2.line(light, ends[0].tolist(), ends[1].tolist(), (generator.uniform(60.0, 150.0),), 6)
    noisy = cv2.GaussianBlur(light, (0, 0), 1.2) + generator.normal(0.0, 2.0, size)
    return np.repeat(noisy[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)


def weave(phase, seed):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    wave = np.sin(2 * np.pi * columns / 17 + phase[0]) * np.sin(2 * np.pi * rows / 13 + phase[1])
    noise = np.random.default_rng(seed).normal(0.0, 3.0, wave.shape)
    return np.repeat((120 + 60 * wave + noise)[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)


def spot(centre, radius_px, size=(SIDE, SIDE)):
    return cv2.circle(np.zeros(size, np.uint8), centre, radius_px, 1, -1) > 0


def soiled(pixels, spots):
    """Let only so much of the light of each (mask, share) through."""
    light = np.ones(pixels.shape[:2], np.float32)
    for mask, share in spots:
        light *= 1.0 - (1.0 - share) * cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.5)
    return (pixels * light[..., None]).astype(np.uint8)


SPECK, DROPLET = spot((60, 50), 4), spot((160, 170), 16)
DIRT = [(SPECK, 0.1), (DROPLET, 0.7)]


def test_specks_and_droplets_are_found_and_little_else():
    dirt = find_optics_dirt(soiled(strewn(seed), DIRT) for seed in range(24))
    truth = SPECK | DROPLET
    assert dirt.mask[SPECK].mean() > 0.95
    assert dirt.mask[DROPLET].mean() > 0.8
    assert (dirt.mask & truth).sum() / (dirt.mask | truth).sum() > 0.6
    assert dirt.frames == 24
    assert dirt.independent > 15.0


def test_how_much_light_passes_is_told_with_its_uncertainty():
    dirt = find_optics_dirt(soiled(strewn(seed), DIRT) for seed in range(32))
    inside = cv2.erode(DROPLET.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    passed, uncertainty = dirt.passed[inside], dirt.uncertainty[inside]
    assert abs(float(passed.mean()) - 0.7) < 0.07
    assert 0.01 < float(uncertainty.mean()) < 0.15
    # One pixel strays by about what it claims to be uncertain by.
    assert 0.3 < float(np.std(passed) / uncertainty.mean()) < 2.0


def test_clean_optics_have_no_dirt_whatever_the_number_of_frames():
    for first, count in ((0, 10), (100, 16), (200, 40)):
        assert not find_optics_dirt(strewn(first + seed) for seed in range(count)).mask.any()


def test_debris_on_one_specimen_is_not_on_the_optics():
    frames = [strewn(seed) for seed in range(20)]
    frames[7] = soiled(frames[7], [(spot((100, 100), 20), 0.02)])
    assert not find_optics_dirt(frames).mask.any()


def test_one_view_over_and_over_tells_nothing():
    still = strewn(1)
    noise = np.random.default_rng(2)
    finder = OpticsDirtFinder()
    added = [
        finder.add((still + noise.normal(0, 2, still.shape)).clip(0, 255).astype(np.uint8)) for _ in range(20)
    ]
    assert added == [True] + [False] * 19
    assert finder.find() is None


@pytest.mark.parametrize(
    "shift", [lambda index, _: (1.3 * (index % 2), 0.0), lambda _, dice: dice.normal(0, 0.6, 2)]
)
def test_a_weave_that_comes_back_to_nearly_the_same_place_is_not_called_dirt(shift):
    dice = np.random.default_rng(4)
    with pytest.raises(InputError, match="with the specimen moved in between"):
        find_optics_dirt(weave(shift(index, dice), index) for index in range(32))


def test_a_weave_at_any_place_averages_out_and_dirt_on_it_does_not():
    dice = np.random.default_rng(5)
    frames = [weave(dice.uniform(0, 2 * np.pi, 2), index) for index in range(48)]
    assert not find_optics_dirt(frames).mask.any()
    dirty = find_optics_dirt(soiled(frame, [(DROPLET, 0.3)]) for frame in frames)
    assert dirty.mask[DROPLET].mean() > 0.8


def test_a_few_frames_are_too_few():
    with pytest.raises(InputError, match="by 3 frames, 3 of which"):
        find_optics_dirt(strewn(seed) for seed in range(3))
    with pytest.raises(InputError, match="by 0 frames"):
        find_optics_dirt([])


def test_frames_of_two_cameras_are_refused():
    with pytest.raises(InputError, match="240 x 240 and 120 x 100 px"):
        find_optics_dirt([strewn(1), strewn(2, (100, 120))])


def test_dirt_is_forgotten_after_a_cleaning():
    finder = OpticsDirtFinder(memory=16)
    for seed in range(16):
        finder.add(soiled(strewn(seed), DIRT))
    assert finder.find().mask[SPECK].all()
    for seed in range(16, 32):
        finder.add(strewn(seed))
    assert not finder.find().mask.any()


def test_what_a_blank_frame_divides_out_is_not_found_again_and_what_is_black_is():
    black = spot((60, 50), 8)
    dirt = [(black, 0.01), (DROPLET, 0.7)]
    blank = soiled(np.full((SIDE, SIDE, 3), 230, np.uint8), dirt).astype(np.float32)
    found = find_optics_dirt((soiled(strewn(seed), dirt) for seed in range(24)), blank).mask
    assert not found[DROPLET].any()
    assert found[blank[..., 0] < 0.7 * MIN_LIGHT_SHARE * 230].all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (37, 5)])
def test_any_size_is_served(shape):
    dice = np.random.default_rng(6)
    finder = OpticsDirtFinder()
    for _ in range(12):
        finder.add(dice.integers(0, 256, (*shape, 3), dtype=np.uint8))
    found = finder.find()
    assert found is None or found.mask.shape == shape


def test_black_frames_and_white_ones_tell_nothing():
    finder = OpticsDirtFinder()
    for level in (0, 255, 0, 255):
        finder.add(np.full((40, 40, 3), level, np.uint8))
    assert finder.find() is None


def test_dirt_that_came_or_went_is_told_from_an_edge_that_flickers():
    grown = cv2.dilate(DROPLET.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert not came_or_went(DROPLET, grown)
    assert came_or_went(DROPLET, DROPLET | SPECK)
    assert came_or_went(DROPLET | SPECK, DROPLET)
    assert came_or_went(DROPLET, np.zeros_like(DROPLET))
    assert came_or_went(DROPLET, DROPLET[:100])
