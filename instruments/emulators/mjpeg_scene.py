"""What an emulated camera sees: one image of a list, through a sensor that never gives a frame twice."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from instruments.camera.image_codec import decode_image
from instruments.emulators.faults import ActiveFaults
from instruments.emulators.mjpeg_optics import through_the_lens
from qc_daemon.domain.errors import ConfigError, DatasetError, ImageError

_JPEG = "image/jpeg"
_CONTENT_TYPES = {
    ".jpg": _JPEG, ".jpeg": _JPEG, ".png": "image/png", ".tif": "image/tiff", ".tiff": "image/tiff",
}  # fmt: skip
# Noise of an 8-bit sensor in good light, in grey levels: seen by a comparison of bytes, not by an eye.
_NOISE_LEVELS = 1.5
# The noise of a frame is a window into a larger field. The steps are coprime to the margin, so the
# window comes back to a place only after margin² frames.
_NOISE_MARGIN_PX = 64
_NOISE_STEPS = (37, 23)
_JPEG_QUALITY = 95
_TABLE_GREY = 60  # the even dark table below the lens
# A camera that falls behind sends so many seconds of frames in a second, up to so many seconds late.
_BEHIND_RATE, _STALE_S = 0.5, 3.0
_ALL_EQUAL_GREY = 128.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One encoded frame, its content type, and when it was taken: seconds of UTC, as a set clock tells."""

    encoded: bytes
    content_type: str
    taken_s: float = 0.0


class Scene:
    """What lies in front of the lens.

    Safe to use from several threads; whoever holds `lock` keeps others from changing it.

    Args:
        paths: the images that can be presented, by number; the first one is there at the start.
        untouched: send the files' own bytes instead of adding noise and encoding anew.

    Raises:
        DatasetError: the first image cannot be read.
    """

    def __init__(self, paths: Sequence[Path], *, untouched: bool) -> None:
        self.lock = RLock()
        self._paths = paths
        self._untouched = untouched
        self._frames = 0
        self._stored, self._pixels = _read(paths[0])
        self._noise = _noise_field(self._pixels.shape)
        self._behind_since_s = time.time()
        # What has been taken and not been sent yet, and the last one that was.
        self._taken = deque([self._next_shot(ActiveFaults({}), self._behind_since_s)])

    def present(self, number: int) -> str:
        """Lay image `number` in front of the lens and return its name.

        Raises:
            ConfigError: there is no such image.
            DatasetError: it cannot be read.
        """
        if number >= len(self._paths):
            raise ConfigError(f"image {number} does not exist; expected 0 to {len(self._paths) - 1}")
        self._lay(*_read(self._paths[number]))
        return self._paths[number].name

    def present_nothing(self) -> None:
        """Take the specimen away."""
        table = np.full_like(self._pixels, _TABLE_GREY)
        self._lay(Shot(_encoded(table), _JPEG), table)

    def shoot(self, faults: ActiveFaults) -> Shot:
        """Return the next frame that a camera with these faults sends."""
        with self.lock:
            now_s = time.time()
            if faults.value("frozen") is not None:
                return replace(self._taken[-1], taken_s=now_s)
            late_s = faults.value("stale", _STALE_S)
            if late_s is None:
                self._taken.clear()
                self._behind_since_s = now_s
            self._taken.append(self._next_shot(faults, now_s))
            return self._shot_behind(now_s, late_s or 0.0)

    def _shot_behind(self, now_s: float, longest_s: float) -> Shot:
        """Return what is sent now by a camera that falls behind ever more, up to `longest_s`."""
        behind_s = min(longest_s, _BEHIND_RATE * (now_s - self._behind_since_s))
        while len(self._taken) > 1 and self._taken[1].taken_s <= now_s - behind_s:
            self._taken.popleft()
        return self._taken[0]

    def _lay(self, stored: Shot, pixels: NDArray[np.uint8]) -> None:
        with self.lock:
            self._stored, self._pixels = stored, pixels

    def _next_shot(self, faults: ActiveFaults, now_s: float) -> Shot:
        if self._untouched:
            return replace(self._stored, taken_s=now_s)
        pixels = through_the_lens(self._pixels, faults)
        level = faults.value("all_equal", _ALL_EQUAL_GREY)
        if level is not None:
            return Shot(_encoded(np.full_like(pixels, int(level))), _JPEG, now_s)
        return Shot(_encoded(cv2.add(pixels, self._next_noise(pixels.shape), dtype=cv2.CV_8U)), _JPEG, now_s)

    def _next_noise(self, shape: tuple[int, ...]) -> NDArray[np.int16]:
        height, width = shape[:2]
        if self._noise.shape[:2] != (height + _NOISE_MARGIN_PX, width + _NOISE_MARGIN_PX):
            self._noise = _noise_field(shape)
        self._frames += 1
        row = self._frames * _NOISE_STEPS[0] % _NOISE_MARGIN_PX
        column = self._frames // _NOISE_MARGIN_PX * _NOISE_STEPS[1] % _NOISE_MARGIN_PX
        return self._noise[row : row + height, column : column + width]


def image_paths(source: Path) -> list[Path]:
    """Return the images of a folder in name order, or those that a text file lists, one path a line.

    Raises:
        DatasetError: there is no such folder or file, it names no image, or one that does not exist.
    """
    if source.is_dir():
        paths = sorted(path for path in source.iterdir() if path.suffix.lower() in _CONTENT_TYPES)
    else:
        paths = [Path(line) for line in _lines(source) if line.strip()]
    if not paths:
        raise DatasetError(f"{source}: no images; expected PNG, JPEG or TIFF files")
    for number, path in enumerate(paths, 1):
        if not path.is_file() or path.suffix.lower() not in _CONTENT_TYPES:
            raise DatasetError(f"{source}, image {number}: {path} is not a PNG, JPEG or TIFF file")
    return paths


def _lines(listing: Path) -> list[str]:
    try:
        return listing.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{listing}: cannot be read; expected a folder of images or a text file with one path a line"
        ) from error


def _read(path: Path) -> tuple[Shot, NDArray[np.uint8]]:
    try:
        stored = Shot(path.read_bytes(), _CONTENT_TYPES[path.suffix.lower()])
        return stored, decode_image(stored.encoded, str(path))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except ImageError as error:
        raise DatasetError(str(error)) from error


def _noise_field(shape: tuple[int, ...]) -> NDArray[np.int16]:
    size = (shape[0] + _NOISE_MARGIN_PX, shape[1] + _NOISE_MARGIN_PX, shape[2])
    field: NDArray[np.int16] = np.rint(np.random.default_rng(0).normal(0.0, _NOISE_LEVELS, size)).astype(
        np.int16
    )
    return field


def _encoded(rgb: Any) -> bytes:
    ok, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    assert ok, "uint8 RGB always encodes"
    return bytes(encoded)
