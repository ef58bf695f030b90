"""Folders of images to learn filling from, and which images belong together."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.errors import DatasetError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
_CODE = re.compile(r"[A-Za-z]+\d+(?=_)")  # as in f03_0012_c04: fabric, strip, column
_COUNTER = re.compile(r"[-_]\d+$")


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image and the group that it is split with: one fabric, garment or specimen."""

    path: Path
    folder: Path
    group: str


def find_images(folder: Path) -> tuple[ImageFile, ...]:
    """Return the images of a folder and of the folders in it, by name.

    A group is named by the folder an image lies in and its file name: by a code of letters and digits
    that it begins with, before a "_" ("f03" of "f03_0012_c04"), or else by all but a counter at the end
    ("Cotton_red_7" of "Cotton_red_7_2").

    Raises:
        DatasetError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: not found; expected a folder of images")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise DatasetError(f"{folder}: holds no image; expected PNG, JPEG or TIFF files")
    return tuple(ImageFile(path, folder, _group(path, folder)) for path in paths)


def split_by_group(
    images: Sequence[ImageFile], seed: int, share: float
) -> tuple[tuple[ImageFile, ...], tuple[ImageFile, ...]]:
    """Return images to train on, and those of about this share of every folder's groups, to watch it by.

    A folder with fewer than three groups keeps all of them to train on.
    """
    held: set[tuple[Path, str]] = set()
    for folder in sorted({image.folder for image in images}):
        groups = sorted({image.group for image in images if image.folder == folder})
        count = max(1, round(share * len(groups))) if len(groups) >= 3 else 0
        order = np.random.default_rng([seed, 11]).permutation(len(groups))
        held |= {(folder, groups[index]) for index in order[:count]}
    chosen = [(image.folder, image.group) in held for image in images]
    training = tuple(image for image, out in zip(images, chosen, strict=True) if not out)
    return training, tuple(image for image, out in zip(images, chosen, strict=True) if out)


def read_grey(path: Path) -> NDArray[np.float32]:
    """Return (height, width) 0..1 of an image of 8 or 16 bits.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        encoded = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH
    pixels = cv2.imdecode(encoded, flags) if encoded.size else None
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise DatasetError(f"{path}: cannot be read; expected a PNG, JPEG or TIFF image of 8 or 16 bits")
    grey: NDArray[np.float32] = pixels.astype(np.float32) / np.float32(255 if pixels.itemsize == 1 else 65535)
    return grey


def _group(path: Path, folder: Path) -> str:
    code = _CODE.match(path.stem)
    name = code.group() if code else _COUNTER.sub("", path.stem)
    return (path.parent.relative_to(folder) / name).as_posix()
