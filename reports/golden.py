"""An inspection made up to try templates with: long names, five fibres, many reasons, defects, debris.

What can be laid out with it can be laid out with what a line measures.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np

from qc_daemon.domain.calibration import CheckKind
from qc_daemon.domain.composition import Composition, Evidence, FibreShare
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.inspection import Acquisition, Conclusion, Defect, ModelVersion, Specimen
from qc_daemon.domain.label import parse_label
from qc_daemon.domain.ledger import LedgerHead
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import TOLERANCES
from qc_daemon.domain.spectrum import (
    VIRTUAL_SERIAL,
    InstrumentIdentity,
    Scan,
    ScanConditions,
    ScanSettings,
    WhiteReference,
)
from qc_daemon.domain.surroundings import (
    NOTHING_KNOWN,
    CheckState,
    InspectedPosition,
    SignedBy,
    Surroundings,
)
from qc_daemon.domain.verdict import Outcome, judge

_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_NANO = InstrumentIdentity("nirscan-nano", "NIRscan Nano", VIRTUAL_SERIAL, "1.0")
_CAMERA = InstrumentIdentity("folder", "Images", "golden", "1.0")
GOLDEN_LABEL = parse_label("cotton 50 polyester 30 nylon 10 wool 6 acrylic 4")
GOLDEN_SHARES = (
    FibreShare("cotton", 47.0, 44.0, 50.0),
    FibreShare("polyester", 33.0, 29.0, 37.0),
    FibreShare("nylon", 11.0, 8.0, 14.0),
    FibreShare("wool", 5.5, 3.0, 8.0),
    FibreShare("acrylic", 3.5, 1.0, 6.0),
)
_UNCLEANED = (
    FibreShare("cotton", 46.0, 43.0, 49.0),
    FibreShare("polyester", 34.0, 30.0, 38.0),
    *GOLDEN_SHARES[2:],
)
_WAVELENGTH_NM = np.linspace(900.0, 1700.0, 160)


def golden_inspection() -> tuple[Acquisition, Conclusion, Surroundings]:
    """Return facts, opinion and surroundings of the made-up inspection; always the same."""
    acquisition = _acquisition()
    return acquisition, _conclusion(acquisition), _surroundings()


def bare_inspection() -> tuple[Acquisition, Conclusion, Surroundings]:
    """Return an inspection without all that a certificate can do without: image, reference, label, shares."""
    acquisition = _acquisition()
    specimen = Specimen("S", "", "", 0.0, None)
    bare = replace(acquisition, specimen=specimen, white=None, camera_expected=False, frame=None)
    rule = TOLERANCES["GB/T 29862-2013"]
    conclusion = replace(
        _conclusion(acquisition),
        composition=None,
        cleaned=None,
        defects=(),
        verdict=judge(None, None, rule, (Reason(ReasonCode.NO_REFERENCE),)),
        uncleaned=(),
    )
    return bare, conclusion, NOTHING_KNOWN


def _acquisition() -> Acquisition:
    specimen = Specimen("SPECIMEN-2026-0001-OF-A-LONG-NAME", "LOT-2026-01", "ROLL-7", 12.5, GOLDEN_LABEL)
    white = WhiteReference(
        "00000000-0000-7000-8000-000000000001", "tile", "WHITE-1", _scan(0.0),
        np.ones(len(_WAVELENGTH_NM)), _NANO, _AT - timedelta(minutes=20),
    )  # fmt: skip
    return Acquisition(
        id="00000000-0000-7000-8000-000000000002",
        specimen=specimen,
        spectrometer=_NANO,
        scan=_scan(0.4),
        white=white,
        camera_expected=True,
        frame=_frame(),
        triggered_at=_AT,
        triggered_monotonic_s=1.0,
        acquire_seconds=1.0,
    )


def _scan(depth: float) -> Scan:
    curve = depth * (0.4 + np.exp(-(((_WAVELENGTH_NM - 1450.0) / 60.0) ** 2)))
    counts = 1000.0 + 4.0e5 * 10.0**-curve
    return Scan(
        raw=counts.tobytes(),
        raw_format="golden",
        serial=_NANO.serial,
        wavelength_nm=_WAVELENGTH_NM,
        counts=counts,
        dark_counts=np.full(len(_WAVELENGTH_NM), 1000.0),
        full_scale_counts=8.0e6,
        settings=ScanSettings("Column 1", 6, 16),
        conditions=ScanConditions(30.0, 28.0, 40.0, 3000),
    )


def _frame() -> Frame:
    y, x = np.mgrid[:360, :480]
    grey = (130 + 60 * np.sin(x / 4.0) * np.sin(y / 4.0)).astype(np.uint8)
    pixels = np.repeat(grey[..., None], 3, axis=2)
    done, encoded = cv2.imencode(".png", pixels)
    assert done, "a uint8 array always encodes"
    return Frame(encoded.tobytes(), pixels, 2.0, _CAMERA, _AT, 1.1, 0)


def _conclusion(acquisition: Acquisition) -> Conclusion:
    assert acquisition.frame is not None, "made above"
    pixels = acquisition.frame.pixels
    mask = np.zeros(pixels.shape[:2], np.bool_)
    mask[100:130, 200:260] = True
    edges = np.linspace(900.0, 1700.0, 17)
    kept = np.ones((3, 3), np.bool_)
    evidence = Evidence(kept.astype(np.float32), kept, edges, np.full(16, 1 / 16, np.float32))
    composition = Composition(GOLDEN_SHARES, "cotton", 0.5, 1.0, "conventional regain", 0.9, evidence)
    rule = TOLERANCES["GB/T 29862-2013"]
    return Conclusion(
        id="00000000-0000-7000-8000-000000000003",
        acquisition_id=acquisition.id,
        composition=composition,
        cleaned=CleanedImage(pixels, pixels, mask, 2.0, "golden"),
        defects=tuple(
            Defect("stain", 10 + 30 * n, 20 + 20 * n, 25, 20, 0.002, 0.8, "minor") for n in range(14)
        ),
        tolerance=rule,
        verdict=judge(composition, acquisition.specimen.label, rule, ()),
        models=(ModelVersion("composition", "golden", "0" * 64),),
        software_version="0",
        concluded_at=_AT + timedelta(seconds=2),
        infer_seconds=0.2,
        uncleaned=_UNCLEANED,
    )


def _surroundings() -> Surroundings:
    return Surroundings(
        checks=(CheckState(CheckKind.TILE, _AT - timedelta(hours=2), True),),
        positions=tuple(
            InspectedPosition(number, 2.5 * number, Outcome.PASS if number % 2 else Outcome.REFER)
            for number in range(1, 6)
        ),
        ledger=LedgerHead(7, "0" * 64),
        signatures=(SignedBy("Golden Name", "approved", _AT + timedelta(minutes=5)),),
    )
