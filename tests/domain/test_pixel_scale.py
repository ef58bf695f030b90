"""The size of a pixel from rendered micrometers of known scale."""

from dataclasses import replace

import numpy as np
import pytest
from builders import a_frame
from micrometer import render_micrometer

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.pixel_scale import find_line_spacings, scale_of, um_per_pixel_of

# um_per_pixel, turned_degrees, blur_px, noise
CASES = [
    (1.0, 0.0, 1.0, 2.0),
    (0.5, 3.0, 2.0, 5.0),
    (2.0, -4.0, 0.5, 5.0),
    (0.25, 1.0, 3.0, 3.0),
    (3.3, 0.5, 0.6, 3.0),
    (1.234, -7.0, 1.5, 10.0),
]


@pytest.mark.parametrize(("um_per_pixel", "turned", "blur_px", "noise"), CASES)
def test_a_ruler_gives_the_scale_to_half_a_thousandth_turned_blurred_and_noisy(
    um_per_pixel, turned, blur_px, noise
):
    (spacing,) = find_line_spacings(render_micrometer(um_per_pixel, turned, blur_px, noise))
    measured, uncertainty = um_per_pixel_of([spacing], 10.0)
    assert measured == pytest.approx(um_per_pixel, rel=5e-4)
    assert abs(measured - um_per_pixel) < 4.0 * uncertainty
    assert uncertainty < 1e-3 * um_per_pixel
    assert spacing.axis == "x"
    assert spacing.turned_degrees == pytest.approx(turned, abs=0.2)
    assert spacing.lines == pytest.approx(640 * um_per_pixel / 10.0, rel=0.02)


def test_a_ruler_that_stands_upright_is_measured_along_y():
    (spacing,) = find_line_spacings(render_micrometer(1.0, 2.0, 1.0, 2.0, size=(640, 480)).T)
    assert spacing.axis == "y"
    assert 10.0 / spacing.pixels == pytest.approx(1.0, rel=5e-4)


def test_a_grid_is_measured_along_both_axes():
    spacings = find_line_spacings(render_micrometer(1.85, 2.0, 1.5, 8.0, grid=True))
    assert [one.axis for one in spacings] == ["x", "y"]
    measured, uncertainty = um_per_pixel_of(spacings, 10.0)
    assert measured == pytest.approx(1.85, rel=3e-4)
    assert abs(measured - 1.85) < 4.0 * uncertainty


def test_other_divisions_give_another_scale():
    spacings = find_line_spacings(render_micrometer(1.0, 0.0, 1.0, 2.0))
    assert um_per_pixel_of(spacings, 100.0)[0] == pytest.approx(10.0 * um_per_pixel_of(spacings, 10.0)[0])


@pytest.mark.parametrize(
    "picture",
    [
        np.random.default_rng(1).normal(128.0, 20.0, (240, 320)),
        np.full((240, 320), 128.0),
        render_micrometer(0.1, 0.0, 2.0, 2.0),  # six lines across
        render_micrometer(1.0, 30.0, 1.0, 2.0),
        np.zeros((8, 8)),
    ],
)
def test_what_shows_no_lines_or_too_few_is_refused(picture):
    with pytest.raises(InputError, match="expected a stage micrometer in focus, at least 8 lines"):
        find_line_spacings(picture)


def test_two_objectives_in_one_measurement_are_refused():
    pictures = [render_micrometer(1.0, 0.0, 1.0, 2.0), render_micrometer(1.02, 0.0, 1.0, 2.0)]
    spacings = [find_line_spacings(picture)[0] for picture in pictures]
    with pytest.raises(InputError, match="expected square pixels and the same objective"):
        um_per_pixel_of(spacings, 10.0)


def test_a_scale_says_for_which_camera_and_size_it_holds_and_frames_of_two_sizes_give_none():
    grey = render_micrometer(1.0, 0.0, 1.0, 2.0)
    frame = a_frame(np.repeat(grey[..., None], 3, axis=2).astype(np.uint8))
    spacings = find_line_spacings(grey)
    scale = scale_of([frame], spacings, 10.0)
    assert (scale.camera_serial, scale.width_px, scale.height_px) == (frame.camera.serial, 640, 480)
    assert scale.axes == "x"
    other = replace(frame, pixels=frame.pixels[:, :320])
    with pytest.raises(InputError, match="size of the frames changed"):
        scale_of([frame, other], spacings, 10.0)
