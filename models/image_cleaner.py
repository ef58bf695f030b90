"""Finds the debris in a frame and fills it with what its surroundings suggest."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models import debris_detector, debris_spots, hole_filling
from models.debris_detector import DebrisLimits, find_opaque_debris
from models.filling_methods import FillMethod
from models.hole_filling import fill_holes
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.inspection import ModelVersion


class DebrisCleaner:
    """Fills the debris that hides the fabric: a `domain.ports.ImageCleaner`.

    Args:
        method: what fills the holes.
        max_px: holes beyond this many pixels, smallest regions first, are filled by diffusion, so that
            the line does not wait for a picture; the method's own budget if not given.
        limits: what counts as debris.
    """

    def __init__(
        self, method: FillMethod, max_px: int | None = None, limits: DebrisLimits | None = None
    ) -> None:
        self._method = method
        self._max_px = method.budget_px if max_px is None else max_px
        self._limits = limits or DebrisLimits()
        self._version = ModelVersion("image_cleaner", method.name, self._digest())

    @property
    def version(self) -> ModelVersion:
        """What did the cleaning; the digest covers its code, its settings, its weights and its libraries."""
        return self._version

    def clean(self, frame: Frame, on_optics: NDArray[np.bool_] | None = None) -> CleanedImage:
        """Return the frame with its debris filled and the mask; known pixels bit-identical.

        A frame without a known pixel stays as it is, wholly masked: nothing can be measured on it.

        Args:
            frame: to clean.
            on_optics: (height, width) what is to be filled besides, for it shows the camera's own dirt.
        """
        mask = find_opaque_debris(frame.pixels, frame.um_per_pixel, self._limits)
        if on_optics is not None:
            mask = mask | on_optics
        fillable = mask.any() and not mask.all()
        method = f"{self._method.name} {self._version.digest[:12]}" if fillable else "none"
        if fillable and on_optics is not None:
            method += ", with dirt on the optics"
        filled = fill_holes(frame.pixels, mask, self._method, self._max_px) if fillable else frame.pixels
        return CleanedImage(frame.pixels, filled, mask, frame.um_per_pixel, method)

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for source in (__file__, hole_filling.__file__, debris_detector.__file__, debris_spots.__file__):
            digest.update(Path(source).read_bytes())
        digest.update(f"{self._method.digest} {self._max_px} {self._limits}".encode())
        return digest.hexdigest()
