"""The story of one inspection.

Facts are on disk before any model runs; what the models make of them is an opinion beside the
facts. An acquisition without a conclusion is UNDECIDED, so a crash never looks like a pass.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.calibration import CalibrationStanding
from qc_daemon.domain.composition import Composition, FibreShare
from qc_daemon.domain.errors import InstrumentError
from qc_daemon.domain.flat_field import FlatField, corrected, unfit
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.inspection import Acquisition, Conclusion, ModelVersion, ReportFile, Specimen
from qc_daemon.domain.judge_settings import JudgeSettings
from qc_daemon.domain.optics import OpticsMask
from qc_daemon.domain.ports import (
    Clock,
    CompositionPredictor,
    DefectDetector,
    ImageCleaner,
    InspectionStore,
    MicroscopeCamera,
    NirSpectrometer,
    ReportWriter,
)
from qc_daemon.domain.quality import (
    FrameLimits,
    ScanLimits,
    assess_cleaned,
    assess_clocks,
    assess_frame,
    assess_scan,
    assess_spectrum,
)
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.reference_validity import ReferenceLimits, reference_validity
from qc_daemon.domain.rules import Tolerance
from qc_daemon.domain.spectrum import (
    InstrumentIdentity,
    Scan,
    Spectrum,
    WhiteReference,
    absorbance_spectrum,
)
from qc_daemon.domain.transfer import Transfer, transferred
from qc_daemon.domain.verdict import judge

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Judges:
    """Everything that turns facts into an opinion; swapping it never touches the facts.

    `transfer` makes spectra look like those of another unit before anything is inferred, if there is one;
    `flat_field` makes the light of a micrograph even before anything looks at it, if there is one;
    `optics` says which pixels show dirt on the camera's optics, if that is known;
    `runtime` names what computes the networks, which decides whether an answer comes out bit for bit alike.
    """

    cleaner: ImageCleaner
    predictor: CompositionPredictor
    defect_detector: DefectDetector
    tolerance: Tolerance
    scan_limits: ScanLimits
    reference_limits: ReferenceLimits
    transfer: Transfer | None
    flat_field: FlatField | None
    frame_limits: FrameLimits
    software_version: str
    clock: Clock
    new_id: Callable[[], str]
    runtime: str = ""
    optics: OpticsMask | None = None

    @property
    def settings(self) -> JudgeSettings:
        """What a conclusion is drawn by beside its models and its rule."""
        return JudgeSettings(self.scan_limits, self.reference_limits, self.frame_limits, self.runtime)


@dataclass(frozen=True, slots=True)
class Station:
    """The instruments, the judges and the store of one line."""

    spectrometer: NirSpectrometer
    camera: MicroscopeCamera | None
    judges: Judges
    store: InspectionStore


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """One inspection up to its stored conclusion, with the seconds that storing took."""

    number: int
    accepted_at: datetime
    acquisition: Acquisition
    conclusion: Conclusion
    accept_seconds: float
    record_seconds: float


def inspect_specimen(station: Station, specimen: Specimen) -> Inspection:
    """Measure, store and judge one specimen."""
    clock, store = station.judges.clock, station.store
    acquisition = acquire(station, specimen)
    # The raw data is safe before any model runs.
    accepted, accept_seconds = _timed(clock, lambda: store.add_acquisition(acquisition))
    standing = store.calibration_standing(acquisition.spectrometer.serial, acquisition.triggered_at)
    conclusion = conclude(station.judges, acquisition, standing)
    _, record_seconds = _timed(clock, lambda: store.add_conclusion(accepted.number, conclusion))
    return Inspection(accepted.number, accepted.at, acquisition, conclusion, accept_seconds, record_seconds)


def certify(
    judges: Judges,
    store: InspectionStore,
    writer: ReportWriter,
    number: int,
    acquisition: Acquisition,
    conclusion: Conclusion,
) -> tuple[ReportFile, float]:
    """Write the certificate of a stored conclusion, record it, and return it with the seconds it took.

    Raises:
        ReportFailed: the renderer failed; the stored conclusion is not touched by that.
    """

    def write() -> ReportFile:
        report = writer.write(number, acquisition, conclusion)
        store.add_report(number, conclusion.id, report)
        return report

    return _timed(judges.clock, write)


def acquire(station: Station, specimen: Specimen) -> Acquisition:
    """Ask the instruments about a specimen.

    A camera that fails costs the micrograph, not the measurement.

    Raises:
        InstrumentError: the spectrometer failed; there is nothing to keep.
    """
    clock = station.judges.clock
    triggered_at, triggered_monotonic_s = clock.now(), clock.monotonic_s()
    scan = station.spectrometer.measure()
    identity = station.spectrometer.identity
    return Acquisition(
        id=station.judges.new_id(),
        specimen=specimen,
        spectrometer=identity,
        scan=scan,
        white=station.store.current_reference(identity.serial),
        camera_expected=station.camera is not None,
        frame=_frame_or_none(station.camera, triggered_monotonic_s),
        triggered_at=triggered_at,
        triggered_monotonic_s=triggered_monotonic_s,
        acquire_seconds=clock.monotonic_s() - triggered_monotonic_s,
    )


def conclude(judges: Judges, acquisition: Acquisition, standing: CalibrationStanding) -> Conclusion:
    """Draw a conclusion from stored facts: calibrate, gate, clean, infer, find defects, judge.

    Args:
        judges: who draws it.
        acquisition: what was measured.
        standing: what the store knew of the spectrometer when it measured.
    """
    started_s = judges.clock.monotonic_s()
    spectrum, scan_findings = _spectrum_of_unit(judges, acquisition, standing)
    cleaned, image_findings = _cleaned_image(judges, acquisition)
    measurable = cleaned if not image_findings else None
    composition = judges.predictor.predict(spectrum, measurable) if spectrum is not None else None
    outside = _outside_validity(judges, acquisition, spectrum, composition)
    defects = judges.defect_detector.find(measurable) if measurable is not None else ()
    findings = scan_findings + standing.held_back + image_findings + outside
    return Conclusion(
        id=judges.new_id(),
        acquisition_id=acquisition.id,
        composition=composition,
        cleaned=_as_photographed(cleaned, acquisition.frame),
        defects=defects,
        tolerance=judges.tolerance,
        verdict=judge(composition, acquisition.specimen.label, judges.tolerance, findings),
        models=_models(judges, acquisition.frame),
        software_version=judges.software_version,
        concluded_at=judges.clock.now(),
        infer_seconds=judges.clock.monotonic_s() - started_s,
        settings=judges.settings.text(),
        uncleaned=_uncleaned_shares(judges, spectrum, measurable),
    )


def glance(station: Station) -> Spectrum | None:
    """Return the absorbance of what lies in front of the spectrometer now; None if nothing can be read.

    It is not kept: it only says whether there is something to inspect.

    Raises:
        InstrumentError: the spectrometer failed.
    """
    scan, identity = station.spectrometer.measure(), station.spectrometer.identity
    white = station.store.current_reference(identity.serial)
    judges = station.judges
    spectrum, _ = _calibrated(judges, scan, white, identity, judges.clock.now(), CalibrationStanding())
    return spectrum


def _spectrum_of_unit(
    judges: Judges, acquisition: Acquisition, standing: CalibrationStanding
) -> tuple[Spectrum | None, tuple[Reason, ...]]:
    """Return the absorbance to infer from, or None, and everything that is to be said of it."""
    instrument = acquisition.spectrometer
    spectrum, findings = _calibrated(
        judges, acquisition.scan, acquisition.white, instrument, acquisition.triggered_at, standing
    )
    transfer = judges.transfer
    if transfer is None:
        return spectrum, findings
    if transfer.source_serial != instrument.serial:
        return None, (*findings, Reason(ReasonCode.TRANSFER_OTHER_INSTRUMENT, transfer.source_serial))
    return transferred(spectrum, transfer) if spectrum is not None else None, findings


def _calibrated(
    judges: Judges,
    scan: Scan,
    white: WhiteReference | None,
    instrument: InstrumentIdentity,
    at: datetime,
    standing: CalibrationStanding,
) -> tuple[Spectrum | None, tuple[Reason, ...]]:
    validity = reference_validity(
        white, scan, instrument, at, standing.reconnected_at, judges.reference_limits
    )
    clocks = assess_clocks(scan, at, judges.scan_limits)
    findings = [*assess_scan(scan, judges.scan_limits), *validity.reasons, *clocks]
    if white is None or any(finding.blocks_inference for finding in findings):
        return None, tuple(findings)
    spectrum = absorbance_spectrum(scan, white)
    unusable = tuple(assess_spectrum(spectrum, judges.scan_limits))
    return (None if unusable else spectrum), (*findings, *unusable)


def _uncleaned_shares(
    judges: Judges, spectrum: Spectrum | None, image: CleanedImage | None
) -> tuple[FibreShare, ...]:
    """Return the shares had nothing been filled: what cleaning changed must be there to be seen."""
    if spectrum is None or image is None or not image.debris_mask.any():
        return ()
    nothing = np.zeros_like(image.debris_mask)
    uncleaned = CleanedImage(image.original, image.original, nothing, image.um_per_pixel, "none")
    return judges.predictor.predict(spectrum, uncleaned).shares


def _models(judges: Judges, frame: Frame | None) -> tuple[ModelVersion, ...]:
    models = [judges.cleaner.version, judges.predictor.version, judges.defect_detector.version]
    transfer, flat = judges.transfer, judges.flat_field
    if transfer is not None:
        name = f"{transfer.source_serial} as {transfer.target_serial}: {transfer.method}"
        models.append(ModelVersion("transfer", name, transfer.digest))
    if flat is not None:
        name = f"{flat.camera.serial}, {flat.taken_at:%Y-%m-%d %H:%M:%S} UTC"
        models.append(ModelVersion("flat_field", name, flat.sha256))
    if judges.optics is not None and _on_optics(judges, frame) is not None:
        models.append(judges.optics.version)
    return tuple(models)


def _on_optics(judges: Judges, frame: Frame | None) -> NDArray[np.bool_] | None:
    """Return (height, width) where a frame shows dirt on the optics; None if it shows none that is known."""
    optics = judges.optics
    known = optics is not None and frame is not None and optics.fits(frame) and optics.mask.any()
    return optics.mask if optics is not None and known else None


def _as_photographed(cleaned: CleanedImage | None, frame: Frame | None) -> CleanedImage | None:
    """Return a cleaned image on the frame's own pixels: what is stored beside it is mask and fill alone."""
    if cleaned is None or frame is None:
        return None
    pixels = frame.pixels.copy()
    pixels[cleaned.debris_mask] = cleaned.pixels[cleaned.debris_mask]
    return replace(cleaned, original=frame.pixels, pixels=pixels)


def _outside_validity(
    judges: Judges, acquisition: Acquisition, spectrum: Spectrum | None, composition: Composition | None
) -> tuple[Reason, ...]:
    if spectrum is None or composition is None:
        return ()
    label, spectrometer = acquisition.specimen.label, acquisition.spectrometer
    return judges.predictor.outside_validity(spectrum, composition, label, spectrometer)


def _cleaned_image(
    judges: Judges, acquisition: Acquisition
) -> tuple[CleanedImage | None, tuple[Reason, ...]]:
    frame = acquisition.frame
    if frame is None:
        missing = (Reason(ReasonCode.IMAGE_MISSING),) if acquisition.camera_expected else ()
        return None, missing
    findings = tuple(assess_frame(frame, acquisition.triggered_monotonic_s, judges.frame_limits))
    if findings:
        return None, findings
    why_not = unfit(judges.flat_field, frame) if judges.flat_field else None
    if why_not is not None:
        return None, (Reason(ReasonCode.FLAT_FIELD_UNFIT, why_not),)
    even = replace(frame, pixels=corrected(frame.pixels, judges.flat_field)) if judges.flat_field else frame
    cleaned = judges.cleaner.clean(even, _on_optics(judges, frame))
    return cleaned, tuple(assess_cleaned(cleaned, judges.frame_limits))


def _frame_or_none(camera: MicroscopeCamera | None, triggered_monotonic_s: float) -> Frame | None:
    if camera is None:
        return None
    try:
        return camera.frame_after(triggered_monotonic_s)
    except InstrumentError:
        return None  # a gate says so and the verdict is REFER


def _timed(clock: Clock, action: Callable[[], T]) -> tuple[T, float]:
    started_s = clock.monotonic_s()
    result = action()
    return result, clock.monotonic_s() - started_s
