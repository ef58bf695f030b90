"""`qc-daemon calibrate camera-flat` and `camera-scale` with an emulated camera, and their use."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import qc_daemon
from fakes import FakeLine

from instruments.emulators.process import EmulatorProcess
from qc_daemon.clock import SystemClock
from qc_daemon.config import load_config
from qc_daemon.domain.errors import ConfigError, DeviceFault
from qc_daemon.wiring.cameras import camera_of

sys.path.insert(0, str(Path(__file__).parent.parent / "domain"))
from micrometer import render_micrometer

UM_PER_PIXEL = 0.8


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A camera that can show an uneven white view (0), a micrometer (1) or one turned by 90 degrees (2)."""
    folder = tmp_path_factory.mktemp("bench")
    ruler = render_micrometer(UM_PER_PIXEL, 2.0, 1.0, 0.0, size=(480, 480))
    fall_off = np.tile(np.linspace(130.0, 210.0, 480), (480, 1))
    for number, grey in enumerate((fall_off, ruler, ruler.T)):
        cv2.imwrite(str(folder / f"{number}.png"), grey.astype(np.uint8))
    with EmulatorProcess("instruments.emulators.mjpeg_camera", ["--images", str(folder)]) as camera:
        yield camera


@pytest.fixture()
def config(bench, tmp_path):
    path = tmp_path / "qc.toml"
    station = tmp_path / "station"
    path.write_text(
        f'[station]\nfolder = "{station}"\n[spectrometer]\nport = "/dev/none"\n'
        f'[camera]\nurl = "{bench.ready["url"]}"\n'
    )
    return path


def test_a_flat_field_is_taken_stored_and_described(bench, config, tmp_path):
    bench.tell("present 0")
    result = qc_daemon("calibrate", "camera-flat", "--frames", "20", "--config", str(config), "--json")
    assert result.status == 0, result.err
    document = result.document
    assert Path(document["file"]).parent == tmp_path / "station" / "camera"
    assert document["sha256"][:12] in document["file"]
    assert (document["width_px"], document["height_px"], document["frames"]) == (480, 480, 20)
    assert document["unevenness_percent"] == pytest.approx(46.0, abs=3.0)


def test_a_flat_field_of_something_in_focus_is_refused_in_one_line(bench, config):
    bench.tell("present 1")
    result = qc_daemon("calibrate", "camera-flat", "--frames", "20", "--config", str(config))
    assert result.status == 2
    assert "flat field: something is in focus" in result.err.splitlines()[-1]
    assert "Traceback" not in result.err


def test_a_scale_is_measured_and_a_station_uses_it(bench, config):
    bench.tell("present 1")
    with pytest.raises(ConfigError, match=r"camera\.um_per_pixel: expected the size of a pixel, or a meas"):
        camera_of(load_config(config), FakeLine(0))
    result = qc_daemon("calibrate", "camera-scale", "--config", str(config), "--json")
    assert result.status == 0, result.err
    document = result.document
    assert document["um_per_pixel"] == pytest.approx(UM_PER_PIXEL, rel=1e-3)
    assert (document["axes"], document["width_px"]) == ("x", 480)
    assert abs(document["um_per_pixel"] - UM_PER_PIXEL) < 5 * document["uncertainty_um"]
    with camera_of(load_config(config), FakeLine(0)) as camera:
        frame = camera.frame_after(SystemClock().monotonic_s())
        assert frame.um_per_pixel == document["um_per_pixel"]
        bench.tell("fault wrong_size")
        with pytest.raises(DeviceFault, match="no scale for 240 x 240 px; measured at 480 x 480 px"):
            while True:
                camera.frame_after(SystemClock().monotonic_s())
    bench.tell("clear wrong_size")


def test_a_view_without_lines_gives_no_scale(bench, config):
    bench.tell("present 0")
    result = qc_daemon("calibrate", "camera-scale", "--config", str(config))
    assert result.status == 2
    assert "expected a stage micrometer in focus" in result.err
    assert "Traceback" not in result.err


def test_the_second_axis_is_asked_for_and_an_ended_input_is_one_line(bench, config):
    bench.tell("present 1")
    result = qc_daemon("calibrate", "camera-scale", "--turn", "--config", str(config))
    assert result.status == 2
    assert 'expected Enter after "Turn the micrometer by 90 degrees' in result.err
