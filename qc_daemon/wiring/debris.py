"""Puts together what looks for debris in folders of pictures."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.folder_work import FolderWork


def folder_detector(images: Path, out: Path) -> "FolderWork":
    """Return what looks for debris in a folder of pictures."""
    # Heavy packages are imported where they are used, so that a command starts at once.
    from instruments.camera.image_codec import decode_image
    from models.folder_detection import folder_detection

    return folder_detection(images, out, decode_image)
