"""Setting a V4L2 camera up: the order, locking, and reading back.

OpenCV's `set` may say yes and do nothing, so each value is read back and what was read is what counts.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from instruments.camera.v4l2_records import V4l2Settings, V4l2State
from qc_daemon.domain.errors import LinkConfig

# Numbers of OpenCV's properties (cv2.CAP_PROP_*), spelled out so that this file does not import cv2: the
# reader's process must set the environment first.
_WIDTH, _HEIGHT, _FPS, _FOURCC, _CONVERT_RGB = 3, 4, 5, 6, 16
_GAIN, _EXPOSURE, _AUTO_EXPOSURE, _AUTOFOCUS, _FOCUS = 14, 15, 21, 39, 28
_AUTO_WHITE_BALANCE, _WHITE_BALANCE = 44, 45
_V4L2_EXPOSURE_MANUAL = 1  # of V4L2's menu: 0 auto, 1 manual, 2 shutter priority, 3 aperture priority
_UNITS_PER_MS = 10.0  # UVC counts exposure in 100 µs
_ABSENT = -1.0  # what OpenCV reads of a control that the camera has not
_MOTION_JPEG = "MJPG"
# A camera rounds a value to its own steps.
_RELATIVE_STEP = 0.05


class Capture(Protocol):
    """What is used of cv2.VideoCapture."""

    def isOpened(self) -> bool: ...  # noqa: D102, N802 - OpenCV's names
    def set(self, prop: int, value: float) -> bool: ...  # noqa: D102
    def get(self, prop: int) -> float: ...  # noqa: D102
    def read(self) -> tuple[bool, Any]: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102
    def getBackendName(self) -> str: ...  # noqa: D102, N802


def choose_format(capture: Capture, settings: V4l2Settings) -> None:
    """Ask for format, size and rate, in the order in which a driver narrows its choice down.

    Raises:
        LinkConfig: the camera does not deliver that size.
    """
    capture.set(_FOURCC, _fourcc_number(_MOTION_JPEG))
    for prop, value in ((_WIDTH, settings.width_px), (_HEIGHT, settings.height_px), (_FPS, settings.fps)):
        capture.set(prop, value)
    width_px, height_px = round(capture.get(_WIDTH)), round(capture.get(_HEIGHT))
    if (width_px, height_px) != (settings.width_px, settings.height_px):
        raise LinkConfig(
            f"{settings.device}: delivers {width_px} x {height_px} px, "
            f"expected {settings.width_px} x {settings.height_px} (camera.width_px, camera.height_px)"
        )
    # The camera's own JPEG bytes are kept as they are; other formats are turned into pixels.
    capture.set(_CONVERT_RGB, 0 if _fourcc_text(capture.get(_FOURCC)) == _MOTION_JPEG else 1)


def lock_controls(capture: Capture, settings: V4l2Settings) -> None:
    """Turn every automatic off, then set what was asked for; what came of it is read by `read_back`."""
    for control in _controls(settings):
        if control.automatic is not None:
            capture.set(control.automatic, control.manual)
        if control.wanted is not None:
            capture.set(control.prop, control.wanted)


def read_back(capture: Capture, settings: V4l2Settings) -> V4l2State:
    """Return what the camera now does.

    Raises:
        LinkConfig: a control is not what was asked for, or its automatic is still on.
    """
    exposure, white_balance, focus, gain = (
        _checked(capture, control, settings.device) for control in _controls(settings)
    )
    return V4l2State(
        fourcc=_fourcc_text(capture.get(_FOURCC)),
        width_px=round(capture.get(_WIDTH)),
        height_px=round(capture.get(_HEIGHT)),
        fps=capture.get(_FPS),
        exposure_ms=None if exposure is None else exposure / _UNITS_PER_MS,
        gain=gain,
        white_balance_k=white_balance,
        focus=focus,
        backend=capture.getBackendName(),
    )


@dataclass(frozen=True, slots=True)
class _Control:
    """A control by its key in the configuration, its automatic and the value that turns that off."""

    key: str
    prop: int
    wanted: float | None
    automatic: int | None = None
    manual: float = 0.0


def _controls(settings: V4l2Settings) -> tuple[_Control, ...]:
    exposure = None if settings.exposure_ms is None else settings.exposure_ms * _UNITS_PER_MS
    return (
        _Control("exposure_ms", _EXPOSURE, exposure, _AUTO_EXPOSURE, _V4L2_EXPOSURE_MANUAL),
        _Control("white_balance_k", _WHITE_BALANCE, settings.white_balance_k, _AUTO_WHITE_BALANCE),
        _Control("focus", _FOCUS, settings.focus, _AUTOFOCUS),
        _Control("gain", _GAIN, settings.gain),
    )


def _checked(capture: Capture, control: _Control, device: str) -> float | None:
    """Return the value of a control; None if the camera has none and none was asked for."""
    automatic = _ABSENT if control.automatic is None else capture.get(control.automatic)
    if automatic not in (_ABSENT, control.manual):
        raise LinkConfig(
            f"{device}: camera.{control.key}: the automatic cannot be turned off; it would change "
            "what a micrograph shows between specimens"
        )
    value = capture.get(control.prop)
    if control.wanted is None:
        return None if value == _ABSENT else value
    if abs(value - control.wanted) > max(1.0, _RELATIVE_STEP * abs(control.wanted)):
        have = "no such control" if value == _ABSENT else f"{value:g}"
        raise LinkConfig(
            f"{device}: camera.{control.key}: asked for {control.wanted:g}, read back {have} "
            "(in the camera's own units)"
        )
    return value


def _fourcc_number(text: str) -> float:
    return float(int.from_bytes(text.encode("ascii"), "little"))


def _fourcc_text(number: float) -> str:
    code = int(number) & 0xFFFFFFFF
    return code.to_bytes(4, "little").decode("ascii", "replace").strip("\0 ") or "unknown"
