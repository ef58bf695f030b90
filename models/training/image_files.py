"""Micrographs of a dataset, decoded as the station decodes a frame: a damaged one is none."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.errors import DatasetError


def decoded_rgb(path: Path, encoded: bytes) -> NDArray[np.uint8]:
    """Return (height, width, 3) RGB of the bytes of an image file.

    Raises:
        DatasetError: the bytes are no whole image; `path` is named.
    """
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR) if encoded else None
    if pixels is None:
        raise DatasetError(f"{path}: cannot be read; expected a PNG, JPEG or TIFF image")
    return np.asarray(pixels[:, :, ::-1], dtype=np.uint8)
