"""Puts together what looks for debris in folders of pictures."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.folder_detection import FolderDetection


def folder_detector(images: Path, out: Path, blank: Path | None, *, moved: bool) -> "FolderDetection":
    """Return what looks for debris in a folder of pictures."""
    # Heavy packages are imported where they are used, so that a command starts at once.
    from instruments.camera.image_codec import decode_image
    from models.folder_detection import FolderDetection

    return FolderDetection(images, out, decode_image, moved=moved, blank=blank)
