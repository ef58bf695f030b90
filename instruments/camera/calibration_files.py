"""Flat fields and scales on disk: one file each, never overwritten; the newest one counts."""

import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np

from qc_daemon.domain.errors import ConfigError
from qc_daemon.domain.flat_field import FlatField
from qc_daemon.domain.pixel_scale import PixelScale
from qc_daemon.domain.spectrum import InstrumentIdentity

_MOMENT = "%Y%m%dT%H%M%S%fZ"  # sorts as text


def save_flat_field(folder: Path, flat: FlatField) -> Path:
    """Write a flat field; return its path."""
    about = {
        "camera": asdict(flat.camera),
        "frames": flat.frames,
        "taken_at": flat.taken_at.isoformat(),
        "sha256": flat.sha256,
    }
    path = folder / f"flat-{flat.taken_at.strftime(_MOMENT)}-{flat.sha256[:12]}.npz"
    folder.mkdir(parents=True, exist_ok=True)
    with _whole(path).open("wb") as file:
        np.savez_compressed(file, white=flat.white, dark=flat.dark, about=np.array(json.dumps(about)))
    return _put(path)


def newest_flat_field(folder: Path) -> FlatField | None:
    """Return the flat field that was taken last; None if there is none.

    Raises:
        ConfigError: its file is damaged.
    """
    path = max(folder.glob("flat-*.npz"), default=None)
    if path is None:
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
            flat = FlatField(
                white=arrays["white"],
                dark=arrays["dark"],
                camera=InstrumentIdentity(**about["camera"]),
                frames=about["frames"],
                taken_at=datetime.fromisoformat(about["taken_at"]),
            )
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise ConfigError(f"{path}: not a flat field ({error}); take it anew or delete the file") from error
    if flat.sha256 != about["sha256"]:
        raise ConfigError(f"{path}: changed since it was written; take it anew or delete the file")
    return flat


def save_scale(folder: Path, scale: PixelScale) -> Path:
    """Write the size of a pixel; return its path."""
    path = folder / f"scale-{scale.taken_at.strftime(_MOMENT)}.json"
    folder.mkdir(parents=True, exist_ok=True)
    document = {**asdict(scale), "taken_at": scale.taken_at.isoformat()}
    _whole(path).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return _put(path)


def all_scales(folder: Path) -> Sequence[PixelScale]:
    """Return every scale that was measured, oldest first.

    Raises:
        ConfigError: a file is damaged.
    """
    return [_read_scale(path) for path in sorted(folder.glob("scale-*.json"))]


def _read_scale(path: Path) -> PixelScale:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return PixelScale(**{**document, "taken_at": datetime.fromisoformat(document["taken_at"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: not a scale ({error}); measure it anew or delete the file") from error


def _whole(path: Path) -> Path:
    """Where a file is written before it gets its name, so that no half one ever has it."""
    return path.with_name(path.name + ".part")


def _put(path: Path) -> Path:
    os.replace(_whole(path), path)  # noqa: PTH105 - Path.replace reads as if it replaced text
    return path
