"""Opens what a calibration works with.

Heavy packages are imported where they are used, so that a command starts at once.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qc_daemon.calibration import Bench, Duty, duties
from qc_daemon.clock import SystemClock, new_id
from qc_daemon.config import Config
from qc_daemon.domain.calibration import ControlReset, LastCalibration
from qc_daemon.domain.errors import InputError, Unavailable
from qc_daemon.domain.ports import Line
from qc_daemon.domain.reference_validity import reference_validity
from qc_daemon.domain.spectrum import WhiteReference
from qc_daemon.status import read_status
from qc_daemon.wiring.archive import status_file
from qc_daemon.wiring.calibration_settings import (
    TILE_REQUEST_S,
    reference_limits,
    tile_request_file,
    tile_rules,
    wavelength_rules,
    white_tile,
)
from qc_daemon.wiring.database import open_inspections, open_store
from qc_daemon.wiring.lines import open_line, read_scans
from qc_daemon.wiring.spectrometers import spectrometer_of
from qc_daemon.wiring.station import repair

if TYPE_CHECKING:
    from models.training.fit_transfer import FittedTransfer
    from storage.inspection_reader import SqlInspectionReader

TransferMethodName = Literal["best", "bias-slope", "pds"]


@contextmanager
def open_bench(config: Config) -> Iterator[tuple[Bench, Line]]:
    """Open the spectrometer and the store of a station, and the line that may show tiles.

    Raises:
        StoreUnavailable: the station runs; it is the only one that writes then.
        InstrumentError: the spectrometer does not answer.
    """
    with (
        open_store(config) as store,
        open_line(config) as line,
        spectrometer_of(config, line) as spectrometer,
    ):
        repair(store)
        yield (
            Bench(
                spectrometer=spectrometer,
                store=store,
                clock=SystemClock(),
                new_id=new_id,
                reference_limits=reference_limits(config),
                tile_rules=tile_rules(config),
                wavelength_rules=wavelength_rules(config),
            ),
            line,
        )


def station_runs(config: Config) -> bool:
    """Tell whether the station of a configuration runs now."""
    found = read_status(status_file(config.station.folder), SystemClock().now())
    return found["state"] in ("starting", "running", "degraded")


def white_of_running_station(config: Config) -> WhiteReference:
    """Have the running station read the white tile that lies there now; return its reading.

    Raises:
        ConfigError: no white tile is named, or its certificate is wrong.
        Unavailable: the station did not read it in time.
    """
    if config.emulated_line is None:
        white_tile(config)
    clock, file = SystemClock(), tile_request_file(config.station.folder)
    asked_at, until_s = clock.now(), clock.monotonic_s() + TILE_REQUEST_S
    file.touch()
    with open_inspections(config) as reader:
        while clock.monotonic_s() < until_s:
            for last in reader.last_calibrations():
                white = reader.current_reference(last.instrument.serial)
                if white is not None and white.source == "tile" and white.taken_at > asked_at:
                    return white
            time.sleep(0.2)
    file.unlink(missing_ok=True)
    raise Unavailable(
        f"the running station did not read the white tile within {TILE_REQUEST_S:.0f} s; "
        "`qc-daemon status` says how its spectrometer is"
    )


@dataclass(frozen=True, slots=True)
class SpectrometerDuties:
    """One spectrometer of a station and what is due with it."""

    kind: str
    serial: str
    duties: tuple[Duty, ...]


def list_duties(config: Config) -> list[SpectrometerDuties]:
    """Return what is due with each spectrometer that a station knows, also while it runs."""
    with open_inspections(config) as reader:
        return duties_known_to(reader, config)


def duties_known_to(reader: "SqlInspectionReader", config: Config) -> list[SpectrometerDuties]:
    """Return what is due with each spectrometer that an opened reader knows."""
    return [_duties_of(config, reader, last) for last in reader.last_calibrations()]


def reset_control(config: Config, serial: str | None, who: str, why: str) -> ControlReset:
    """Record and return a person's word that a spectrometer may be trusted again.

    Raises:
        InputError: who or why is empty, or it is not clear which spectrometer is meant.
    """
    if not who.strip() or not why.strip():
        raise InputError("calibrate reset: expected --who with a name and --why with a reason, neither empty")
    with open_store(config) as store:
        known = [last.instrument.serial for last in store.last_calibrations()]
        if serial is None and len(known) == 1:
            serial = known[0]
        if serial not in known:
            named = "--serial" if serial is None else f'--serial "{serial}"'
            raise InputError(f"calibrate reset: {named}: expected one of {', '.join(known) or 'none so far'}")
        reset = ControlReset(serial, who.strip(), why.strip(), SystemClock().now())
        store.reset_control(reset)
    return reset


def make_transfer(
    source: Path,
    target: Path,
    source_serial: str | None,
    target_serial: str | None,
    method: TransferMethodName,
    out: Path,
) -> "FittedTransfer":
    """Estimate the transfer between two units from two dataset folders, and write it."""
    from models.training.fit_transfer import fit_transfer
    from models.transfer_file import write_transfer

    fitted = fit_transfer(read_scans(source), read_scans(target), source_serial, target_serial, method)
    return replace(fitted, transfer=write_transfer(out, fitted.transfer))


def _duties_of(config: Config, reader: "SqlInspectionReader", last: LastCalibration) -> SpectrometerDuties:
    instrument, now, limits = last.instrument, SystemClock().now(), reference_limits(config)
    white = reader.current_reference(instrument.serial)
    reconnected_at = reader.calibration_standing(instrument.serial, now).reconnected_at
    validity = reference_validity(white, None, instrument, now, reconnected_at, limits)
    due = duties(last, validity, now, limits, 3600.0 * config.calibration.check_every_h)
    return SpectrometerDuties(instrument.kind, instrument.serial, tuple(due))
