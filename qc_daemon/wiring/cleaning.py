"""Chooses what fills holes: the network if its checkpoint is there, a classical method if not.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from qc_daemon.domain.ports import ImageCleaner

if TYPE_CHECKING:
    from models.filling_methods import FillMethod, MethodName
    from models.folder_cleaning import FolderCleaner


log = structlog.get_logger()


def open_cleaner() -> ImageCleaner:
    """Return the image cleaner of this version.

    Raises:
        CheckpointError: the network's checkpoint is damaged.
    """
    from models.image_cleaner import DebrisCleaner

    return DebrisCleaner(_method("pmpn", lambda message: log.warning("image_cleaner", message=message)))


def folder_cleaner(
    images: Path, masks: Path | None, out: Path, method: "MethodName", say: Callable[[str], None]
) -> "FolderCleaner":
    """Return what cleans a folder of pictures.

    Args:
        images: folder of pictures.
        masks: folder of their masks; None to look for debris.
        out: folder to write to.
        method: what fills the holes.
        say: tells a person that the network is not there.
    """
    from instruments.camera.image_codec import decode_image
    from models.folder_cleaning import FolderCleaner

    return FolderCleaner(images, masks, out, _method(method, say), decode_image)


def _method(name: "MethodName", say: Callable[[str], None]) -> "FillMethod":
    from models.filling_methods import GAUSSIAN, classical_method, open_pmpn
    from models.pmpn_checkpoint import RELEASED_PMPN
    from models.sealed_folder import MANIFEST

    if name != "pmpn":
        return classical_method(name)
    if (RELEASED_PMPN / MANIFEST).is_file():
        return open_pmpn(RELEASED_PMPN)
    say(f"no checkpoint of PMPN in {RELEASED_PMPN}; holes are filled by the method {GAUSSIAN.name}")
    return GAUSSIAN
