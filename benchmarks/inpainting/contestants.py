"""What is compared: the network and its siblings, its prior, and what libraries offer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.restoration import inpaint_biharmonic

from models.filling_methods import fill_fsr, fill_telea
from models.gaussian_fill import fill_gaussian
from models.pmpn_fill import PmpnFill
from models.sealed_folder import MANIFEST
from models.sparse_fill import fill_sparse

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A method.

    Attributes:
        name: in the tables.
        fill: takes a plane (height, width) 0..1 and its holes; returns the plane filled.
        most_images: of each kind and bin; a slow method is measured on fewer.
    """

    name: str
    fill: Callable[[Floats, Mask], Floats]
    most_images: int = 1_000_000


def contestants(checkpoint: Path, siblings: Path | None, say: Callable[[str], None]) -> list[Contestant]:
    """Return the methods that are there; what is not is said."""
    learnt = {"pmpn": checkpoint}
    if siblings is None:
        say("siblings of PMPN: not given, left out (--siblings DIR)")
    else:
        learnt |= {folder.name: folder for folder in sorted(siblings.iterdir()) if folder.is_dir()}
    found = []
    for name, folder in learnt.items():
        if (folder / MANIFEST).is_file():
            found.append(Contestant(name, PmpnFill.open(folder).fill))
        else:
            say(f"{name}: no checkpoint in {folder}, left out")
    return [*found, *_CLASSICAL]


def _navier_stokes(plane: Floats, hole: Mask) -> Floats:
    pixels, mask = np.rint(plane * 255.0).astype(np.uint8), hole.astype(np.uint8)
    return cv2.inpaint(pixels, mask, 3, cv2.INPAINT_NS).astype(np.float32) / np.float32(255.0)


def _shiftmap(plane: Floats, hole: Mask) -> Floats:
    pixels, filled = np.rint(plane * 255.0).astype(np.uint8), np.zeros(plane.shape, np.uint8)
    known = np.where(hole, np.uint8(0), np.uint8(255))
    cv2.setRNGSeed(0)
    cv2.xphoto.inpaint(pixels, known, filled, cv2.xphoto.INPAINT_SHIFTMAP)
    return filled.astype(np.float32) / np.float32(255.0)


_CLASSICAL = (
    Contestant("gaussian (prior of pmpn)", lambda plane, hole: fill_gaussian(plane, ~hole)),
    Contestant("sparse waves", lambda plane, hole: fill_sparse(plane, ~hole)),
    Contestant("FSR_FAST", fill_fsr),
    Contestant("biharmonic", lambda plane, hole: inpaint_biharmonic(plane, hole).astype(np.float32)),
    Contestant("Telea", fill_telea),
    Contestant("Navier-Stokes", _navier_stokes),
    Contestant("SHIFTMAP (patches)", _shiftmap, most_images=1),
)
