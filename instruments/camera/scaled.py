"""The size of a pixel belongs to a camera and the size of its frames; with other frames it is not valid."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from qc_daemon.domain.errors import DeviceFault
from qc_daemon.domain.image import Frame
from qc_daemon.domain.pixel_scale import PixelScale
from qc_daemon.domain.ports import MicroscopeCamera
from qc_daemon.domain.spectrum import InstrumentIdentity

_MEASURE = "measure it with qc-daemon calibrate camera-scale"


class FixedScaleCamera:
    """A camera whose pixel size is stated in the configuration; refuses frames once their size changes."""

    def __init__(self, camera: AbstractContextManager[MicroscopeCamera]) -> None:
        self._unopened = camera
        self._shape: tuple[int, ...] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._camera = self._stack.enter_context(self._unopened)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def identity(self) -> InstrumentIdentity:
        """The camera's own."""
        return self._camera.identity

    def frame_after(self, monotonic_s: float) -> Frame:
        """Return the camera's frame.

        Raises:
            DeviceFault: it has another size than the first one had.
        """
        frame = self._camera.frame_after(monotonic_s)
        shape = frame.pixels.shape
        self._shape = self._shape or shape
        if shape != self._shape:
            raise DeviceFault(
                f"{frame.camera.serial}: frames changed from {_size(self._shape)} to {_size(shape)}; "
                f"the size of a pixel is not known any more: {_MEASURE}"
            )
        return frame

    def is_live(self) -> bool:
        """Tell whether the camera's pictures are new."""
        return self._camera.is_live()


class MeasuredScaleCamera(FixedScaleCamera):
    """A camera whose pixel size was measured; `scales` are the measurements, newest last."""

    def __init__(
        self, camera: AbstractContextManager[MicroscopeCamera], scales: Sequence[PixelScale]
    ) -> None:
        super().__init__(camera)
        self._scales = scales

    def frame_after(self, monotonic_s: float) -> Frame:
        """Return the camera's frame with the scale that was measured at its size.

        Raises:
            DeviceFault: none was.
        """
        frame = self._camera.frame_after(monotonic_s)
        height, width, _ = frame.pixels.shape
        own = [
            scale
            for scale in self._scales
            if (scale.camera_kind, scale.camera_serial) == (frame.camera.kind, frame.camera.serial)
        ]
        for scale in reversed(own):
            if (scale.width_px, scale.height_px) == (width, height):
                return replace(frame, um_per_pixel=scale.um_per_pixel)
        known = ", ".join(sorted({f"{scale.width_px} x {scale.height_px} px" for scale in own})) or "no size"
        raise DeviceFault(
            f"{frame.camera.serial}: no scale for {width} x {height} px; measured at {known}: {_MEASURE}"
        )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]} px"
