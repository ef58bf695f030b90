"""Watches for dirt on the camera's optics, which lies at the same place in every frame."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from qc_daemon.alarms import Alarms
from qc_daemon.domain.errors import StoreUnavailable
from qc_daemon.domain.optics import OpticsMask, came_or_went, optics_mask
from qc_daemon.domain.ports import OpticsDirtFinder
from qc_daemon.domain.spectrum import InstrumentIdentity
from qc_daemon.pipeline import Inspection, Judges

log = structlog.get_logger()

# Above this share of the field the optics want cleaning; the alarm ends below half of it.
ALARM_PERCENT = 0.5
# Looking for dirt costs more than remembering a frame, and one frame more hardly ever tells more.
_LOOK_EVERY = 8


@dataclass(frozen=True, slots=True)
class OpticsCare:
    """What it takes to watch a camera's optics.

    Attributes:
        new_finder: begins to watch a camera.
        keep: puts a mask where it is found again, after a restart and to replay a conclusion.
    """

    new_finder: Callable[[], OpticsDirtFinder]
    keep: Callable[[OpticsMask], None]


class OpticsWatch:
    """Follows what lies on the optics from one inspection to the next.

    Args:
        care: what it takes.
        alarms: hear when the optics want cleaning.
    """

    def __init__(self, care: OpticsCare, alarms: Alarms) -> None:
        self._care = care
        self._alarms = alarms
        self._finder = care.new_finder()
        self._camera: tuple[str, str] | None = None
        self._unseen = 0

    def seen(self, judges: Judges, inspection: Inspection) -> Judges:
        """Take an inspection in; return the judges, with another mask if dirt came or went."""
        frame = inspection.acquisition.frame
        if frame is None or inspection.conclusion.cleaned is None:
            return judges  # no frame, or one that the gates refused
        self._watch(frame.camera)
        self._unseen += self._finder.add(frame.pixels)
        if self._unseen < _LOOK_EVERY:
            return judges
        self._unseen = 0
        dirt = self._finder.find()
        if dirt is None:
            return judges
        found = optics_mask(dirt, frame.camera, frame.captured_at)
        known = judges.optics if judges.optics is not None and judges.optics.fits(frame) else None
        if not (came_or_went(known.mask, found.mask) if known is not None else found.mask.any()):
            return judges
        log.warning("dirt on the optics came or went", percent=round(found.percent, 2), frames=dirt.frames)
        self.tell(found)
        try:
            self._care.keep(found)
        except StoreUnavailable as error:
            log.warning("the mask of the optics is not used, for it cannot be kept", error=str(error))
            return judges
        return replace(judges, optics=found)

    def tell(self, optics: OpticsMask | None) -> None:
        """Raise the alarm if so much is covered, or clear it."""
        percent = optics.percent if optics is not None else 0.0
        if optics is not None and percent > ALARM_PERCENT:
            self._alarms.raise_alarm(
                "optics",
                f"dirt covers {percent:.1f} % of the field of camera {optics.camera_serial}, "
                f"limit {ALARM_PERCENT:g} %",
            )
        elif percent < 0.5 * ALARM_PERCENT:
            self._alarms.clear("optics")

    def _watch(self, camera: InstrumentIdentity) -> None:
        """Begin anew with another camera, whose optics are others."""
        identity = (camera.kind, camera.serial)
        if self._camera not in (None, identity):
            self._finder, self._unseen = self._care.new_finder(), 0
        self._camera = identity
