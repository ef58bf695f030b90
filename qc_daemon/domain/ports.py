"""What the story needs of the outer world, in the words of an inspection."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.alarms import Alarm
from qc_daemon.domain.calibration import (
    CalibrationStanding,
    CheckKind,
    CheckRun,
    ControlReset,
    DarkReference,
    WavelengthStandard,
)
from qc_daemon.domain.composition import Composition
from qc_daemon.domain.control_charts import ChartPoint
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.inspection import (
    Accepted,
    Acquisition,
    Conclusion,
    Defect,
    ModelVersion,
    ReportFile,
    Specimen,
)
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.ledger import LedgerHead
from qc_daemon.domain.line import Cue, LineHealth, NoVerdict, StationState
from qc_daemon.domain.optics import OpticsDirt
from qc_daemon.domain.reasons import Reason
from qc_daemon.domain.spectrum import (
    InstrumentIdentity,
    ReflectanceTile,
    Scan,
    ScanConditions,
    Spectrum,
    WhiteReference,
)

# Measures what lies in front of the spectrometer now, without keeping it; None if nothing can be read.
Look = Callable[[], Spectrum | None]


class Clock(Protocol):
    """Two clocks: UTC for people, monotonic for intervals and order."""

    def now(self) -> datetime:
        """Return the aware UTC time."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds that never run backwards."""
        ...


class NirSpectrometer(Protocol):
    """A NIR spectrometer, opened by its context manager.

    Every method raises `InstrumentError` when the device does not answer as it should.
    """

    @property
    def identity(self) -> InstrumentIdentity:
        """The device that answered when the link was opened."""
        ...

    def measure(self) -> Scan:
        """Measure one averaged scan: detector counts over wavelength in nm."""
        ...

    def factory_reference(self) -> Scan | None:
        """Return the white reference scan that the maker stored in the device; None if it holds none."""
        ...

    def conditions(self) -> ScanConditions:
        """Ask for temperatures and the like without a scan; so it shows that it is still there.

        The lamp is asked only if it is on between scans.
        """
        ...


class MicroscopeCamera(Protocol):
    """A microscope camera, opened by its context manager."""

    @property
    def identity(self) -> InstrumentIdentity:
        """The camera and, for a network camera, where it is."""
        ...

    def frame_after(self, monotonic_s: float) -> Frame:
        """Return the first whole frame captured after that moment of the monotonic clock.

        Raises:
            InstrumentError: no such frame came in time.
        """
        ...

    def is_live(self) -> bool:
        """Tell, without taking a frame, whether new pictures come; False if it is frozen.

        Raises:
            InstrumentError: none came in the last seconds.
        """
        ...


class Line(Protocol):
    """What brings fabric, and perhaps tiles and a standard, in front of the instruments."""

    def next_specimen(self) -> Specimen | None:
        """Return the specimen that now lies there; None if the line has no more."""
        ...

    def show_white_tile(self) -> ReflectanceTile | None:
        """Put the white tile in front of the spectrometer; None if this line cannot."""
        ...

    def show_grey_tile(self) -> ReflectanceTile | None:
        """Put the grey tile there; None if this line cannot."""
        ...

    def show_wavelength_standard(self) -> WavelengthStandard | None:
        """Put the wavelength standard there; None if this line cannot."""
        ...


class Trigger(Protocol):
    """What says when to inspect, and hears what came of it.

    A device that fails is this object's own business: it looks for it again, says so in `health`, and
    never raises `InstrumentError` nor holds up the measurement.
    """

    @property
    def ended(self) -> bool:
        """Whether nothing more will ever come."""
        ...

    @property
    def health(self) -> LineHealth:
        """How the device is, and what it did so far."""
        ...

    def next_cue(self, look: Look, timeout_s: float, /) -> Cue | None:
        """Wait for a specimen; None if none came in time. A trigger without a device may `look`."""
        ...

    def answer(self, cue: Cue, conclusion: Conclusion) -> None:
        """Tell the line the verdict on what it announced."""
        ...

    def refuse(self, cue: Cue, why: NoVerdict) -> None:
        """Tell the line that there is no verdict on what it announced."""
        ...

    def announce(self, state: StationState) -> None:
        """Tell the line what the station is doing."""
        ...

    def show_alarms(self, word: int, /) -> None:
        """Tell the line of the active alarms, as `qc_daemon.domain.alarms.alarm_word` packs them."""
        ...


class ImageCleaner(Protocol):
    """Finds debris in a frame and fills it."""

    @property
    def version(self) -> ModelVersion:
        """What did the cleaning."""
        ...

    def clean(self, frame: Frame, on_optics: NDArray[np.bool_] | None = None) -> CleanedImage:
        """Return the frame with its debris filled and the mask; known pixels bit-identical.

        Args:
            frame: to clean.
            on_optics: (height, width) what is to be filled besides, for it shows the camera's own dirt.
        """
        ...


class OpticsDirtFinder(Protocol):
    """Watches the frames of one camera and tells what never moves."""

    def add(self, pixels: NDArray[np.uint8]) -> bool:
        """Look at (height, width, 3) RGB; return whether it shows another view than the one before."""
        ...

    def find(self) -> OpticsDirt | None:
        """Return what is on the optics; None if the frames are too few, or too alike, to tell."""
        ...


class CompositionPredictor(Protocol):
    """Infers fibre shares from a spectrum and, if there is one, a micrograph."""

    @property
    def version(self) -> ModelVersion:
        """The checkpoint that answers, by the digest of its folder."""
        ...

    def predict(self, spectrum: Spectrum, image: CleanedImage | None) -> Composition:
        """Return shares, intervals, class, novelty and evidence. Deterministic."""
        ...

    def outside_validity(
        self,
        spectrum: Spectrum,
        composition: Composition,
        label: DeclaredLabel | None,
        spectrometer: InstrumentIdentity,
    ) -> tuple[Reason, ...]:
        """Return why an answer must not decide: what lies outside the range that the model was made for."""
        ...


class DefectDetector(Protocol):
    """Finds faults of the fabric."""

    @property
    def version(self) -> ModelVersion:
        """What looked for defects."""
        ...

    def find(self, image: CleanedImage) -> tuple[Defect, ...]:
        """Return the defects; pixels that were filled never count as one."""
        ...


class ReferenceStore(Protocol):
    """Keeps white references and what was known of their instruments."""

    def add_reference(self, reference: WhiteReference) -> None:
        """Store a white reference; from now on it is the valid one for its instrument."""
        ...

    def current_reference(self, serial: str) -> WhiteReference | None:
        """Return the newest white reference of an instrument."""
        ...

    def calibration_standing(self, serial: str, at: datetime) -> CalibrationStanding:
        """Return what was known of a spectrometer at a moment, from rows that stay."""
        ...


class InspectionStore(ReferenceStore, Protocol):
    """Keeps facts and opinions. One process writes."""

    @property
    def accepting(self) -> bool:
        """Whether acquisitions can still be accepted; False after the journal failed, until a restart."""
        ...

    def drain(self) -> int:
        """Bring what waits in the journal into the database, in order; return how many still wait."""
        ...

    def add_acquisition(self, acquisition: Acquisition) -> Accepted:
        """Accept an acquisition: on return its bytes are on disk. Returns its station number and time."""
        ...

    def add_conclusion(self, number: int, conclusion: Conclusion) -> None:
        """Store a conclusion beside the acquisition; nothing is overwritten."""
        ...

    def add_report(self, number: int, conclusion_id: str, report: ReportFile) -> None:
        """Record a report that was written for a conclusion."""
        ...

    def add_reconnection(self, serial: str, at: datetime) -> None:
        """Record that a spectrometer was lost and found again."""
        ...

    def add_event(self, code: str, subject: str, message: str, at: datetime) -> None:
        """Record that something happened to the station or one of its instruments."""
        ...

    def unconcluded(self) -> Sequence[int]:
        """Return the numbers of accepted acquisitions without a conclusion, oldest first."""
        ...

    def unreported(self) -> Sequence[int]:
        """Return the numbers of acquisitions whose current conclusion has no report, oldest first."""
        ...

    def ledger_head(self) -> LedgerHead:
        """Return the newest entry of the ledger: its hash stands for everything recorded so far."""
        ...

    def accepted_as(self, specimen_id: str) -> int | None:
        """Return the newest number under which a specimen was accepted; None if it never was."""
        ...

    def newest_of_lot(self, lot: str, count: int) -> Sequence[int]:
        """Return the numbers of the last acquisitions of a lot, newest first."""
        ...

    def load_acquisition(self, number: int) -> Acquisition:
        """Return an acquisition, decoded anew from its stored bytes."""
        ...

    def load_conclusion(self, number: int) -> Conclusion:
        """Return the current (newest) conclusion of an acquisition."""
        ...


class AlarmStore(Protocol):
    """Keeps the history of alarms; each change is a row."""

    def active_alarms(self) -> Sequence[Alarm]:
        """Return the alarms that came and did not go yet, oldest first."""
        ...

    def raise_alarm(self, code: str, subject: str, message: str, at: datetime) -> None:
        """Record that an alarm came, unless it is active already."""
        ...

    def acknowledge_alarm(self, code: str, subject: str, who: str, why: str, at: datetime) -> None:
        """Record who took an active alarm on."""
        ...

    def escalate_alarm(self, code: str, subject: str, who: str, why: str, at: datetime) -> None:
        """Record that an active alarm needs more help than it got."""
        ...

    def clear_alarm(self, code: str, subject: str, at: datetime) -> None:
        """Record that an alarm went, if it is active."""
        ...


class CalibrationStore(ReferenceStore, Protocol):
    """Keeps what a spectrometer was calibrated and checked with."""

    def add_dark(self, dark: DarkReference) -> None:
        """Store a scan taken for its dark level."""
        ...

    def add_check(self, run: CheckRun) -> None:
        """Store a check; from now on it says whether its instrument is in control."""
        ...

    def reset_control(self, reset: ControlReset) -> None:
        """Store a person's word that an instrument may be trusted; its charts begin anew."""
        ...

    def chart(
        self, serial: str, kind: CheckKind, standard_id: str, position_nm: float
    ) -> tuple[ChartPoint, ...]:
        """Return the residuals of one chart since the last reset, oldest first."""
        ...


class ReportWriter(Protocol):
    """Turns records into a document."""

    def write(self, number: int, acquisition: Acquisition, conclusion: Conclusion) -> ReportFile:
        """Write the certificate of one inspection and return where it is."""
        ...
