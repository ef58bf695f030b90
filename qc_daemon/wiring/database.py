"""Which database a station has, and what opens it.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qc_daemon.config import Config
from qc_daemon.domain.spectrum import Scan
from qc_daemon.wiring.spectrometers import scan_decoders

if TYPE_CHECKING:
    from storage.inspection_reader import SqlInspectionReader
    from storage.inspection_store import SqlInspectionStore


def open_store(config: Config) -> "SqlInspectionStore":
    """Return the store of a station; enter it to be the one that writes."""
    from storage.inspection_store import open_store

    return open_store(config.station.folder, server_url(config), *decoders())


def open_inspections(config: Config) -> "SqlInspectionReader":
    """Return what reads a station, also while its daemon writes; enter it to read."""
    from storage.inspection_reader import open_inspections

    return open_inspections(config.station.folder, server_url(config), *decoders())


def decoders() -> tuple[Mapping[str, Callable[[bytes], Scan]], Callable[[bytes, str], NDArray[np.uint8]]]:
    """Return what decodes stored scans, by their raw format, and stored images."""
    from instruments.camera.image_codec import decode_image

    return scan_decoders(), decode_image


def url_of(config: Config) -> str:
    """Return the URL of a station's database, whichever it is; it may hold a password."""
    from storage.database_url import database_url
    from storage.station_folder import StationFolder

    return server_url(config) or database_url(StationFolder(config.station.folder).database)


def server_url(config: Config) -> str | None:
    """Return the URL of the server that keeps a station's rows; None if a file in its folder does."""
    if config.storage is None:
        return None
    from storage.database_url import with_password

    file = config.storage.password_file
    password = None if file is None else file.read_text(encoding="utf-8").strip()
    return with_password(config.storage.url, password)
