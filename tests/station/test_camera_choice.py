"""Which camera a configuration means, and what it may not say."""

import pytest
from fakes import FakeLine

from instruments.camera.folder import FolderCamera
from instruments.camera.scaled import FixedScaleCamera
from qc_daemon.config import load_config
from qc_daemon.domain.errors import ConfigError
from qc_daemon.wiring.cameras import bare_camera, camera_of

DEVICE = "/dev/v4l/by-id/usb-Maker_Microscope_0042-video-index0"


def configured(tmp_path, camera):
    path = tmp_path / "qc.toml"
    path.write_text(f'[station]\nfolder = "{tmp_path}"\n[spectrometer]\nport = "a"\n[camera]\n{camera}\n')
    return load_config(path)


def test_a_device_is_a_v4l2_camera_known_by_its_stable_name(tmp_path):
    config = configured(tmp_path, f'device = "{DEVICE}"\num_per_pixel = 1.5\nexposure_ms = 12.5')
    assert isinstance(camera_of(config, FakeLine(0)), FixedScaleCamera)
    identity = bare_camera(config.camera).identity
    assert (identity.kind, identity.serial) == ("v4l2-camera", "usb-Maker_Microscope_0042-video-index0")


def test_a_folder_with_a_stated_scale_may_hold_pictures_of_any_size(tmp_path):
    config = configured(tmp_path, f'folder = "{tmp_path}"\num_per_pixel = 1.5')
    assert isinstance(camera_of(config, FakeLine(0)), FolderCamera)


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        (f'device = "{DEVICE}"\nurl = "http://a/b"', "camera: expected one of device, url and folder"),
        ('url = "http://a/b"\nexposure_ms = 3', r"exposure_ms: expected only with camera\.device"),
        (f'device = "{DEVICE}"\nexposure_ms = 0', "line 7: camera.exposure_ms"),
        (f'device = "{DEVICE}"\num_per_pixel = 0', "line 7: camera.um_per_pixel"),
    ],
)
def test_what_a_camera_section_may_not_say_is_named(tmp_path, camera, message):
    with pytest.raises(ConfigError, match=message):
        configured(tmp_path, camera)
