"""Looks for debris in a folder of pictures: one mask for each, 255 where there is debris."""

from pathlib import Path

import numpy as np

from models.debris_detector import find_debris
from models.folder_work import Check, FolderWork
from models.picture_files import as_rgb8, read_picture, write_picture


def folder_detection(images: Path, out: Path, check: Check) -> FolderWork:
    """Return what writes what is foreign in each picture, opaque or a stain, to `<stem>.png` of `out`.

    Args:
        images: folder of pictures.
        out: folder to write to.
        check: tells damaged files.

    Raises:
        InputError: a folder is missing, holds no picture, or would be overwritten.
    """

    def detect(image: Path) -> float:
        mask = find_debris(as_rgb8(read_picture(image)))
        write_picture(out / f"{image.stem}.png", mask.astype(np.uint8) * 255)
        return 100.0 * float(mask.mean())

    return FolderWork(images, out, check, detect)
