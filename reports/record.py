"""The record of a certificate: the facts and the opinion as JSON, for machines.

It is attached to the PDF, so a certificate can be read and checked without the station. Keys are
stable; a new key may appear, none is renamed. `schema` counts the breaking changes.
"""

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from qc_daemon.domain.composition import Composition
from qc_daemon.domain.image import Frame
from qc_daemon.domain.inspection import Acquisition, Conclusion
from qc_daemon.domain.spectrum import Scan, Spectrum, WhiteReference, absorbance_spectrum, same_axis
from qc_daemon.domain.surroundings import Surroundings
from reports.shares import as_judged, uncleaned_as_judged

SCHEMA = "textile-qc-certificate/1"
ATTACHMENT_NAME = "certificate.json"


def certificate_record(
    number: int,
    acquisition: Acquisition,
    conclusion: Conclusion,
    surroundings: Surroundings,
    station_name: str,
) -> bytes:
    """Return the record as UTF-8 JSON; the same records always give the same bytes."""
    record = {
        "schema": SCHEMA,
        "station": station_name,
        "simulated": acquisition.spectrometer.simulated,
        "number": number,
        "acquisition": _acquisition(acquisition),
        "conclusion": _conclusion(conclusion)
        | {"judged": _judged(acquisition, conclusion), "uncleaned": _uncleaned(acquisition, conclusion)},
        "surroundings": _surroundings(surroundings),
    }
    return json.dumps(record, ensure_ascii=False, allow_nan=False).encode()


def measured_spectrum(acquisition: Acquisition) -> Spectrum | None:
    """Return the absorbance of an acquisition, or None without a white reference on the same axis."""
    white = acquisition.white
    if white is None or not same_axis(acquisition.scan.wavelength_nm, white.scan.wavelength_nm):
        return None
    return absorbance_spectrum(acquisition.scan, white)


def utc_text(moment: datetime) -> str:
    """Return an aware time as UTC ISO-8601 text to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()


def _acquisition(acquisition: Acquisition) -> dict[str, Any]:
    specimen = acquisition.specimen
    return {
        "id": acquisition.id,
        "specimen": specimen.id,
        "lot": specimen.lot,
        "roll": specimen.roll,
        "position_m": specimen.position_m,
        "label": asdict(specimen.label) if specimen.label else None,
        "triggered_at": utc_text(acquisition.triggered_at),
        "acquire_seconds": acquisition.acquire_seconds,
        "spectrometer": asdict(acquisition.spectrometer),
        "scan": _scan(acquisition.scan),
        "white": _white(acquisition.white) if acquisition.white else None,
        "spectrum": _spectrum(measured_spectrum(acquisition)),
        "camera_expected": acquisition.camera_expected,
        "frame": _frame(acquisition.frame) if acquisition.frame else None,
    }


def _scan(scan: Scan) -> dict[str, Any]:
    return {
        "sha256": sha256(scan.raw),
        "raw_format": scan.raw_format,
        "serial": scan.serial,
        "settings": asdict(scan.settings),
        "conditions": asdict(scan.conditions),
    }


def _white(white: WhiteReference) -> dict[str, Any]:
    return {
        "id": white.id,
        "source": white.source,
        "tile_id": white.tile_id,
        "taken_at": utc_text(white.taken_at),
        "instrument": asdict(white.instrument),
        "scan": _scan(white.scan),
    }


def _spectrum(spectrum: Spectrum | None) -> dict[str, Any] | None:
    if spectrum is None:
        return None
    pairs = zip(spectrum.absorbance.tolist(), spectrum.valid.tolist(), strict=True)
    return {
        "wavelength_nm": spectrum.wavelength_nm.tolist(),
        "absorbance": [value if valid else None for value, valid in pairs],
    }


def _frame(frame: Frame) -> dict[str, Any]:
    return {
        "sha256": sha256(frame.encoded),
        "width_px": frame.pixels.shape[1],
        "height_px": frame.pixels.shape[0],
        "um_per_pixel": frame.um_per_pixel,
        "camera": asdict(frame.camera),
        "captured_at": utc_text(frame.captured_at),
        "repeats": frame.repeats,
    }


def _conclusion(conclusion: Conclusion) -> dict[str, Any]:
    verdict, cleaned = conclusion.verdict, conclusion.cleaned
    return {
        "id": conclusion.id,
        "acquisition_id": conclusion.acquisition_id,
        "concluded_at": utc_text(conclusion.concluded_at),
        "infer_seconds": conclusion.infer_seconds,
        "software_version": conclusion.software_version,
        "verdict": verdict.outcome.value,
        "reasons": [asdict(reason) for reason in verdict.reasons],
        "tolerance": asdict(conclusion.tolerance),
        "composition": _composition(conclusion.composition) if conclusion.composition else None,
        "cleaning": {"method": cleaned.method, "filled_percent": cleaned.filled_percent} if cleaned else None,
        "defects": [asdict(defect) for defect in conclusion.defects],
        "models": [asdict(model) for model in conclusion.models],
    }


def _surroundings(surroundings: Surroundings) -> dict[str, Any]:
    retired = surroundings.retired_image
    return {
        "checks": [
            {
                "kind": check.kind.value,
                "done_at": utc_text(check.done_at),
                "in_control": check.in_control,
            }
            for check in surroundings.checks
        ],
        "positions": [asdict(place) for place in surroundings.positions],
        "ledger": asdict(surroundings.ledger) if surroundings.ledger else None,
        "signatures": [
            asdict(signature) | {"signed_at": utc_text(signature.signed_at)}
            for signature in surroundings.signatures
        ],
        "retired_image": asdict(retired) | {"retired_at": utc_text(retired.retired_at)} if retired else None,
        "replaces": surroundings.replaces or None,
    }


def _judged(acquisition: Acquisition, conclusion: Conclusion) -> dict[str, Any] | None:
    """Return the shares as the rule counts them, which the pages show and the reasons speak of."""
    composition, label = conclusion.composition, acquisition.specimen.label
    return asdict(as_judged(composition, label, conclusion.tolerance)) if composition else None


def _uncleaned(acquisition: Acquisition, conclusion: Conclusion) -> list[dict[str, Any]]:
    """Return the shares had nothing been filled, counted like the judged ones; empty if nothing was."""
    return [asdict(share) for share in uncleaned_as_judged(conclusion, acquisition.specimen.label)]


def _composition(composition: Composition) -> dict[str, Any]:
    evidence = composition.evidence
    return {
        "main_fibre": composition.main_fibre,
        "basis": composition.basis,
        "interval_coverage": composition.interval_coverage,
        "shares": [asdict(share) for share in composition.shares],
        "novelty": composition.novelty,
        "novelty_limit": composition.novelty_limit,
        "window_edges_nm": evidence.window_edges_nm.tolist(),
        "window_weights": evidence.window_weights.tolist(),
        "region_kept": evidence.region_kept.tolist(),
        "region_um": evidence.region_um,
    }
