"""Records of realistic inspections, built in a line each."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np

from qc_daemon.domain.composition import Composition, Evidence, FibreShare
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.inspection import Acquisition, Conclusion, Defect, ModelVersion, Specimen
from qc_daemon.domain.label import parse_label
from qc_daemon.domain.rules import TOLERANCES
from qc_daemon.domain.spectrum import (
    InstrumentIdentity,
    Scan,
    ScanConditions,
    ScanSettings,
    WhiteReference,
)
from qc_daemon.domain.verdict import judge

TRIGGERED_AT = datetime(2026, 11, 24, 2, 15, 7, tzinfo=UTC)
NANO = InstrumentIdentity("nirscan-nano", "DLP NIRscan Nano EVM", "6460027", "2.1.0")
CAMERA = InstrumentIdentity("mjpeg-camera", "Microscope camera", "127.0.0.1:41873", "")
WAVELENGTH_NM = np.linspace(901.3, 1700.4, 228)
FULL_SCALE = float(2**23)


def a_scan(absorbance=None, **changes):
    """A scan whose absorbance against `a_white` is the given curve."""
    curve = cotton_polyester() if absorbance is None else absorbance
    counts = 4.1e5 * 10.0 ** -np.asarray(curve) + 1800.0
    scan = Scan(
        raw=b"tpl" + counts.astype("<i4").tobytes(),
        raw_format="nirscan-nano",
        serial=NANO.serial,
        wavelength_nm=WAVELENGTH_NM,
        counts=counts,
        dark_counts=np.full(228, 1800.0),
        full_scale_counts=FULL_SCALE,
        settings=ScanSettings("Column 1", 6, 64),
        conditions=ScanConditions(31.4, 29.9, 34.6, 3812),
    )
    return replace(scan, **changes)


def a_white(**changes):
    white = WhiteReference(
        id="01935c1e-3c52-7d1c-9f1e-8a2f5f2f5a01",
        source="tile",
        tile_id="PTFE-07",
        scan=a_scan(np.zeros(228)),
        tile_reflectance=np.ones(228),
        instrument=NANO,
        taken_at=TRIGGERED_AT - timedelta(minutes=12.4),
    )
    return replace(white, **changes)


def a_specimen(label="cotton 60 polyester 40", **changes):
    specimen = Specimen("S-2026-1124-0042", "L26-1107", "R-0318", 42.5, parse_label(label) if label else None)
    return replace(specimen, **changes)


def an_acquisition(**changes):
    acquisition = Acquisition(
        id="01935c29-77aa-7c40-8a4e-0d1f6b7c9e10",
        specimen=a_specimen(),
        spectrometer=NANO,
        scan=a_scan(),
        white=a_white(),
        camera_expected=True,
        frame=a_frame(),
        triggered_at=TRIGGERED_AT,
        triggered_monotonic_s=1000.0,
        acquire_seconds=2.9,
    )
    return replace(acquisition, **changes)


def a_composition(shares, **changes):
    """A composition from {fibre: (percent, lo, hi)}; the first fibre is the main one."""
    edges = np.linspace(900.0, 1700.0, 17)
    weights = np.exp(-(((edges[:-1] - 1475.0) / 90.0) ** 2)) + 0.5 * np.exp(
        -(((edges[:-1] - 1175.0) / 50.0) ** 2)
    )
    kept = np.zeros((4, 6), bool)
    kept[1:3, 1:4] = kept[0, 4] = True
    composition = Composition(
        shares=tuple(FibreShare(name, *figures) for name, figures in shares.items()),
        main_fibre=next(iter(shares)),
        novelty=0.83,
        novelty_limit=2.4,
        basis="conventional regain",
        interval_coverage=0.9,
        evidence=Evidence(kept.astype(np.float32), kept, edges, weights / weights.sum()),
    )
    return replace(composition, **changes)


def a_conclusion(shares=None, label="cotton 60 polyester 40", findings=(), **changes):
    """A conclusion drawn by the real judge from shares, label and findings."""
    composition = a_composition(shares) if shares else None
    tolerance = TOLERANCES["GB/T 29862-2013"]
    conclusion = Conclusion(
        id="01935c29-7b01-7f3a-b6cd-9c6f0a1b2c3d",
        acquisition_id="01935c29-77aa-7c40-8a4e-0d1f6b7c9e10",
        composition=composition,
        cleaned=a_cleaned_image(),
        defects=(),
        tolerance=tolerance,
        verdict=judge(composition, parse_label(label) if label else None, tolerance, findings),
        models=(
            ModelVersion("composition", "isic-net", "4f1c0b7a9d2e" + "0" * 52),
            ModelVersion("image_cleaner", "fsr", "1.2"),
            ModelVersion("defect_detector", "texture-residual", "1.0"),
        ),
        software_version="0.1.0",
        concluded_at=TRIGGERED_AT + timedelta(seconds=4.2),
        infer_seconds=0.31,
    )
    return replace(conclusion, **changes)


PASSING = {
    "cotton": (60.9, 57.6, 63.9), "polyester": (38.6, 36.0, 41.7), "wool": (0.3, 0.0, 1.1),
    "nylon": (0.2, 0.0, 0.9), "acrylic": (0.0, 0.0, 0.6), "acetate": (0.0, 0.0, 0.4),
}  # fmt: skip
FAILING = {
    "cotton": (44.1, 41.0, 47.3), "polyester": (47.7, 44.2, 50.8), "nylon": (8.0, 5.6, 10.9),
    "wool": (0.2, 0.0, 1.0), "acrylic": (0.0, 0.0, 0.6), "acetate": (0.0, 0.0, 0.4),
}  # fmt: skip
UNDECIDED = {
    "cotton": (64.3, 60.8, 67.9), "polyester": (35.2, 31.7, 38.8), "wool": (0.3, 0.0, 1.1),
    "nylon": (0.2, 0.0, 0.9), "acrylic": (0.0, 0.0, 0.6), "acetate": (0.0, 0.0, 0.4),
}  # fmt: skip


def a_passed_inspection():
    return an_acquisition(), a_conclusion(PASSING)


def a_failed_inspection():
    defects = (
        Defect("hole", 380, 60, 70, 64, 0.0183, 0.94, "major"),
        Defect("stain", 60, 300, 120, 80, 0.0401, 0.71, "minor"),
    )
    without_filling = {**FAILING, "cotton": (46.8, 43.0, 50.1), "polyester": (45.0, 41.1, 48.6)}
    uncleaned = a_composition(without_filling).shares
    return an_acquisition(), a_conclusion(FAILING, defects=defects, uncleaned=uncleaned)


def an_undecided_inspection():
    return an_acquisition(), a_conclusion(UNDECIDED)


def cotton_polyester():
    """An absorbance with the overtone bands of cellulose (1490 nm) and polyester (1130, 1660 nm)."""
    bands = (
        (1130, 18, 0.05),
        (1200, 35, 0.06),
        (1410, 30, 0.08),
        (1490, 60, 0.26),
        (1580, 45, 0.15),
        (1660, 16, 0.17),
    )
    curve = 0.10 + 0.00012 * (WAVELENGTH_NM - 900.0)
    return curve + sum(h * np.exp(-(((WAVELENGTH_NM - c) / w) ** 2)) for c, w, h in bands)


def a_micrograph(height=480, width=640, seed=1):
    """(height, width, 3) a plain weave with sensor noise."""
    y, x = np.mgrid[:height, :width]
    weave = np.where(((x // 24) + (y // 24)) % 2, np.sin(x * np.pi / 24) ** 2, np.sin(y * np.pi / 24) ** 2)
    grey = 96 + 84 * weave + np.random.default_rng(seed).normal(0, 5, (height, width))
    return np.clip(grey[..., None] * [0.98, 0.94, 0.85], 0, 255).astype(np.uint8)


def a_frame(pixels=None):
    picture = a_micrograph() if pixels is None else pixels
    encoded = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
    return Frame(encoded, picture, 1.85, CAMERA, TRIGGERED_AT + timedelta(seconds=0.4), 1000.4, 0)


def a_cleaned_image(pixels=None):
    """The micrograph with two pieces of debris masked and filled grey."""
    original = a_micrograph() if pixels is None else pixels
    mask = np.zeros(original.shape[:2], np.uint8)
    height, width = mask.shape
    cv2.ellipse(mask, (width // 3, height // 3), (width // 14, height // 20), 30, 0, 360, 1, -1)
    points = np.array([[0.55, 0.8], [0.7, 0.72], [0.86, 0.78]]) * (width, height)
    cv2.polylines(mask, [points.astype(np.int32)], False, 1, 7)
    debris = mask.astype(bool)
    return CleanedImage(
        original, np.where(debris[..., None], 128, original).astype(np.uint8), debris, 1.85, "fsr 1.2"
    )
