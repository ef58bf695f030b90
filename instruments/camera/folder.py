"""A folder of images in place of a camera: another program saves them, the station takes them in turn."""

from pathlib import Path
from types import TracebackType
from typing import Self

from instruments.camera.image_codec import decode_image
from qc_daemon.domain.errors import DeviceFault, ImageError, LinkConfig
from qc_daemon.domain.image import Frame
from qc_daemon.domain.ports import Clock
from qc_daemon.domain.spectrum import InstrumentIdentity

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})


class FolderCamera:
    """Serves each image of a folder once, in name order, one per `frame_after`; a context manager.

    The folder is read anew for each frame, so images may still be added; one whose name sorts before
    the last one served is never served. After the last image it does not start over: the same image
    would speak for two specimens.

    Args:
        folder: where the PNG, JPEG or TIFF files are.
        um_per_pixel: size of a pixel on the specimen, in µm.
        clock: a stored image has no moment of capture that the station knows; it counts as captured
            when it is served.
    """

    def __init__(self, folder: Path, um_per_pixel: float, clock: Clock) -> None:
        self._folder = folder
        self._um_per_pixel = um_per_pixel
        self._clock = clock
        self._last_name = ""
        self._last_encoded = b""
        self._repeats = 0

    def __enter__(self) -> Self:
        self._require_folder()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass  # nothing is held open between frames

    @property
    def identity(self) -> InstrumentIdentity:
        """The folder in the place of a serial number."""
        return InstrumentIdentity("folder-camera", "image folder", str(self._folder), "")

    def frame_after(self, monotonic_s: float) -> Frame:  # noqa: ARG002 - every file is served after any call
        """Return the next image of the folder.

        Raises:
            DeviceFault: every image has been served, or the next one cannot be read; a bad file is
                skipped by the call after.
        """
        path = self._next_path()
        self._last_name = path.name
        try:
            encoded = path.read_bytes()
            pixels = decode_image(encoded, str(path))
        except (OSError, ImageError) as error:
            raise DeviceFault(str(error)) from error
        self._repeats = self._repeats + 1 if encoded == self._last_encoded else 0
        self._last_encoded = encoded
        return Frame(
            encoded=encoded,
            pixels=pixels,
            um_per_pixel=self._um_per_pixel,
            camera=self.identity,
            captured_at=self._clock.now(),
            captured_monotonic_s=self._clock.monotonic_s(),
            repeats=self._repeats,
        )

    def is_live(self) -> bool:
        """Tell that the folder is there; the image of the next specimen may come later.

        Raises:
            LinkConfig: it is not.
        """
        self._require_folder()
        return True

    def _require_folder(self) -> None:
        if not self._folder.is_dir():
            raise LinkConfig(f"{self._folder}: no such folder; expected a folder of PNG, JPEG or TIFF images")

    def _next_path(self) -> Path:
        try:
            names = sorted(p.name for p in self._folder.iterdir() if p.suffix.lower() in _SUFFIXES)
        except OSError as error:
            raise DeviceFault(f"{self._folder}: cannot be read: {error.strerror}") from error
        waiting = [name for name in names if name > self._last_name]
        if not waiting:
            raise DeviceFault(
                f"{self._folder}: all {len(names)} images have been served; "
                f'expected a PNG, JPEG or TIFF whose name sorts after "{self._last_name}"'
            )
        return self._folder / waiting[0]
