"""What lies on a camera's optics: found over many frames, masked in each, kept so that it can be replayed."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.arrays import frozen_array
from qc_daemon.domain.image import Frame
from qc_daemon.domain.inspection import ModelVersion
from qc_daemon.domain.spectrum import InstrumentIdentity

ROLE = "optics_dirt"  # among the models of a conclusion that it took part in

# Dirt that came or went is told on a grid of so many cells along the longer side: its edge flickers.
_CELLS = 40


@dataclass(frozen=True, slots=True, eq=False)
class OpticsDirt:
    """What lies on the optics, as so many frames tell.

    Attributes:
        mask: (height, width) bool of a frame, True where something lies.
        passed: (rows, columns) share of the light that passes, over the whole field; 1 is clean.
        uncertainty: (rows, columns) standard error of `passed`.
        frames: how many frames were looked at.
        independent: how many frames of unlike texture these are worth.
    """

    mask: NDArray[np.bool_]
    passed: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    frames: int
    independent: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", frozen_array(self.mask, np.bool_, (None, None), "mask"))
        passed = frozen_array(self.passed, np.float32, (None, None), "passed")
        object.__setattr__(self, "passed", passed)
        uncertainty = frozen_array(self.uncertainty, np.float32, passed.shape, "uncertainty")
        object.__setattr__(self, "uncertainty", uncertainty)


@dataclass(frozen=True, slots=True, eq=False)
class OpticsMask:
    """Which pixels of a camera's frames show dirt on its optics.

    Attributes:
        mask: (height, width) bool, True where dirt lies; all False after a cleaning.
        camera_kind, camera_serial: whose frames; its settings do not matter.
        found_at: when it was found.
    """

    mask: NDArray[np.bool_]
    camera_kind: str
    camera_serial: str
    found_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", frozen_array(self.mask, np.bool_, (None, None), "mask"))

    @property
    def percent(self) -> float:
        """Share of the field that is covered."""
        return 100.0 * float(np.mean(self.mask))

    @property
    def sha256(self) -> str:
        """Hash of everything that a conclusion depends on."""
        about = f"{self.camera_kind} {self.camera_serial} {self.mask.shape}"
        return hashlib.sha256(about.encode() + np.packbits(self.mask).tobytes()).hexdigest()

    @property
    def version(self) -> ModelVersion:
        """How a conclusion names it among what it was drawn by."""
        return ModelVersion(ROLE, f"{self.camera_serial}, {self.found_at:%Y-%m-%d %H:%M:%S} UTC", self.sha256)

    def fits(self, frame: Frame) -> bool:
        """Tell whether a frame is of this camera and size."""
        camera = (frame.camera.kind, frame.camera.serial)
        return camera == (self.camera_kind, self.camera_serial) and frame.pixels.shape[:2] == self.mask.shape


def optics_mask(dirt: OpticsDirt, camera: InstrumentIdentity, at: datetime) -> OpticsMask:
    """Return what was found as what is masked from now on."""
    return OpticsMask(dirt.mask, camera.kind, camera.serial, at)


def came_or_went(before: NDArray[np.bool_], now: NDArray[np.bool_]) -> bool:
    """Tell whether something lies in one mask that has nothing near it in the other.

    Args:
        before: (height, width) bool.
        now: another one; of another size it always differs.
    """
    if before.shape != now.shape:
        return True
    one, other = _occupied(before), _occupied(now)
    return bool((one & ~_grown(other)).any() or (other & ~_grown(one)).any())


def _occupied(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the (rows, columns) cells in which anything lies."""
    side = -(-max(mask.shape) // _CELLS)
    height, width = (-(-length // side) * side for length in mask.shape)
    whole = np.zeros((height, width), np.bool_)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    cells: NDArray[np.bool_] = whole.reshape(height // side, side, width // side, side).any(axis=(1, 3))
    return cells


def _grown(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the cells and their neighbours."""
    framed = np.pad(cells, 1)
    rows, columns = cells.shape
    around = [framed[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
    grown: NDArray[np.bool_] = np.logical_or.reduce(around)
    return grown
