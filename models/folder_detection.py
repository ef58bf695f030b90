"""Looks for debris in a folder of pictures: one mask for each, 255 where there is debris."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.debris_detector import find_debris
from models.folder_work import Check, FolderWork
from models.optics_dirt import find_optics_dirt
from models.picture_files import as_rgb8, read_content, read_picture, write_picture
from qc_daemon.domain.errors import ImageError, InputError
from qc_daemon.domain.flat_field import divided, lit

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class FolderDetection(FolderWork):
    """Writes what is foreign in each picture, opaque or a stain, to `<stem>.png` of a folder.

    Args:
        images: folder of pictures.
        out: folder to write to.
        check: tells damaged files.
        moved: whether all are of one camera, with the specimen moved in between: then what lies at one place
            in all is on the optics, is masked in each, and is written to `optics/mask.png` besides.
        blank: a picture of an even white view by the same camera; all others are divided by it, and where it
            is too dark to divide by, something lies on the optics.

    Raises:
        InputError: a folder is missing, holds no picture, or would be overwritten; the blank picture is
            of no use; dirt on the optics cannot be told from the specimens.
    """

    def __init__(
        self, images: Path, out: Path, check: Check, *, moved: bool = False, blank: Path | None = None
    ) -> None:
        super().__init__(images, out, check, self._detect)
        self._pictures_check = check
        self._light = None if blank is None else self._picture(blank).astype(np.float32)
        self._unlit = None if self._light is None else ~lit(self._light).all(axis=2)
        self.on_optics = self._fixed(out) if moved else None

    def _fixed(self, out: Path) -> Mask:
        mask = find_optics_dirt(self._readable(), self._light).mask
        folder = out / "optics"  # in a folder of its own, lest a picture have that stem
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made; expected a folder to write to") from error
        write_picture(folder / "mask.png", mask.astype(np.uint8) * 255)
        return mask

    def _readable(self) -> Iterator[Pixels]:
        for image in self.images:
            try:
                yield self._picture(image)
            except ImageError:
                continue  # named when its turn comes

    def _picture(self, image: Path) -> Pixels:
        self._pictures_check(read_content(image), str(image))
        return as_rgb8(read_picture(image))

    def _detect(self, image: Path) -> float:
        pixels = as_rgb8(read_picture(image))
        if self._light is not None:
            self._require_size(image, pixels, self._light.shape)
            pixels = divided(pixels, self._light)
        mask = find_debris(pixels)
        for more in (self._unlit, self.on_optics):
            if more is not None:
                self._require_size(image, pixels, more.shape)
                mask |= more
        write_picture(self._out / f"{image.stem}.png", mask.astype(np.uint8) * 255)
        return 100.0 * float(mask.mean())

    @staticmethod
    def _require_size(image: Path, pixels: Pixels, shape: tuple[int, ...]) -> None:
        height, width = pixels.shape[:2]
        if (height, width) != shape[:2]:
            raise ImageError(
                f"{image}: {width} x {height} px; expected {shape[1]} x {shape[0]} px, those of the camera"
            )
