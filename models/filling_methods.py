"""Methods that fill holes of a plane: PMPN, the likeliest Gaussian texture, FSR and Telea's diffusion.

A plane is (height, width) float32 in 0..1; a hole is True where nothing is known. What a method does
with known pixels does not matter: they are put back. docs/inpainting.md compares the methods.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import scipy
from numpy.typing import NDArray

from models import gaussian_fill, sparse_fill
from models.gaussian_fill import fill_gaussian

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
MethodName = Literal["pmpn", "gaussian", "fsr", "telea"]


@dataclass(frozen=True, slots=True)
class FillMethod:
    """A way to fill holes.

    Attributes:
        name: "pmpn", "gaussian", "fsr" or "telea".
        fill: takes a plane and its holes, of which at least one pixel is known; returns the plane filled.
        margin_px: known surroundings of a hole that it makes use of.
        block_px: sides of crops should be multiples of this.
        tile_px: larger crops are given to it in overlapping tiles of this side.
        budget_px: so many pixels of holes a line can wait for: about a quarter of a second of one core.
        digest: changes when the method could give other pixels.
    """

    name: MethodName
    fill: Callable[[Floats, Mask], Floats]
    margin_px: int
    block_px: int
    tile_px: int
    budget_px: int
    digest: str


def fill_telea(plane: Floats, hole: Mask) -> Floats:
    """Fill by Telea's diffusion, in 16 bits.

    In an image one pixel high or wide OpenCV 4.11 reads beyond its end, and what it fills then depends
    on what lies there in memory; so such an image is shown to it twice as high or wide.
    """
    height, width = hole.shape
    twice = (0, int(height == 1), 0, int(width == 1), cv2.BORDER_REPLICATE)
    integers = np.rint(plane * np.float32(_UINT16_MAX)).astype(np.uint16)
    shown, mask = (cv2.copyMakeBorder(array, *twice) for array in (integers, _bytes(hole)))
    filled = cv2.inpaint(shown, mask, _TELEA_RADIUS_PX, cv2.INPAINT_TELEA)[:height, :width]
    return np.asarray(filled / np.float32(_UINT16_MAX), dtype=np.float32)


def fill_fsr(plane: Floats, hole: Mask) -> Floats:
    """Fill by OpenCV's fast frequency-selective reconstruction, which knows 8 bits only.

    The range of the known pixels is spread over them, so that a dark image of 16 bits keeps its detail.
    """
    height, width = hole.shape
    darkest, brightest = float(plane[~hole].min()), float(plane[~hole].max())
    spread = max(brightest - darkest, 1.0 / _UINT16_MAX)
    levels = np.rint((plane - darkest) / spread * _UINT8_MAX).clip(0, _UINT8_MAX).astype(np.uint8)
    # OpenCV 4.11 loses 1 to 2 dB when a side is no multiple of its block.
    below, right = -height % _FSR_BLOCK_PX, -width % _FSR_BLOCK_PX
    padded = cv2.copyMakeBorder(levels, 0, below, 0, right, cv2.BORDER_REPLICATE)
    known = np.pad(_bytes(~hole), ((0, below), (0, right)))
    filled = np.zeros(padded.shape, np.uint8)
    cv2.xphoto.inpaint(padded, known, filled, cv2.xphoto.INPAINT_FSR_FAST)
    restored = filled[:height, :width] * (spread / _UINT8_MAX) + darkest
    return restored.astype(np.float32)


def classical_method(name: MethodName) -> FillMethod:
    """Return a method that needs no checkpoint."""
    return _CLASSICAL[name]


def open_pmpn(folder: Path) -> FillMethod:
    """Return the network of a checkpoint folder as a method.

    Raises:
        CheckpointError: the folder is no checkpoint of PMPN, was altered, or gives other answers here.
    """
    from models import pmpn_fill, pmpn_inputs  # a runtime that the other methods do without

    network = pmpn_fill.PmpnFill.open(folder)
    sources = (
        __file__,
        pmpn_fill.__file__,
        pmpn_inputs.__file__,
        gaussian_fill.__file__,
        sparse_fill.__file__,
    )
    return FillMethod(
        "pmpn", network.fill, margin_px=48, block_px=1, tile_px=network.largest_px, budget_px=15_000,
        digest=_digest(*sources, libraries=f"pmpn {network.digest} {version('onnxruntime')}"),
    )  # fmt: skip


def _gaussian(plane: Floats, hole: Mask) -> Floats:
    return fill_gaussian(plane, ~hole)


_UINT8_MAX, _UINT16_MAX = 255, 65535
_TELEA_RADIUS_PX = 3
_FSR_BLOCK_PX = 16


def _bytes(mask: Mask) -> NDArray[Any]:
    return np.where(mask, np.uint8(_UINT8_MAX), np.uint8(0))


def _digest(*files: str, libraries: str) -> str:
    digest = hashlib.sha256(libraries.encode())
    for file in files:
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


TELEA = FillMethod(
    "telea", fill_telea, margin_px=8, block_px=1, tile_px=4096, budget_px=1_000_000,
    digest=_digest(__file__, libraries=f"telea {cv2.__version__}"),
)  # fmt: skip
FSR = FillMethod(
    "fsr", fill_fsr, margin_px=24, block_px=_FSR_BLOCK_PX, tile_px=1024, budget_px=2_000,
    digest=_digest(__file__, libraries=f"fsr {cv2.__version__}"),
)  # fmt: skip
GAUSSIAN = FillMethod(
    "gaussian", _gaussian, margin_px=64, block_px=1, tile_px=512, budget_px=15_000,
    digest=_digest(
        __file__, gaussian_fill.__file__, sparse_fill.__file__,
        libraries=f"gaussian {scipy.__version__} {np.__version__}",
    ),
)  # fmt: skip
_CLASSICAL = {method.name: method for method in (TELEA, FSR, GAUSSIAN)}
