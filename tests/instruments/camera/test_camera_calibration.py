"""Scales and flat fields: kept in files, bound to camera and size, refused when they do not fit."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from builders import NOON, a_frame
from fakes import FakeCamera

from instruments.camera.calibration_files import (
    all_scales,
    newest_flat_field,
    save_flat_field,
    save_scale,
)
from instruments.camera.scaled import FixedScaleCamera, MeasuredScaleCamera
from qc_daemon.domain.errors import ConfigError, DeviceFault
from qc_daemon.domain.flat_field import FlatField
from qc_daemon.domain.pixel_scale import PixelScale

FRAME = a_frame()
SCALE = PixelScale(0.5, 0.001, FRAME.camera.kind, FRAME.camera.serial, 64, 64, 40.0, "x", NOON)


def a_flat(level=180.0, after_s=0.0):
    white = np.full((6, 8, 3), level) + np.arange(8)[None, :, None]
    return FlatField(white, np.zeros((6, 8, 3)), FRAME.camera, 24, NOON + timedelta(seconds=after_s))


def scaled(frame, *scales):
    return MeasuredScaleCamera(nullcontext(FakeCamera(frame)), scales)


def test_a_measured_scale_is_written_on_the_frames_of_its_camera_and_size():
    with scaled(FRAME, SCALE) as camera:
        assert camera.frame_after(0.0).um_per_pixel == 0.5


def test_the_newest_measurement_of_the_size_counts():
    with scaled(FRAME, SCALE, replace(SCALE, um_per_pixel=0.51), replace(SCALE, width_px=32)) as camera:
        assert camera.frame_after(0.0).um_per_pixel == 0.51


@pytest.mark.parametrize(
    ("scale", "known"),
    [
        (replace(SCALE, width_px=1920, height_px=1080), "measured at 1920 x 1080 px"),
        (replace(SCALE, camera_serial="cam-2"), "measured at no size"),
        (replace(SCALE, camera_kind="v4l2-camera"), "measured at no size"),
    ],
)
def test_a_scale_of_another_size_or_camera_is_not_used(scale, known):
    with (
        scaled(FRAME, scale) as camera,
        pytest.raises(DeviceFault, match=f"no scale for 64 x 64 px; {known}: measure it with qc-daemon"),
    ):
        camera.frame_after(0.0)


def test_a_stated_scale_holds_until_the_size_of_the_frames_changes():
    fake = FakeCamera(FRAME)
    with FixedScaleCamera(nullcontext(fake)) as camera:
        assert camera.frame_after(0.0) is FRAME
        fake._answer = a_frame(FRAME.pixels[:32])
        with pytest.raises(DeviceFault, match="frames changed from 64 x 64 px to 64 x 32 px"):
            camera.frame_after(0.0)


def test_a_flat_field_comes_back_bit_for_bit_and_the_newest_counts(tmp_path):
    save_flat_field(tmp_path, a_flat(170.0, after_s=60.0))
    path = save_flat_field(tmp_path, a_flat(150.0))
    assert path.parent == tmp_path
    found = newest_flat_field(tmp_path)
    assert found.sha256 == a_flat(170.0, after_s=60.0).sha256
    assert (found.frames, found.taken_at, found.camera) == (24, NOON + timedelta(seconds=60), FRAME.camera)
    assert len(list(tmp_path.iterdir())) == 2


def test_there_may_be_none(tmp_path):
    assert newest_flat_field(tmp_path / "camera") is None
    assert list(all_scales(tmp_path / "camera")) == []


def test_scales_come_back_oldest_first(tmp_path):
    later = replace(SCALE, um_per_pixel=0.52, taken_at=NOON + timedelta(days=1))
    save_scale(tmp_path, later)
    save_scale(tmp_path, SCALE)
    assert list(all_scales(tmp_path)) == [SCALE, later]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"not an archive"])
def test_a_damaged_flat_field_is_named_with_what_to_do(tmp_path, content):
    path = save_flat_field(tmp_path, a_flat())
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"{path.name}: .*take it anew or delete the file"):
        newest_flat_field(tmp_path)


def test_a_flat_field_whose_levels_were_changed_is_refused(tmp_path):
    path = save_flat_field(tmp_path, a_flat())
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **{**arrays, "white": arrays["white"] + 1.0})
    with pytest.raises(ConfigError, match="changed since it was written"):
        newest_flat_field(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"um_per_pixel": 1.0}'])
def test_a_damaged_scale_is_named_with_what_to_do(tmp_path, content):
    path = save_scale(tmp_path, SCALE)
    path.write_text(content)
    with pytest.raises(ConfigError, match=rf"{path.name}: not a scale .*measure it anew or delete"):
        all_scales(tmp_path)


def test_a_scale_of_nothing_is_refused(tmp_path):
    path = save_scale(tmp_path, SCALE)
    path.write_text(path.read_text().replace("0.5,", "0.0,"))
    with pytest.raises(ConfigError, match="um_per_pixel is"):
        all_scales(tmp_path)
