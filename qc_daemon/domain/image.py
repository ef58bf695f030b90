"""Microscope frames and what cleaning made of them."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.arrays import frozen_array
from qc_daemon.domain.spectrum import InstrumentIdentity


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One camera frame: the bytes as the camera sent them, decoded pixels, and their origin.

    Attributes:
        encoded: the file or stream part (JPEG, PNG or TIFF) untouched.
        pixels: (height, width, 3) uint8 RGB.
        um_per_pixel: size of a pixel on the specimen, in µm.
        captured_monotonic_s: seconds of the station's monotonic clock when the frame arrived.
        repeats: how many frames in a row before this one were bit-identical to it.
    """

    encoded: bytes
    pixels: NDArray[np.uint8]
    um_per_pixel: float
    camera: InstrumentIdentity
    captured_at: datetime
    captured_monotonic_s: float
    repeats: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixels", frozen_array(self.pixels, np.uint8, (None, None, 3), "pixels"))
        if self.um_per_pixel <= 0:
            raise ValueError(f"um_per_pixel is {self.um_per_pixel}, expected a positive number")


@dataclass(frozen=True, slots=True, eq=False)
class CleanedImage:
    """A micrograph with its debris filled; pixels outside the mask are those of the original.

    Attributes:
        original: (height, width, 3) uint8 RGB.
        pixels: (height, width, 3) uint8 RGB, debris filled.
        debris_mask: (height, width) bool, True where a pixel was filled.
        um_per_pixel: size of a pixel on the specimen, in µm.
        method: how it was filled ("fsr", "telea", "none"), with its version.
    """

    original: NDArray[np.uint8]
    pixels: NDArray[np.uint8]
    debris_mask: NDArray[np.bool_]
    um_per_pixel: float
    method: str

    def __post_init__(self) -> None:
        original = frozen_array(self.original, np.uint8, (None, None, 3), "original")
        pixels = frozen_array(self.pixels, np.uint8, original.shape, "pixels")
        mask = frozen_array(self.debris_mask, np.bool_, original.shape[:2], "debris_mask")
        if not np.array_equal(pixels[~mask], original[~mask]):
            raise ValueError("cleaning changed pixels outside the debris mask")
        object.__setattr__(self, "original", original)
        object.__setattr__(self, "pixels", pixels)
        object.__setattr__(self, "debris_mask", mask)

    @property
    def filled_percent(self) -> float:
        """Share of the field that was filled, in percent."""
        return 100.0 * float(np.mean(self.debris_mask))
