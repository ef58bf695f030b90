"""Records for the storage tests, two stand-in decoders, and an equality that looks into arrays."""

import dataclasses
import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.calibration import CheckKind, CheckRun, CheckValue, DarkReference
from qc_daemon.domain.composition import Composition, Evidence, FibreShare
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.inspection import Acquisition, Conclusion, Defect, ModelVersion, Specimen
from qc_daemon.domain.label import DeclaredLabel, parse_label
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import TOLERANCES, Tolerance
from qc_daemon.domain.spectrum import (
    InstrumentIdentity,
    Scan,
    ScanConditions,
    ScanSettings,
    WhiteReference,
)
from qc_daemon.domain.verdict import Verdict, judge
from storage.blobs import BlobStore
from storage.facts import Decoders, accept
from storage.inspection_store import SqlInspectionStore, open_store
from storage.journal import EntryName, Journal
from storage.journal_entry import encode_facts

SPECTROMETER = InstrumentIdentity("nirscan-nano", "NIRscan Nano", "6100023", "2.1.0")
CAMERA = InstrumentIdentity("mjpeg-camera", "MS-5", "CAM-7", "1.3")
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
GB_TOLERANCE = TOLERANCES["GB/T 29862-2013"]


def new_id() -> str:
    """A fresh UUID; its version does not matter to storage."""
    return str(uuid.uuid4())


def decode_scan(raw: bytes) -> Scan:
    """Decode the scan format of these tests: JSON, padded with spaces to the size of a real scan."""
    fields = json.loads(raw)
    return Scan(
        raw=raw,
        raw_format="plain-json",
        serial=fields["serial"],
        wavelength_nm=np.array(fields["wavelength_nm"]),
        counts=np.array(fields["counts"]),
        dark_counts=np.array(fields["dark_counts"]),
        full_scale_counts=fields["full_scale_counts"],
        settings=ScanSettings(*fields["settings"]),
        conditions=ScanConditions(*fields["conditions"]),
    )


def decode_image(encoded: bytes, name: str) -> NDArray[np.uint8]:
    """Decode a PNG or JPEG to (height, width, 3) RGB."""
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert pixels is not None, name
    return np.asarray(pixels, np.uint8)


DECODERS = Decoders({"plain-json": decode_scan}, decode_image)


def station_store(folder: Path, **options: Any) -> SqlInspectionStore:
    """The store of a station with the decoders of these tests; open it with `with`."""
    return open_store(folder, options.pop("url", None), {"plain-json": decode_scan}, decode_image, **options)


def scan(seed: int = 0, serial: str = SPECTROMETER.serial, raw_bytes: int = 3822) -> Scan:
    """A scan of 60 bands whose raw form has `raw_bytes` bytes."""
    random = np.random.default_rng(seed)
    fields = {
        "serial": serial,
        "wavelength_nm": np.linspace(900.0, 1700.0, 60).round(2).tolist(),
        "counts": random.uniform(1000, 60000, 60).round(1).tolist(),
        "dark_counts": random.uniform(10, 90, 60).round(1).tolist(),
        "full_scale_counts": 65535.0,
        "settings": ["hadamard", 6, 64],
        "conditions": [31.5, 24.25, 40.0, 812],
    }
    return decode_scan(json.dumps(fields).encode().ljust(raw_bytes))


def white_reference(seed: int = 100, **changes: Any) -> WhiteReference:
    """A white reference from a tile, taken half an hour before noon."""
    fields: dict[str, Any] = {
        "id": new_id(),
        "source": "tile",
        "tile_id": "PTFE-12",
        "scan": scan(seed),
        "tile_reflectance": np.random.default_rng(seed).uniform(0.95, 0.99, 60),
        "instrument": SPECTROMETER,
        "taken_at": NOON - timedelta(minutes=30),
    }
    return WhiteReference(**fields | changes)


def dark_reference(seed: int = 200, **changes: Any) -> DarkReference:
    """A scan for its dark level, taken ten minutes before noon."""
    fields: dict[str, Any] = {
        "id": new_id(),
        "scan": scan(seed),
        "instrument": SPECTROMETER,
        "taken_at": NOON - timedelta(minutes=10),
    }
    return DarkReference(**fields | changes)


def check_run(white: WhiteReference, **changes: Any) -> CheckRun:
    """A wavelength check five minutes before noon: one peak a quarter of a nm off, one not found."""
    fields: dict[str, Any] = {
        "id": new_id(),
        "kind": CheckKind.WAVELENGTH,
        "standard_id": "REO-1",
        "scan": scan(300),
        "white_id": white.id,
        "instrument": SPECTROMETER,
        "done_at": NOON - timedelta(minutes=5),
        "values": (
            CheckValue(1000.0, 1000.0, 1000.25, ""),
            CheckValue(1200.0, 1200.0, None, "not found"),
        ),
    }
    return CheckRun(**fields | changes)


def frame(seed: int = 0, height: int = 24, width: int = 32, **changes: Any) -> Frame:
    """A noisy PNG frame."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    done, encoded = cv2.imencode(".png", pixels[..., ::-1])
    assert done
    fields: dict[str, Any] = {
        "encoded": bytes(encoded),
        "pixels": pixels,
        "um_per_pixel": 1.7,
        "camera": CAMERA,
        "captured_at": NOON + timedelta(milliseconds=120),
        "captured_monotonic_s": 1000.12,
        "repeats": 0,
    }
    return Frame(**fields | changes)


def specimen(**changes: Any) -> Specimen:
    """A specimen of lot L1, roll R1, declared cotton 60 polyester 40."""
    fields: dict[str, Any] = {
        "id": "S-1",
        "lot": "L1",
        "roll": "R1",
        "position_m": 12.5,
        "label": parse_label("cotton 60 polyester 40"),
    }
    return Specimen(**fields | changes)


def acquisition(seed: int = 0, **changes: Any) -> Acquisition:
    """An acquisition with a white reference and a frame."""
    fields: dict[str, Any] = {
        "id": new_id(),
        "specimen": specimen(),
        "spectrometer": SPECTROMETER,
        "scan": scan(seed),
        "white": white_reference(),
        "camera_expected": True,
        "frame": frame(seed),
        "triggered_at": NOON,
        "triggered_monotonic_s": 1000.0,
        "acquire_seconds": 0.8,
    }
    return Acquisition(**fields | changes)


def composition(cotton: float = 60.0, half_width: float = 2.0, **changes: Any) -> Composition:
    """Cotton and polyester with intervals of `half_width` percentage points to each side."""
    shares = tuple(
        FibreShare(name, share, max(0.0, share - half_width), min(100.0, share + half_width))
        for name, share in (("cotton", cotton), ("polyester", 100.0 - cotton))
    )
    random = np.random.default_rng(3)
    fields: dict[str, Any] = {
        "shares": shares,
        "main_fibre": "cotton",
        "novelty": 1.25,
        "novelty_limit": 3.0,
        "basis": "as labelled, percent by mass",
        "interval_coverage": 0.9,
        "evidence": Evidence(
            region_scores=random.random((3, 4), np.float32),
            region_kept=random.random((3, 4)) > 0.5,
            window_edges_nm=np.linspace(900, 1700, 6),
            window_weights=np.full(5, 0.2, np.float32),
        ),
    }
    return Composition(**fields | changes)


def cleaned(image: Frame, seed: int = 0) -> CleanedImage:
    """The frame with some pixels filled in another colour."""
    mask = np.random.default_rng(seed).random(image.pixels.shape[:2]) > 0.8
    pixels = image.pixels.copy()
    pixels[mask] = 255 - pixels[mask]
    return CleanedImage(image.pixels, pixels, mask, image.um_per_pixel, "fsr 1")


def conclusion(about: Acquisition, **changes: Any) -> Conclusion:
    """A conclusion judged by the domain's own rule; `verdict` follows from the composition."""
    answer = changes.pop("composition", composition())
    tolerance: Tolerance = changes.get("tolerance", GB_TOLERANCE)
    fields: dict[str, Any] = {
        "id": new_id(),
        "acquisition_id": about.id,
        "composition": answer,
        "cleaned": cleaned(about.frame) if about.frame else None,
        "defects": (
            Defect("hole", 3, 4, 5, 6, 0.02, 0.91, "major"),
            Defect("slub", 9, 1, 4, 2, 0.01, 0.6, "minor"),
        ),
        "tolerance": tolerance,
        "verdict": judge(answer, about.specimen.label, tolerance, ()),
        "models": (ModelVersion("composition", "isic-7", "ab" * 32), ModelVersion("cleaner", "fsr", "1")),
        "software_version": "0.1.0",
        "concluded_at": NOON + timedelta(seconds=2),
        "infer_seconds": 0.31,
    }
    return Conclusion(**fields | changes)


def refusal(about: Acquisition, **changes: Any) -> Conclusion:
    """A conclusion without composition: the scan was saturated."""
    finding = Reason(ReasonCode.SATURATED, "", 99.5, 98.0)
    verdict: Verdict = judge(None, about.specimen.label, GB_TOLERANCE, (finding,))
    fields: dict[str, Any] = {
        "composition": None,
        "cleaned": None,
        "defects": (),
        "verdict": verdict,
        "models": (),
    }
    return conclusion(about, **fields | changes)


def unlabelled(**changes: Any) -> Specimen:
    """A specimen whose label is not known."""
    no_label: DeclaredLabel | None = None
    return specimen(label=no_label, **changes)


def waiting(station: Path, about: Acquisition, number: int) -> Path:
    """The journal file of an acquisition that is accepted, as a crash before its rows leaves it."""
    journal = Journal(station / "journal", station / "quarantine")
    return journal.begin(accept(about, number, NOON), BlobStore(station / "blobs"))()


def waiting_since_before(station: Path, about: Acquisition, number: int) -> Path:
    """The journal file of an acquisition that older software accepted: it holds the contents itself."""
    entry = accept(about, number, NOON)
    parts = [encode_facts(entry.facts)[:-32]]
    for content in entry.contents.values():
        parts += [len(content).to_bytes(8), content]
    body = b"".join(parts)
    path = station / "journal" / str(EntryName(number, about.id))
    path.write_bytes(body + hashlib.sha256(body).digest())
    return path


def same(first: Any, second: Any) -> bool:
    """Tell whether two records are equal, arrays by dtype and value included."""
    if type(first) is not type(second):
        return False
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second)
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if dataclasses.is_dataclass(first):
        return all(
            same(getattr(first, field.name), getattr(second, field.name))
            for field in dataclasses.fields(first)
        )
    return bool(first == second)
