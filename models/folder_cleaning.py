"""Cleans a folder of pictures: each by its mask or by what the debris detector finds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.debris_detector import find_opaque_debris
from models.filling_methods import FillMethod
from models.folder_work import Check, FolderWork
from models.hole_filling import fill_holes
from models.picture_files import (
    LOSSLESS_SUFFIXES,
    as_rgb8,
    picture_files,
    read_content,
    read_mask,
    read_picture,
    write_picture,
    write_whole,
)
from qc_daemon.domain.errors import ImageError, InputError

Mask = NDArray[np.bool_]

FOUND_MASKS = "masks"  # sub-folder of what was found without masks given


class FolderCleaner:
    """Fills the debris in the pictures of a folder and writes them to another one: `work` does it.

    A picture without holes is copied byte for byte. A cleaned PNG or TIFF keeps its name; a JPEG becomes
    a PNG, for it would change known pixels. Masks that were found are written as `masks/<stem>.png`.

    Args:
        images: folder of pictures.
        masks: folder of masks, which pair with pictures by their stems; None to look for debris.
        out: folder to write to.
        method: what fills the holes.
        check: tells damaged files.

    Raises:
        InputError: a folder is missing, holds no picture, or would be overwritten.
    """

    def __init__(self, images: Path, masks: Path | None, out: Path, method: FillMethod, check: Check) -> None:
        if masks is not None and masks.resolve() == images.resolve():
            raise InputError(f"--masks {masks}: is the folder of the images; expected another one")
        self.work = FolderWork(images, out, check, self._clean, () if masks is None else (masks,))
        self._masks = None if masks is None else _by_stem(picture_files(masks))
        self._mask_folder = masks
        self._out, self._method, self._check = out, method, check

    @property
    def masks_without_image(self) -> tuple[Path, ...]:
        """Masks whose stem no picture has."""
        stems = {image.stem for image in self.work.images}
        return tuple(
            mask for stem, masks in (self._masks or {}).items() if stem not in stems for mask in masks
        )

    def _clean(self, image: Path) -> float:
        pixels = read_picture(image)
        if self._masks is None:
            mask = find_opaque_debris(as_rgb8(pixels))
            self._require_known(image, mask)
            (self._out / FOUND_MASKS).mkdir(exist_ok=True)
            write_picture(self._out / FOUND_MASKS / f"{image.stem}.png", mask.astype(np.uint8) * 255)
        else:
            mask = self._mask(image, pixels.shape[:2])
            self._require_known(image, mask)
        if not mask.any():
            write_whole(self._out / image.name, read_content(image))
            return 0.0
        suffix = image.suffix if image.suffix.lower() in LOSSLESS_SUFFIXES else ".png"
        write_picture(self._out / f"{image.stem}{suffix}", fill_holes(pixels, mask, self._method))
        return 100.0 * float(mask.mean())

    def _mask(self, image: Path, shape: tuple[int, ...]) -> Mask:
        assert self._masks is not None
        masks = self._masks.get(image.stem, [])
        if len(masks) != 1:
            found = " and ".join(mask.name for mask in masks) or "none"
            raise ImageError(f"{image}: expected one mask {self._mask_folder}/{image.stem}.*, found {found}")
        self._check(read_content(masks[0]), str(masks[0]))
        mask = read_mask(masks[0])
        if mask.shape != shape:
            raise ImageError(
                f"{masks[0]}: {mask.shape[1]}x{mask.shape[0]} pixels; expected {shape[1]}x{shape[0]} as in "
                f"{image.name}"
            )
        return mask

    @staticmethod
    def _require_known(image: Path, mask: Mask) -> None:
        if mask.all():
            raise ImageError(f"{image}: all of it is masked; expected a pixel at least to fill it from")


def _by_stem(files: Sequence[Path]) -> dict[str, list[Path]]:
    stems: dict[str, list[Path]] = {}
    for file in files:
        stems.setdefault(file.stem, []).append(file)
    return stems
