"""Chooses the camera of a configuration, and where its calibrations are.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from contextlib import AbstractContextManager
from pathlib import Path

from qc_daemon.clock import SystemClock
from qc_daemon.config import CameraSection, Config
from qc_daemon.domain.errors import ConfigError
from qc_daemon.domain.flat_field import FlatField
from qc_daemon.domain.pixel_scale import PixelScale
from qc_daemon.domain.ports import Line, MicroscopeCamera

_UNSCALED_UM = 1.0  # of frames that only tell a scale, or get theirs from a measurement


def camera_of(config: Config, line: Line) -> AbstractContextManager[MicroscopeCamera] | None:
    """Return the camera of a configuration or of an emulated line, not opened yet; None if it has none.

    Raises:
        ConfigError: neither the configuration nor a measurement says how large a pixel is.
    """
    from instruments.camera.calibration_files import all_scales
    from instruments.camera.mjpeg_http import MjpegHttpCamera
    from instruments.camera.scaled import FixedScaleCamera, MeasuredScaleCamera
    from instruments.emulators.line import EmulatedLine

    if isinstance(line, EmulatedLine):
        from models.virtual_mill.specimens import UM_PER_PIXEL

        return MjpegHttpCamera(line.camera_url, UM_PER_PIXEL, SystemClock()) if line.camera_url else None
    section = config.camera
    if section is None:
        return None
    if section.um_per_pixel is not None:
        camera = bare_camera(section, section.um_per_pixel)
        return camera if section.folder is not None else FixedScaleCamera(camera)
    scales = all_scales(calibration_folder(config))
    if not scales:
        raise ConfigError(
            "camera.um_per_pixel: expected the size of a pixel, or a measurement by "
            "qc-daemon calibrate camera-scale"
        )
    return MeasuredScaleCamera(bare_camera(section, _UNSCALED_UM), scales)


def bare_camera(
    section: CameraSection, um_per_pixel: float = _UNSCALED_UM
) -> AbstractContextManager[MicroscopeCamera]:
    """Return the camera of a section, whatever the size of its frames."""
    from instruments.camera.folder import FolderCamera
    from instruments.camera.mjpeg_http import MjpegHttpCamera
    from instruments.camera.v4l2 import V4l2Camera
    from instruments.camera.v4l2_records import V4l2Settings

    if section.url is not None:
        return MjpegHttpCamera(section.url, um_per_pixel, SystemClock())
    if section.folder is not None:
        return FolderCamera(section.folder, um_per_pixel, SystemClock())
    assert section.device is not None
    settings = V4l2Settings(
        device=section.device,
        width_px=section.width_px,
        height_px=section.height_px,
        exposure_ms=section.exposure_ms,
        gain=section.gain,
        white_balance_k=section.white_balance_k,
        focus=section.focus,
    )
    return V4l2Camera(settings, um_per_pixel, SystemClock())


def calibration_folder(config: Config) -> Path:
    """Return where a station keeps flat fields and scales."""
    return config.station.folder / "camera"


def flat_field(config: Config) -> FlatField | None:
    """Return the newest flat field of a station; None if it has none.

    Raises:
        ConfigError: its file is damaged.
    """
    from instruments.camera.calibration_files import newest_flat_field

    return newest_flat_field(calibration_folder(config))


def store_flat_field(config: Config, flat: FlatField) -> Path:
    """Keep a flat field; the station uses it from its next start."""
    from instruments.camera.calibration_files import save_flat_field

    return save_flat_field(calibration_folder(config), flat)


def store_scale(config: Config, scale: PixelScale) -> Path:
    """Keep the size of a pixel; the station uses it from its next start."""
    from instruments.camera.calibration_files import save_scale

    return save_scale(calibration_folder(config), scale)
