"""The story of a calibration: a tile, a standard or nothing lies there, is measured, and becomes rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from qc_daemon.domain.calibration import (
    CheckKind,
    CheckRun,
    CheckValue,
    DarkReference,
    LastCalibration,
    WavelengthStandard,
)
from qc_daemon.domain.control_charts import ChartRules, broken_rule
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.ports import CalibrationStore, Clock, NirSpectrometer
from qc_daemon.domain.reference_validity import ReferenceLimits, Standing, Validity, reference_validity
from qc_daemon.domain.spectrum import (
    ReflectanceTile,
    Scan,
    WhiteReference,
    absorbance_spectrum,
    reflectance,
)
from qc_daemon.domain.standards import peak_near, tile_bands

PEAK_NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True)
class Bench:
    """What a calibration works with.

    Attributes:
        tile_rules: charts of reflectance residuals.
        wavelength_rules: charts of peak residuals in nm.
    """

    spectrometer: NirSpectrometer
    store: CalibrationStore
    clock: Clock
    new_id: Callable[[], str]
    reference_limits: ReferenceLimits
    tile_rules: ChartRules
    wavelength_rules: ChartRules


def take_dark(bench: Bench) -> DarkReference:
    """Take a scan for its dark level and store it.

    Every spectrometer served here brings the dark level along with each scan: the NIRscan Nano in black
    patterns, the others with the lamp off. This one stays as a row to compare with.
    """
    scan = bench.spectrometer.measure()
    dark = DarkReference(bench.new_id(), scan, bench.spectrometer.identity, bench.clock.now())
    bench.store.add_dark(dark)
    return dark


def check_tile(bench: Bench, tile: ReflectanceTile) -> CheckRun:
    """Compare a grey tile in front of the spectrometer with its certificate, and store what came of it.

    Raises:
        InputError: no white reference may serve, or the certificate covers another range.
    """
    scan, at = bench.spectrometer.measure(), bench.clock.now()
    white = _reference_for(bench, scan, at)
    try:
        bands = tile_bands(scan.wavelength_nm, reflectance(scan, white), tile)
    except ValueError as error:
        raise InputError(str(error)) from error
    return _stored_check(bench, CheckKind.TILE, tile.id, scan, white, at, bands)


def check_wavelengths(bench: Bench, standard: WavelengthStandard) -> CheckRun:
    """Look for the certified peaks of a wavelength standard, and store where they were.

    Raises:
        InputError: no white reference may serve, or no certified peak lies in the spectrometer's range.
    """
    scan, at = bench.spectrometer.measure(), bench.clock.now()
    white = _reference_for(bench, scan, at)
    spectrum = absorbance_spectrum(scan, white)
    first_nm, last_nm = scan.wavelength_nm[0], scan.wavelength_nm[-1]
    peaks = [float(peak) for peak in standard.peaks_nm if first_nm <= peak <= last_nm]
    if not peaks:
        raise InputError(
            f"{standard.id} has no certified peak between {first_nm:.1f} and {last_nm:.1f} nm; "
            "expected one in the range of the spectrometer"
        )
    found = [(peak, peak, peak_near(spectrum, peak)) for peak in peaks]
    return _stored_check(bench, CheckKind.WAVELENGTH, standard.id, scan, white, at, found)


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing that is to be done with a spectrometer from time to time.

    Attributes:
        what: "white", "dark", "tile check" or "wavelength check".
        state: "ok", "due", "blocked", "out of control" or "never".
        done_at: when it was done last.
        due_at: when it is to be done again; None if that is not known.
    """

    what: str
    state: str
    done_at: datetime | None
    due_at: datetime | None


def duties(
    last: LastCalibration, white: Validity, now: datetime, limits: ReferenceLimits, check_every_s: float
) -> list[Duty]:
    """Return what was done with a spectrometer, and what is due."""
    every = timedelta(seconds=check_every_s)
    return [
        _white_duty(last, white, limits),
        _regular_duty("dark", last.dark_at, True, now, every),
        _regular_duty("tile check", last.tile_at, last.tile_in_control, now, every),
        _regular_duty("wavelength check", last.wavelength_at, last.wavelength_in_control, now, every),
    ]


def _white_duty(last: LastCalibration, white: Validity, limits: ReferenceLimits) -> Duty:
    if last.white_at is None:
        return Duty("white", "never", None, None)
    state = {Standing.VALID: "ok", Standing.WARN: "due", Standing.BLOCK: "blocked"}[white.standing]
    aged = last.white_source == "tile"
    due_at = last.white_at + timedelta(seconds=limits.due_age_s) if aged else None
    return Duty("white", state, last.white_at, due_at)


def _regular_duty(
    what: str, done_at: datetime | None, in_control: bool, now: datetime, every: timedelta
) -> Duty:
    if done_at is None:
        return Duty(what, "never", None, None)
    due_at = done_at + every
    if not in_control:
        return Duty(what, "out of control", done_at, now)
    return Duty(what, "due" if now >= due_at else "ok", done_at, due_at)


def _reference_for(bench: Bench, scan: Scan, at: datetime) -> WhiteReference:
    """Return the white reference of a check; a check with a bad one would blame the spectrometer."""
    instrument = bench.spectrometer.identity
    white = bench.store.current_reference(instrument.serial)
    standing = bench.store.calibration_standing(instrument.serial, at)
    validity = reference_validity(
        white, scan, instrument, at, standing.reconnected_at, bench.reference_limits
    )
    if white is None or validity.standing is Standing.BLOCK:
        words = ", ".join(reason.code.value.replace("_", " ") for reason in validity.reasons)
        raise InputError(f"check: {words}; expected a white reference: run `qc-daemon calibrate white` first")
    return white


def _stored_check(
    bench: Bench,
    kind: CheckKind,
    standard_id: str,
    scan: Scan,
    white: WhiteReference,
    at: datetime,
    found: Sequence[tuple[float, float, float | None]],
) -> CheckRun:
    """Judge (position, certified, measured) figures by their charts and store the run."""
    run = CheckRun(
        id=bench.new_id(),
        kind=kind,
        standard_id=standard_id,
        scan=scan,
        white_id=white.id,
        instrument=bench.spectrometer.identity,
        done_at=at,
        values=tuple(CheckValue(*figures, _rule(bench, kind, standard_id, *figures)) for figures in found),
    )
    bench.store.add_check(run)
    return run


def _rule(
    bench: Bench,
    kind: CheckKind,
    standard_id: str,
    position_nm: float,
    certified: float,
    measured: float | None,
) -> str:
    if measured is None:
        return PEAK_NOT_FOUND
    rules = bench.tile_rules if kind is CheckKind.TILE else bench.wavelength_rules
    before = bench.store.chart(bench.spectrometer.identity.serial, kind, standard_id, position_nm)
    return broken_rule(before, measured - certified, rules)
