"""Pictures and masks as files: read with the depth and the channels that they have, written without loss.

Channels are in OpenCV's order: grey, or blue, green, red and perhaps opacity. A rotation noted in a file
is not applied.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.errors import ImageError, InputError

Pixels = NDArray[Any]  # (height, width) or (height, width, 3 or 4), uint8 or uint16
Mask = NDArray[np.bool_]

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
LOSSLESS_SUFFIXES = (".png", ".tif", ".tiff")


def picture_files(folder: Path) -> list[Path]:
    """Return the files of a folder that are pictures by their names, sorted; sub-folders are left alone.

    Raises:
        ImageError: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder}: no such folder; expected one with PNG, JPEG or TIFF images")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES and path.is_file())
    if not found:
        raise ImageError(f"{folder}: holds no image; expected PNG, JPEG or TIFF files")
    return found


def read_content(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        ImageError: its name is not that of a PNG, JPEG or TIFF, or it cannot be read.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ImageError(f"{path}: {path.suffix[1:].upper()} is not read; expected PNG, JPEG or TIFF")
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}") from error


def read_picture(path: Path) -> Pixels:
    """Return the pixels of a file that holds one picture of 8 or 16 bits.

    Raises:
        ImageError: the file holds several pictures, or no such one.
    """
    encoded = np.frombuffer(read_content(path), np.uint8)
    try:
        pixels = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
        pictures = cv2.imcount(str(path)) if pixels is not None else 0
    except (cv2.error, MemoryError) as error:
        raise ImageError(f"{path}: cannot be read; {_EXPECTED}") from error
    if pixels is None or pixels.size == 0:
        raise ImageError(f"{path}: damaged or cut off; {_EXPECTED}")
    if pictures > 1:
        raise ImageError(f"{path}: holds {pictures} pictures; expected one, neither animated nor paged")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"{path}: pixels are {pixels.dtype}; {_EXPECTED}")
    if pixels.ndim == 3 and pixels.shape[2] not in (3, 4):
        raise ImageError(f"{path}: {pixels.shape[2]} channels; {_EXPECTED}")
    return np.asarray(pixels)


def read_mask(path: Path) -> Mask:
    """Return (height, width) bool, True where any colour of a mask is not zero; opacity does not count."""
    pixels = read_picture(path)
    holes: Mask = pixels != 0 if pixels.ndim == 2 else (pixels[..., :3] != 0).any(axis=2)
    return holes


def as_rgb8(pixels: Pixels) -> NDArray[np.uint8]:
    """Return (height, width, 3) RGB; of 16 bits the brightest pixel becomes 255, for few cameras use all."""
    if pixels.dtype == np.uint16:
        colours = pixels[..., :3] if pixels.ndim == 3 else pixels
        pixels = np.rint(colours * (255.0 / max(int(colours.max()), 1))).astype(np.uint8)
    if pixels.ndim == 2:
        return np.repeat(pixels[..., np.newaxis], 3, axis=2)
    return np.ascontiguousarray(pixels[..., 2::-1])


def write_picture(path: Path, pixels: Pixels) -> None:
    """Write pixels without loss; the file is there whole or not at all."""
    written, encoded = cv2.imencode(path.suffix, pixels)
    assert written
    write_whole(path, encoded.tobytes())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all.

    Raises:
        InputError: the folder cannot be written to.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


_EXPECTED = "expected a whole PNG, JPEG or TIFF image, grey or RGB, 8 or 16 bits"
# What people take for pictures; the others are refused by name, so that none is passed over in silence.
_PICTURES = (*SUFFIXES, ".gif", ".bmp", ".webp", ".jp2", ".apng")

cv2.setLogLevel(2)  # errors only: what is wrong with a picture is said once, by ImageError
