"""Puts together what knows of dirt on the camera's optics, now and when a conclusion was drawn.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from collections.abc import Sequence

import structlog

from qc_daemon.config import Config
from qc_daemon.domain.errors import ConfigError, StoreUnavailable
from qc_daemon.domain.flat_field import FlatField
from qc_daemon.domain.inspection import ModelVersion
from qc_daemon.domain.optics import ROLE, OpticsMask
from qc_daemon.domain.ports import OpticsDirtFinder
from qc_daemon.optics_watch import OpticsCare
from qc_daemon.wiring.cameras import calibration_folder

log = structlog.get_logger()


def optics_care(config: Config, flat: FlatField | None) -> OpticsCare:
    """Return what it takes to watch the optics of a station's camera."""

    def new_finder() -> OpticsDirtFinder:
        from models.optics_dirt import OpticsDirtFinder as Finder

        return Finder(blank=flat.white - flat.dark if flat is not None else None)

    def keep(optics: OpticsMask) -> None:
        from instruments.camera.optics_files import save_optics

        try:
            save_optics(calibration_folder(config), optics)
        except OSError as error:
            raise StoreUnavailable(f"the mask of the optics cannot be kept: {error.strerror}") from error

    return OpticsCare(new_finder, keep)


def known_dirt(config: Config) -> OpticsMask | None:
    """Return the dirt that was found last; None if none ever was, or the file of it is damaged."""
    from instruments.camera.optics_files import newest_optics

    try:
        return newest_optics(calibration_folder(config))
    except ConfigError as error:
        log.warning("dirt on the optics is found anew", error=str(error))
        return None


def dirt_known_to(config: Config, models: Sequence[ModelVersion]) -> OpticsMask | None:
    """Return the dirt that a conclusion drawn by these models knew of; None if of none, or it is lost."""
    from instruments.camera.optics_files import optics_of

    digest = next((model.digest for model in models if model.role == ROLE), None)
    return optics_of(calibration_folder(config), digest) if digest is not None else None
