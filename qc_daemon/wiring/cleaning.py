"""Chooses what fills holes: the network if its checkpoint is there, a classical method if not.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from typing import TYPE_CHECKING

from qc_daemon.domain.ports import ImageCleaner

if TYPE_CHECKING:
    from models.filling_methods import FillMethod, MethodName


def open_cleaner() -> ImageCleaner:
    """Return the image cleaner of this version."""
    from models.image_cleaner import DebrisCleaner

    return DebrisCleaner(open_method("sparse"))


def open_method(name: "MethodName") -> "FillMethod":
    """Return a method by its name."""
    from models.filling_methods import classical_method

    return classical_method(name)
