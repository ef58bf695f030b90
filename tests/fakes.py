"""Fakes for time and failures. Each keeps the promises of the port that it stands for."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import numpy as np
from builders import NANO, NOON, a_composition, a_scan

from qc_daemon.domain.alarms import Alarm
from qc_daemon.domain.calibration import CalibrationStanding
from qc_daemon.domain.composition import Composition
from qc_daemon.domain.errors import StoreUnavailable
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
from qc_daemon.domain.label import DeclaredLabel, parse_label
from qc_daemon.domain.ledger import LedgerHead
from qc_daemon.domain.quality import FrameLimits, ScanLimits
from qc_daemon.domain.reasons import Reason
from qc_daemon.domain.reference_validity import ReferenceLimits
from qc_daemon.domain.rules import TOLERANCES
from qc_daemon.domain.spectrum import (
    InstrumentIdentity,
    ReflectanceTile,
    Scan,
    ScanConditions,
    Spectrum,
    WhiteReference,
)
from qc_daemon.pipeline import Judges


class FakeClock:
    """A clock that moves 1 ms at each look, so that nothing waits for ever."""

    def __init__(self) -> None:
        self.utc = NOON
        self.elapsed_s = 100.0

    def now(self) -> datetime:
        return self.utc

    def monotonic_s(self) -> float:
        self.elapsed_s += 0.001
        return self.elapsed_s

    def advance(self, seconds: float) -> None:
        self.utc += timedelta(seconds=seconds)
        self.elapsed_s += seconds


class FakeSpectrometer:
    """Answers each `measure` with the next of `answers`: net counts, or an error to raise."""

    def __init__(self, answers: Sequence[float | Exception] = (), identity: InstrumentIdentity = NANO):
        self.identity = identity
        self._answers = list(answers)
        self.measured = 0
        self.factory_read = 0

    def measure(self) -> Scan:
        self.measured += 1
        answer = self._answers.pop(0) if self._answers else 100_000.0
        if isinstance(answer, Exception):
            raise answer
        return a_scan(answer)

    def factory_reference(self) -> Scan:
        self.factory_read += 1
        return a_scan(200_000.0)

    def conditions(self) -> ScanConditions:
        return ScanConditions()


class FakeCamera:
    """Answers with a frame, or raises the error it was given."""

    identity = InstrumentIdentity("fake-camera", "fake", "cam-1", "1")

    def __init__(self, answer: Frame | Exception) -> None:
        self._answer = answer

    def frame_after(self, monotonic_s: float) -> Frame:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def is_live(self) -> bool:
        return self.frame_after(0.0).repeats == 0


class FakeLine:
    """Brings `count` specimens, and a white tile if it has one."""

    def __init__(self, count: int, has_tile: bool = True) -> None:
        self._left = count
        self._has_tile = has_tile
        self.tiles_shown = 0
        self.brought = 0

    def next_specimen(self) -> Specimen | None:
        if self._left == 0:
            return None
        self._left -= 1
        self.brought += 1
        return Specimen(f"S-{self.brought}", "LOT-1", "R-1", 0.0, parse_label("cotton 60 polyester 40"))

    def show_white_tile(self) -> ReflectanceTile | None:
        if not self._has_tile:
            return None
        self.tiles_shown += 1
        return ReflectanceTile("tile-1", np.array([800.0, 1800.0]), np.array([1.0, 1.0]))

    def show_grey_tile(self) -> None:
        return None

    def show_wavelength_standard(self) -> None:
        return None


class MemoryStore:
    """Keeps everything in memory; `database_down` and `journal_broken` are failures to switch on."""

    def __init__(self) -> None:
        self.acquisitions: dict[int, Acquisition] = {}
        self.conclusions: dict[int, list[Conclusion]] = {}
        self.reports: dict[int, ReportFile] = {}
        self.references: list[WhiteReference] = []
        self.standing = CalibrationStanding()
        self.database_down = False
        self.journal_broken = False
        self.alarms: dict[str, str] = {}
        self.alarm_changes: list[tuple[str, str, str, str]] = []
        self.events: list[tuple[str, str, str]] = []

    @property
    def accepting(self) -> bool:
        return not self.journal_broken

    def drain(self) -> int:
        self._require_database()
        return 0

    def add_acquisition(self, acquisition: Acquisition) -> Accepted:
        if self.journal_broken:
            raise StoreUnavailable("the journal cannot be written")
        number = len(self.acquisitions) + 1
        self.acquisitions[number] = acquisition
        return Accepted(number, NOON)

    def add_conclusion(self, number: int, conclusion: Conclusion) -> None:
        self._require_database()
        self.conclusions.setdefault(number, []).append(conclusion)

    def add_report(self, number: int, conclusion_id: str, report: ReportFile) -> None:
        self._require_database()
        assert conclusion_id == self.conclusions[number][-1].id
        self.reports[number] = report

    def add_reference(self, reference: WhiteReference) -> None:
        self.references.append(reference)

    def current_reference(self, serial: str) -> WhiteReference | None:
        own = [one for one in self.references if one.instrument.serial == serial]
        return own[-1] if own else None

    def calibration_standing(self, serial: str, at: datetime) -> CalibrationStanding:
        return self.standing

    def add_event(self, code: str, subject: str, message: str, at: datetime) -> None:
        self._require_database()
        self.events.append((code, subject, message))

    def add_reconnection(self, serial: str, at: datetime) -> None:
        self._require_database()
        self.standing = CalibrationStanding(at, self.standing.out_of_control)

    def unconcluded(self) -> Sequence[int]:
        self._require_database()
        return [number for number in self.acquisitions if number not in self.conclusions]

    def unreported(self) -> Sequence[int]:
        self._require_database()
        return [number for number in self.conclusions if number not in self.reports]

    def active_alarms(self) -> Sequence[Alarm]:
        return [Alarm(code, "", message, NOON) for code, message in self.alarms.items()]

    def raise_alarm(self, code: str, subject: str, message: str, at: datetime) -> None:
        self._require_database()
        self.alarms[code] = message

    def acknowledge_alarm(self, code: str, subject: str, who: str, why: str, at: datetime) -> None:
        self._require_database()
        self.alarm_changes.append(("acknowledged", code, who, why))

    def escalate_alarm(self, code: str, subject: str, who: str, why: str, at: datetime) -> None:
        self._require_database()
        self.alarm_changes.append(("escalated", code, who, why))

    def clear_alarm(self, code: str, subject: str, at: datetime) -> None:
        self._require_database()
        self.alarms.pop(code, None)

    def ledger_head(self) -> LedgerHead:
        return LedgerHead(1 + len(self.acquisitions), "0" * 64)

    def accepted_as(self, specimen_id: str) -> int | None:
        self._require_database()
        named = [number for number, one in self.acquisitions.items() if one.specimen.id == specimen_id]
        return max(named, default=None)

    def newest_of_lot(self, lot: str, count: int) -> Sequence[int]:
        self._require_database()
        return [n for n, one in reversed(self.acquisitions.items()) if one.specimen.lot == lot][:count]

    def load_acquisition(self, number: int) -> Acquisition:
        return self.acquisitions[number]

    def load_conclusion(self, number: int) -> Conclusion:
        return self.conclusions[number][-1]

    def _require_database(self) -> None:
        if self.database_down:
            raise StoreUnavailable("the database is locked")


class FakeWriter:
    """Writes nothing; raises the errors it was given, one a call."""

    def __init__(self, errors: Sequence[Exception] = ()) -> None:
        self._errors = list(errors)
        self.written: list[int] = []

    def write(self, number: int, acquisition: Acquisition, conclusion: Conclusion) -> ReportFile:
        if self._errors:
            raise self._errors.pop(0)
        self.written.append(number)
        return ReportFile(f"{number}.pdf", "en", "00")


class FakePredictor:
    """Says "cotton 60 polyester 40", exactly; remembers whether it was given an image."""

    version = ModelVersion("composition", "fake", "digest")

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.images: list[CleanedImage | None] = []
        self.outside: tuple[Reason, ...] = ()

    def predict(self, spectrum: Spectrum, image: CleanedImage | None) -> Composition:
        self.images.append(image)
        if self.error is not None:
            raise self.error
        return a_composition({"cotton": (59.0, 60.0, 61.0), "polyester": (39.0, 40.0, 41.0)})

    def outside_validity(
        self,
        spectrum: Spectrum,
        composition: Composition,
        label: DeclaredLabel | None,
        spectrometer: InstrumentIdentity,
    ) -> tuple[Reason, ...]:
        return self.outside


class FakeCleaner:
    """Fills the upper `filled_share` of a frame with nothing changed."""

    version = ModelVersion("image_cleaner", "fake", "digest")

    def __init__(self, filled_share: float = 0.0) -> None:
        self._filled_share = filled_share

    def clean(self, frame: Frame, on_optics=None) -> CleanedImage:
        mask = np.zeros(frame.pixels.shape[:2], bool) if on_optics is None else on_optics.copy()
        mask[: int(self._filled_share * len(mask))] = True
        return CleanedImage(frame.pixels, frame.pixels, mask, frame.um_per_pixel, "fake")


class FakeDetector:
    """Sees one stain in every image."""

    version = ModelVersion("defect_detector", "fake", "digest")

    def find(self, image: CleanedImage) -> tuple[Defect, ...]:
        return (Defect("stain", 1, 1, 2, 2, 0.001, 0.9, "minor"),)


def fake_judges(clock: FakeClock, **changes: object) -> Judges:
    """Return judges that pass everything; a test replaces the one it is about."""
    counter = iter(range(1, 10_000))
    parts: dict[str, object] = {
        "cleaner": FakeCleaner(),
        "predictor": FakePredictor(),
        "defect_detector": FakeDetector(),
        "tolerance": TOLERANCES["GB/T 29862-2013"],
        "scan_limits": ScanLimits(),
        "reference_limits": ReferenceLimits(),
        "transfer": None,
        "flat_field": None,
        "frame_limits": FrameLimits(),
        "software_version": "test",
        "clock": clock,
        "new_id": lambda: f"id-{next(counter)}",
    }
    return Judges(**{**parts, **changes})  # type: ignore[arg-type]


def opening(*sessions: object) -> Callable[[], object]:
    """Return an `open_spectrometer` that gives the sessions in turn; an Exception is raised instead."""
    queue = list(sessions)

    @contextmanager
    def open_spectrometer() -> Iterator[object]:
        session = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(session, Exception):
            raise session
        yield session

    return open_spectrometer
