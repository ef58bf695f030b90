"""Masks of dirt on a camera's optics on disk: one file each, never overwritten; the newest one counts.

All stay, for a conclusion that a mask took part in can only be drawn again with that mask.
"""

import json
import os
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np

from qc_daemon.domain.errors import ConfigError
from qc_daemon.domain.optics import OpticsMask


def save_optics(folder: Path, optics: OpticsMask) -> Path:
    """Write a mask; return its path."""
    about = {
        "camera_kind": optics.camera_kind,
        "camera_serial": optics.camera_serial,
        "found_at": optics.found_at.isoformat(),
        "sha256": optics.sha256,
    }
    moment = optics.found_at.strftime("%Y%m%dT%H%M%S%fZ")  # sorts as text
    path = folder / f"optics-{moment}-{optics.sha256}.npz"
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")  # so that no half file ever has the name
    with unfinished.open("wb") as file:
        np.savez_compressed(file, mask=optics.mask, about=np.array(json.dumps(about)))
        file.flush()
        os.fsync(file.fileno())  # before any conclusion names it
    os.replace(unfinished, path)  # noqa: PTH105 - Path.replace reads as if it replaced text
    return path


def newest_optics(folder: Path) -> OpticsMask | None:
    """Return the mask that was found last; None if there is none.

    Raises:
        ConfigError: its file is damaged.
    """
    path = max(folder.glob("optics-*.npz"), default=None)
    return None if path is None else _read(path)


def optics_of(folder: Path, sha256: str) -> OpticsMask | None:
    """Return the mask of a hash; None if it is not there.

    Raises:
        ConfigError: its file is damaged.
    """
    path = next(folder.glob(f"optics-*-{sha256}.npz"), None)
    return None if path is None else _read(path)


def _read(path: Path) -> OpticsMask:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
            found_at = datetime.fromisoformat(about["found_at"])
            optics = OpticsMask(arrays["mask"], about["camera_kind"], about["camera_serial"], found_at)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise ConfigError(f"{path}: not a mask of the optics ({error}); delete the file") from error
    if optics.sha256 != about["sha256"]:
        raise ConfigError(f"{path}: changed since it was written; delete the file")
    return optics
