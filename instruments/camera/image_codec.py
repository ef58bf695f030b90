"""Encoded images to pixels: one decoder for files and frames, so equal bytes give equal pixels."""

import re
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.errors import ImageError

_EXPECTED = "expected a whole PNG, JPEG or TIFF image, grey or RGB, 8 or 16 bits"
_JPEG_START = b"\xff\xd8\xff"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_SIGNATURES = (_JPEG_START, _PNG_START, b"II*\x00", b"MM\x00*")
# A marker of a JPEG stream: inside the compressed data FF 00 is a data byte and FF D0..D7 restarts.
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_JPEG_END = 0xD9
_JPEG_SEGMENT = re.compile(rb"\xff+([^\x00\xff])")
_JPEG_METADATA = frozenset((*range(0xE0, 0xF0), 0xFE))  # APP0 to APP15, COM
_JPEG_SCAN = 0xDA
_PNG_END = b"IEND"

cv2.setLogLevel(2)  # errors only: what is wrong with an image is said once, by ImageError


def decode_image(encoded: bytes, name: str) -> NDArray[np.uint8]:
    """Return (height, width, 3) uint8 RGB of a PNG, JPEG or TIFF.

    Grey is repeated in all three channels and transparency is dropped. 16 bits are scaled so that
    65535 becomes 255, rounded: a camera that fills only 12 of the 16 bits gives a dark image. A
    rotation noted in the file is not applied: pixels stay as the sensor delivered them.

    Args:
        encoded: the file's bytes.
        name: what the image is called in an error, such as its path.

    Raises:
        ImageError: other bytes, a damaged or cut image, or another depth; the message begins with `name`.
    """
    if not encoded.startswith(_SIGNATURES):
        raise ImageError(f"{name}: {len(encoded)} bytes are no image; {_EXPECTED}")
    if not _reaches_end(encoded):
        raise ImageError(f"{name}: cut off after {len(encoded)} bytes; {_EXPECTED}")
    return _as_rgb8(_decode(encoded, name), name)


def without_metadata(encoded: bytes) -> bytes:
    """Return a JPEG without its APPn and COM segments, where cameras write clocks and counters.

    Two frames are the same picture if these bytes are equal. Other images are returned as they are.
    """
    if not encoded.startswith(_JPEG_START):
        return encoded
    kept, position = [], 2
    while match := _JPEG_SEGMENT.match(encoded, position):
        length = int.from_bytes(encoded[match.end() : match.end() + 2], "big")
        if match[1][0] not in _JPEG_METADATA:
            kept.append(encoded[position : match.end() + length])
        position = match.end() + length
        if match[1][0] == _JPEG_SCAN or length < 2:
            break
    return b"".join((*kept, encoded[position:]))


def _reaches_end(encoded: bytes) -> bool:
    """Tell whether the end marker of a JPEG or PNG is there; decoders make an image of half a JPEG."""
    if encoded.startswith(_JPEG_START):
        return _reaches_jpeg_end(encoded)
    return _PNG_END in encoded or not encoded.startswith(_PNG_START)


def _reaches_jpeg_end(encoded: bytes) -> bool:
    """Walk from marker to marker, so that the end of an embedded thumbnail does not count."""
    position = len(_JPEG_START) - 1
    while match := _JPEG_MARKER.search(encoded, position):
        if match[1][0] == _JPEG_END:
            return True
        segment_length = int.from_bytes(encoded[match.end() : match.end() + 2], "big")
        position = match.end() + segment_length
    return False


def _decode(encoded: bytes, name: str) -> NDArray[Any]:
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError) as error:
        raise ImageError(f"{name}: cannot be decoded; {_EXPECTED}") from error
    if image is None or image.size == 0:
        raise ImageError(f"{name}: damaged or cut off; {_EXPECTED}")
    return np.asarray(image)


def _as_rgb8(image: NDArray[Any], name: str) -> NDArray[np.uint8]:
    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ImageError(f"{name}: pixels are {image.dtype}; {_EXPECTED}")
    if image.ndim == 2:
        return np.repeat(image[..., np.newaxis], 3, axis=2)
    if image.shape[2] not in (3, 4):
        raise ImageError(f"{name}: {image.shape[2]} channels; {_EXPECTED}")
    return np.ascontiguousarray(image[..., 2::-1])  # OpenCV orders blue, green, red, alpha
