"""What passes between the station and the process that reads a V4L2 camera."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class V4l2Settings:
    """What to ask a camera for. A control that is None keeps its present value; its automatic goes off.

    Attributes:
        device: a name below /dev/v4l/by-id, which stays the same when the camera is plugged in again.
        gain, focus: in the camera's own units.
    """

    device: str
    width_px: int
    height_px: int
    fps: float = 30.0
    exposure_ms: float | None = None
    gain: float | None = None
    white_balance_k: float | None = None
    focus: float | None = None


@dataclass(frozen=True, slots=True)
class V4l2State:
    """What a camera said it does after it was set up; None is what it has not.

    Attributes:
        fourcc: the pixel format in which it sends.
        backend: what talks to it.
    """

    fourcc: str
    width_px: int
    height_px: int
    fps: float
    exposure_ms: float | None
    gain: float | None
    white_balance_k: float | None
    focus: float | None
    backend: str

    def __str__(self) -> str:
        """Return the state as one line for the record of an instrument."""
        controls = (
            ("exposure", self.exposure_ms, " ms"),
            ("gain", self.gain, ""),
            ("white balance", self.white_balance_k, " K"),
            ("focus", self.focus, ""),
        )
        shown = [f"{name} {value:g}{unit}" for name, value, unit in controls if value is not None]
        size = f"{self.fourcc} {self.width_px}x{self.height_px} {self.fps:g}/s"
        return ", ".join((self.backend, size, *shown))


@dataclass(frozen=True, slots=True)
class GrabbedFrame:
    """A frame on its way to the station.

    Attributes:
        encoded: JPEG as the camera sent it, or PNG of pixels.
        not_before_s: a moment of the monotonic clock at which it was not there yet.
        captured_s: when it came.
    """

    encoded: bytes
    not_before_s: float
    captured_s: float
