"""An acquisition as it is kept: every fact in plain values, every content by its SHA-256.

`accept` turns what the instruments said into facts and contents; `restore` decodes it anew. The
journal and the database hold the same facts, so either can give an acquisition back.
"""

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.errors import InputError, StoreUnavailable
from qc_daemon.domain.image import Frame
from qc_daemon.domain.inspection import Acquisition, Specimen
from qc_daemon.domain.label import DeclaredFibre, DeclaredLabel
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan, WhiteReference
from storage.timestamps import in_utc

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REFLECTANCE_DTYPE = np.dtype("<f8")

ReadContent = Callable[[str], bytes]
"""Returns the content of a SHA-256, or raises IntegrityError."""


@dataclass(frozen=True, slots=True)
class ReferenceFacts:
    """A white reference; the raw scan and the tile's reflectance (little-endian float64) by hash."""

    id: str
    source: str
    tile_id: str
    raw_format: str
    scan_sha256: str
    tile_reflectance_sha256: str
    instrument: InstrumentIdentity
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """A camera frame; its encoded bytes by hash."""

    image_sha256: str
    width_px: int
    height_px: int
    um_per_pixel: float
    camera: InstrumentIdentity
    captured_at: datetime
    captured_monotonic_s: float
    repeats: int


@dataclass(frozen=True, slots=True)
class AcquisitionFacts:
    """An accepted acquisition: its station number, when it was accepted, what was measured."""

    number: int
    accepted_at: datetime
    id: str
    specimen: Specimen
    spectrometer: InstrumentIdentity
    raw_format: str
    scan_sha256: str
    white: ReferenceFacts | None
    camera_expected: bool
    frame: FrameFacts | None
    triggered_at: datetime
    triggered_monotonic_s: float
    acquire_seconds: float


@dataclass(frozen=True, slots=True)
class AcceptedEntry:
    """Facts, and contents that they name, by SHA-256."""

    facts: AcquisitionFacts
    contents: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Decoders:
    """How stored bytes become counts and pixels.

    Attributes:
        scans: one per raw format, from the bytes of a scan.
        image: from encoded bytes and their name in messages to (height, width, 3) uint8 RGB.
    """

    scans: Mapping[str, Callable[[bytes], Scan]]
    image: Callable[[bytes, str], NDArray[np.uint8]]


def accept(acquisition: Acquisition, number: int, accepted_at: datetime) -> AcceptedEntry:
    """Return the facts and all contents of an acquisition.

    Raises:
        InputError: its id is not a UUID, or a figure is not a finite number.
    """
    scan, white, frame = acquisition.scan, acquisition.white, acquisition.frame
    facts = AcquisitionFacts(
        number=number,
        accepted_at=in_utc(accepted_at),
        id=_uuid(acquisition.id),
        specimen=_specimen_facts(acquisition.specimen),
        spectrometer=acquisition.spectrometer,
        raw_format=scan.raw_format,
        scan_sha256=content_sha256(scan.raw),
        white=reference_facts(white) if white else None,
        camera_expected=bool(acquisition.camera_expected),
        frame=_frame_facts(frame) if frame else None,
        triggered_at=in_utc(acquisition.triggered_at),
        triggered_monotonic_s=_finite(acquisition.triggered_monotonic_s, "triggered_monotonic_s"),
        acquire_seconds=_finite(acquisition.acquire_seconds, "acquire_seconds"),
    )
    contents = {facts.scan_sha256: scan.raw}
    if white and facts.white:
        contents |= zip(_reference_hashes(facts.white), reference_contents(white), strict=True)
    if frame and facts.frame:
        contents[facts.frame.image_sha256] = frame.encoded
    return AcceptedEntry(facts, contents)


def content_hashes(facts: AcquisitionFacts) -> tuple[str, ...]:
    """Return the SHA-256 of each content that facts name."""
    return (
        facts.scan_sha256,
        *(_reference_hashes(facts.white) if facts.white else ()),
        *([facts.frame.image_sha256] if facts.frame else ()),
    )


def content_sha256(content: bytes) -> str:
    """Return the SHA-256 that a content is kept under, in hex."""
    return hashlib.sha256(content).hexdigest()


def reference_facts(white: WhiteReference) -> ReferenceFacts:
    """Return the facts of a white reference; `reference_contents` has its bytes."""
    raw, reflectance = reference_contents(white)
    return ReferenceFacts(
        id=white.id,
        source=white.source,
        tile_id=white.tile_id,
        raw_format=white.scan.raw_format,
        scan_sha256=content_sha256(raw),
        tile_reflectance_sha256=content_sha256(reflectance),
        instrument=white.instrument,
        taken_at=in_utc(white.taken_at),
    )


def reference_contents(white: WhiteReference) -> tuple[bytes, bytes]:
    """Return the raw scan and the tile's reflectance as little-endian float64."""
    return white.scan.raw, white.tile_reflectance.astype(_REFLECTANCE_DTYPE).tobytes()


def restore(facts: AcquisitionFacts, read: ReadContent, decoders: Decoders) -> Acquisition:
    """Return the acquisition that `accept` took, decoded anew from its contents.

    Raises:
        IntegrityError: a content is missing or damaged.
        StoreUnavailable: no decoder is known for its raw format.
    """
    return Acquisition(
        id=facts.id,
        specimen=facts.specimen,
        spectrometer=facts.spectrometer,
        scan=_decoded_scan(facts.raw_format, read(facts.scan_sha256), decoders),
        white=restore_reference(facts.white, read, decoders) if facts.white else None,
        camera_expected=facts.camera_expected,
        frame=_restored_frame(facts.frame, read, decoders) if facts.frame else None,
        triggered_at=facts.triggered_at,
        triggered_monotonic_s=facts.triggered_monotonic_s,
        acquire_seconds=facts.acquire_seconds,
    )


def restore_reference(facts: ReferenceFacts, read: ReadContent, decoders: Decoders) -> WhiteReference:
    """Return a white reference, decoded anew from its contents; raises as `restore` does."""
    return WhiteReference(
        id=facts.id,
        source=facts.source,
        tile_id=facts.tile_id,
        scan=_decoded_scan(facts.raw_format, read(facts.scan_sha256), decoders),
        tile_reflectance=np.frombuffer(read(facts.tile_reflectance_sha256), _REFLECTANCE_DTYPE),
        instrument=facts.instrument,
        taken_at=facts.taken_at,
    )


def _reference_hashes(white: ReferenceFacts) -> tuple[str, str]:
    return white.scan_sha256, white.tile_reflectance_sha256


def _uuid(text: str) -> str:
    """Return `text`, which becomes part of a file name, if it is a UUID in its usual form."""
    if _UUID.fullmatch(text) is None:
        raise InputError(f"acquisition id is {text!a}; expected a UUID in lower case")
    return text


def _specimen_facts(specimen: Specimen) -> Specimen:
    label = specimen.label
    if label is not None:
        fibres = tuple(
            DeclaredFibre(line.fibre, _finite(line.percent, f"declared {line.fibre}"))
            for line in label.fibres
        )
        label = DeclaredLabel(label.text, fibres)
    position_m = _finite(specimen.position_m, "position_m")
    return Specimen(specimen.id, specimen.lot, specimen.roll, position_m, label)


def _frame_facts(frame: Frame) -> FrameFacts:
    height_px, width_px, _ = frame.pixels.shape
    return FrameFacts(
        image_sha256=content_sha256(frame.encoded),
        width_px=width_px,
        height_px=height_px,
        um_per_pixel=_finite(frame.um_per_pixel, "um_per_pixel"),
        camera=frame.camera,
        captured_at=in_utc(frame.captured_at),
        captured_monotonic_s=_finite(frame.captured_monotonic_s, "captured_monotonic_s"),
        repeats=int(frame.repeats),
    )


def _restored_frame(facts: FrameFacts, read: ReadContent, decoders: Decoders) -> Frame:
    encoded = read(facts.image_sha256)
    return Frame(
        encoded=encoded,
        pixels=decoders.image(encoded, f"image {facts.image_sha256}"),
        um_per_pixel=facts.um_per_pixel,
        camera=facts.camera,
        captured_at=facts.captured_at,
        captured_monotonic_s=facts.captured_monotonic_s,
        repeats=facts.repeats,
    )


def _decoded_scan(raw_format: str, raw: bytes, decoders: Decoders) -> Scan:
    decode = decoders.scans.get(raw_format)
    if decode is None:
        known = ", ".join(sorted(decoders.scans)) or "none"
        raise StoreUnavailable(f'no decoder for scans of format "{raw_format}"; known: {known}')
    return decode(raw)


def _finite(value: float, name: str) -> float:
    """Return `value` as a float that a database gives back unchanged: finite, and no -0.0."""
    if not math.isfinite(value):
        raise InputError(f"{name} is {value}; expected a finite number")
    return float(value) + 0.0
