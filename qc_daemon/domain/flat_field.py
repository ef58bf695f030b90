"""The flat field: what the camera shows of an even white view, and taking that out of a micrograph.

corrected = (I - D) / (F - D) * mean(F - D), pixel by pixel and channel by channel: I is the micrograph, F
the mean of defocused white frames, D that of frames without light. Uneven light and a dirty sensor divide
out; noise of F is small because many frames are averaged.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.arrays import frozen_array
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.focus import focus_measure, grey_levels
from qc_daemon.domain.image import Frame
from qc_daemon.domain.spectrum import InstrumentIdentity

MIN_FRAMES = 20
# A usable white view: well below the end of the range, and nothing in focus. Fabric and fibres in focus read
# 8e-5 and more; an even view through a clean lens reads below 1e-6.
_MIN_MEAN, _MAX_LEVEL, _MAX_FOCUS = 60.0, 250.0, 4e-6
# A pixel with less than this share of the mean light cannot be corrected: its noise would be blown up.
MIN_LIGHT_SHARE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class FlatField:
    """A flat field and for which camera, with which settings, it is good.

    Attributes:
        white: (height, width, 3) mean of the white frames, grey levels.
        dark: (height, width, 3) mean of the frames without light; zeros if none were taken.
        camera: whose frames; for a camera that tells its exposure and gain, these too.
        frames: how many white frames were averaged.
    """

    white: NDArray[np.float32]
    dark: NDArray[np.float32]
    camera: InstrumentIdentity
    frames: int
    taken_at: datetime

    def __post_init__(self) -> None:
        white = frozen_array(self.white, np.float32, (None, None, 3), "white")
        object.__setattr__(self, "white", white)
        object.__setattr__(self, "dark", frozen_array(self.dark, np.float32, white.shape, "dark"))

    @property
    def sha256(self) -> str:
        """Hash of everything that a corrected pixel depends on."""
        size = "x".join(str(side) for side in self.white.shape)
        digest = hashlib.sha256(f"{self.camera} {size}".encode())
        for array in (self.white, self.dark):
            digest.update(array.astype("<f4").tobytes())
        return digest.hexdigest()


def flat_field_of(white: Sequence[Frame], dark: Sequence[Frame]) -> FlatField:
    """Return the flat field of defocused white frames, and of frames without light if there are any.

    Raises:
        InputError: too few frames, frames of different sizes or settings, badly exposed, or not even.
    """
    if len(white) < MIN_FRAMES:
        raise InputError(f"flat field: {len(white)} white frames, expected at least {MIN_FRAMES}")
    first = white[0]
    for frame in (*white, *dark):
        if frame.camera != first.camera or frame.pixels.shape != first.pixels.shape:
            raise InputError("flat field: size or settings of the camera changed between the frames")
    mean = _mean(white)
    _require_even_white(mean)
    no_light = _mean(dark) if dark else np.zeros_like(mean)
    if float(no_light.mean()) > 0.5 * float(mean.mean()):
        raise InputError(
            f"flat field: the dark frames have a mean grey of {no_light.mean():.0f}: light is on"
        )
    return FlatField(mean, no_light, first.camera, len(white), max(frame.captured_at for frame in white))


def unfit(flat: FlatField, frame: Frame) -> str | None:
    """Return what keeps a flat field from serving a frame; None if it may."""
    if flat.white.shape != frame.pixels.shape:
        sizes = [f"{width} x {height} px" for height, width, _ in (flat.white.shape, frame.pixels.shape)]
        return f"{sizes[0]}, {sizes[1]}"
    if (flat.camera.kind, flat.camera.serial) != (frame.camera.kind, frame.camera.serial):
        return f"{flat.camera.serial}, {frame.camera.serial}"
    if flat.camera != frame.camera:
        return f"{flat.camera.firmware}; {frame.camera.firmware}"
    return None


def corrected(pixels: NDArray[np.uint8], flat: FlatField) -> NDArray[np.uint8]:
    """Return (height, width, 3) pixels with the light made even; mean level and colour stay.

    Pixels that got less than a tenth of the mean light stay as they were.
    """
    light = flat.white - flat.dark
    return divided(pixels, light, np.where(lit(light), flat.dark, 0.0))


def lit(light: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (height, width, 3) where the light of a white view is enough to divide by."""
    enough: NDArray[np.bool_] = light > MIN_LIGHT_SHARE * light.mean(axis=(0, 1))
    return enough


def divided(
    pixels: NDArray[np.uint8], light: NDArray[np.float32], dark: NDArray[np.float32] | float = 0.0
) -> NDArray[np.uint8]:
    """Return (height, width, 3) pixels divided by the light of a white view, where there is enough of it."""
    usable = lit(light)
    gain = np.where(usable, light.mean(axis=(0, 1)) / np.where(usable, light, 1.0), 1.0)
    even = (pixels - dark) * gain
    levels: NDArray[np.uint8] = np.clip(np.rint(even), 0, 255).astype(np.uint8)
    return levels


def _mean(frames: Sequence[Frame]) -> NDArray[np.float32]:
    total = np.zeros(frames[0].pixels.shape, np.float64)
    for frame in frames:
        total += frame.pixels
    return (total / len(frames)).astype(np.float32)


def _require_even_white(mean: NDArray[np.float32]) -> None:
    level, brightest = float(mean.mean()), float(mean.max())
    if level < _MIN_MEAN or brightest > _MAX_LEVEL:
        raise InputError(
            f"flat field: mean grey {level:.0f}, brightest {brightest:.0f}; "
            f"expected a mean of at least {_MIN_MEAN:.0f} and none above {_MAX_LEVEL:.0f}: set the light"
        )
    focus = focus_measure(grey_levels(np.rint(mean).astype(np.uint8)))
    if focus > _MAX_FOCUS:
        raise InputError(
            f"flat field: something is in focus (focus measure {focus:.1e}, limit {_MAX_FOCUS:.1e}); "
            "show an even white view and defocus"
        )
