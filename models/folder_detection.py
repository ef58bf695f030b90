"""Looks for debris in a folder of pictures: one mask for each, 255 where there is debris."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.debris_detector import find_debris
from models.picture_files import (
    as_rgb8,
    picture_files,
    read_content,
    read_picture,
    write_picture,
)
from qc_daemon.domain.errors import ImageError, InputError

# Raises ImageError if bytes are no whole image; the second argument is what to call them.
Check = Callable[[bytes, str], object]


@dataclass(frozen=True, slots=True)
class Detected:
    """What became of one picture: the share of it that is debris, or why there is no mask of it."""

    image: Path
    debris_percent: float
    problem: str | None = None


class FolderDetector:
    """Writes what is foreign in each picture of a folder, opaque or a stain, to `<stem>.png` of another one.

    Args:
        images: folder of pictures.
        out: folder to write to.
        check: tells damaged files.

    Raises:
        InputError: a folder is missing, holds no picture, or would be overwritten.
    """

    def __init__(self, images: Path, out: Path, check: Check) -> None:
        self._images = picture_files(images)
        if out.resolve() == images.resolve():
            raise InputError(f"--out {out}: would overwrite what is there; expected another folder")
        self._out, self._check = out, check

    def __len__(self) -> int:
        return len(self._images)

    def run(self) -> Iterator[Detected]:
        """Look at one picture after the other; what is wrong with one does not stop the others."""
        try:
            self._out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self._out}: cannot be made; expected a folder to write to") from error
        for image in self._images:
            try:
                found = self._detect(image)
            except ImageError as error:
                found = Detected(image, 0.0, str(error))
            yield found

    def _detect(self, image: Path) -> Detected:
        first = next(other for other in self._images if other.stem == image.stem)
        if first is not image:
            raise ImageError(f"{image}: has the stem of {first.name}; expected one of its own")
        self._check(read_content(image), str(image))
        mask = find_debris(as_rgb8(read_picture(image)))
        write_picture(self._out / f"{image.stem}.png", mask.astype(np.uint8) * 255)
        return Detected(image, 100.0 * float(mask.mean()))
