"""Builders of valid records; a test changes only what it is about."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from qc_daemon.domain.composition import Composition, Evidence, FibreShare
from qc_daemon.domain.image import Frame
from qc_daemon.domain.inspection import Acquisition, Specimen
from qc_daemon.domain.label import parse_label
from qc_daemon.domain.spectrum import (
    InstrumentIdentity,
    Scan,
    ScanConditions,
    ScanSettings,
    WhiteReference,
)

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NANO = InstrumentIdentity("nirscan-nano", "NIRscan Nano", "6460024", "2.1.0")
AXIS_NM = np.linspace(900.0, 1700.0, 20)


def a_scan(net_counts: Any = 100_000.0, **changes: Any) -> Scan:
    """Return a scan whose dark level is 1000 counts."""
    axis_nm = changes.pop("wavelength_nm", AXIS_NM)
    dark = np.full(len(axis_nm), 1000.0)
    scan = Scan(
        raw=b"raw",
        raw_format="nirscan-nano",
        serial=NANO.serial,
        wavelength_nm=axis_nm,
        counts=dark + net_counts,
        dark_counts=dark,
        full_scale_counts=2.0**23,
        settings=ScanSettings("Column 1", 6, 64),
        conditions=ScanConditions(31.0, 29.0, 35.0, 3800),
    )
    return replace(scan, **changes)


def a_white(scan: Scan | None = None, **changes: Any) -> WhiteReference:
    """Return a tile reading of 200,000 net counts taken at noon."""
    scan = scan or a_scan(200_000.0)
    white = WhiteReference("white-1", "tile", "tile-1", scan, np.ones(len(scan.wavelength_nm)), NANO, NOON)
    return replace(white, **changes)


def a_frame(pixels: Any = None, **changes: Any) -> Frame:
    """Return a frame of sharp patches, coarser than noise, captured 0.1 s after the trigger at 100 s."""
    if pixels is None:
        patches = np.kron(np.random.default_rng(1).integers(60, 200, (16, 16, 1)), np.ones((4, 4, 1)))
        pixels = np.repeat(patches, 3, axis=2).astype(np.uint8)
    camera = InstrumentIdentity("folder-camera", "folder", "cam-1", "1")
    return replace(Frame(b"png", pixels, 1.0, camera, NOON, 100.1, 0), **changes)


def an_acquisition(**changes: Any) -> Acquisition:
    """Return an acquisition of a cotton/polyester specimen without camera."""
    acquisition = Acquisition(
        id="019aaaaa-0000-7000-8000-000000000001",
        specimen=Specimen("S-1", "LOT-1", "R-1", 1.5, parse_label("cotton 60 polyester 40")),
        spectrometer=NANO,
        scan=a_scan(),
        white=a_white(),
        camera_expected=False,
        frame=None,
        triggered_at=NOON,
        triggered_monotonic_s=100.0,
        acquire_seconds=0.5,
    )
    return replace(acquisition, **changes)


def a_composition(shares: dict[str, tuple[float, float, float]], **changes: Any) -> Composition:
    """Return a composition of {fibre: (lo, percent, hi)}."""
    evidence = Evidence(
        np.zeros((0, 0), np.float32),
        np.zeros((0, 0), bool),
        np.array([900.0, 1700.0]),
        np.ones(1, np.float32),
    )
    composition = Composition(
        shares=tuple(FibreShare(name, percent, lo, hi) for name, (lo, percent, hi) in shares.items()),
        main_fibre=max(shares, key=lambda name: shares[name][1]),
        novelty=0.1,
        novelty_limit=1.0,
        basis="as labelled, percent by mass",
        interval_coverage=0.9,
        evidence=evidence,
    )
    return replace(composition, **changes)
