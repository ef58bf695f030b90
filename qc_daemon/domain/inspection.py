"""The records of one inspection: what was asked, what the instruments said, what was made of it."""

from dataclasses import dataclass
from datetime import datetime

from qc_daemon.domain.composition import Composition, FibreShare
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.rules import Tolerance
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan, WhiteReference
from qc_daemon.domain.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Specimen:
    """A piece of fabric: identity, where on which roll of which lot it lies, and its label."""

    id: str
    lot: str
    roll: str
    position_m: float
    label: DeclaredLabel | None


@dataclass(frozen=True, slots=True, eq=False)
class Acquisition:
    """What the instruments said of one specimen. A fact: written once, never changed.

    Attributes:
        id: UUIDv7 text.
        white: the white reference that was valid at the time, if there was one.
        camera_expected: whether the station has a camera; then a missing frame is a fault.
        frame: the micrograph, or None if there is no camera or it did not deliver.
        triggered_monotonic_s: seconds of the station's monotonic clock at the trigger.
    """

    id: str
    specimen: Specimen
    spectrometer: InstrumentIdentity
    scan: Scan
    white: WhiteReference | None
    camera_expected: bool
    frame: Frame | None
    triggered_at: datetime
    triggered_monotonic_s: float
    acquire_seconds: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """The promise for an acquisition: its number on this station, and when its bytes were on disk."""

    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Defect:
    """A fault of the fabric seen in the micrograph; box in pixels of the frame.

    Attributes:
        kind: class of the catalogue ("hole", "stain", "slub").
        confidence: 0..1.
        severity: "minor" or "major".
    """

    kind: str
    x_px: int
    y_px: int
    width_px: int
    height_px: int
    area_mm2: float
    confidence: float
    severity: str


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """Which model took part: its role ("composition"), name, and SHA-256 of its files or code version."""

    role: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True, eq=False)
class Conclusion:
    """What one set of models and one tolerance made of an acquisition. An opinion: can be drawn again.

    Attributes:
        id: UUIDv7 text.
        composition: None when a finding forbade to infer.
        cleaned: None when there is no usable frame.
        infer_seconds: time from the stored acquisition to the verdict.
        uncleaned: the shares had nothing been filled; empty if nothing was, or nothing could be inferred.
        settings: text of the `JudgeSettings` that it was drawn by; empty in those of software before.
    """

    id: str
    acquisition_id: str
    composition: Composition | None
    cleaned: CleanedImage | None
    defects: tuple[Defect, ...]
    tolerance: Tolerance
    verdict: Verdict
    models: tuple[ModelVersion, ...]
    software_version: str
    concluded_at: datetime
    infer_seconds: float
    settings: str = ""
    uncleaned: tuple[FibreShare, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report on disk: path, language ("zh", "en", "both") and SHA-256 of its bytes."""

    path: str
    language: str
    sha256: str
