"""Calibration to rows and back: scans for dark, white and checks, control charts, resets, reconnections."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from qc_daemon.domain.calibration import (
    CalibrationStanding,
    CheckKind,
    CheckRun,
    ControlReset,
    DarkReference,
    LastCalibration,
)
from qc_daemon.domain.control_charts import IN_CONTROL, ChartPoint
from qc_daemon.domain.errors import IntegrityError
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan, WhiteReference
from qc_daemon.domain.supervision import InstrumentState
from qc_daemon.domain.warm_up import WarmUpLimits
from storage.acquisition_rows import identity_of, instrument_row
from storage.facts import content_sha256
from storage.tables import (
    CalibrationScanRow,
    CheckRunRow,
    CheckValueRow,
    ControlResetRow,
    InstrumentRow,
    ReconnectionRow,
    StationEventRow,
    WhiteReferenceRow,
)

_REASONS = {
    CheckKind.TILE: ReasonCode.TILE_OUT_OF_CONTROL,
    CheckKind.WAVELENGTH: ReasonCode.WAVELENGTH_OUT_OF_CONTROL,
}


def add_white_scan(session: Session, white: WhiteReference) -> None:
    """Add what the scan of a white reference says of itself, unless it is there."""
    known = session.scalar(select(CalibrationScanRow.sequence).where(CalibrationScanRow.id == white.id))
    if known is None:
        session.add(_scan_row(session, white.id, "white", white.scan, white.instrument, white.taken_at))


def add_dark_scan(session: Session, dark: DarkReference) -> None:
    """Add a scan that was taken for its dark level."""
    session.add(_scan_row(session, dark.id, "dark", dark.scan, dark.instrument, dark.taken_at))


def add_check_run(session: Session, run: CheckRun) -> None:
    """Add a check with its scan and its values.

    Raises:
        IntegrityError: its white reference is not stored.
    """
    white = session.scalar(select(WhiteReferenceRow.sequence).where(WhiteReferenceRow.id == run.white_id))
    if white is None:
        raise IntegrityError(f"check {run.id}: its white reference {run.white_id} is not stored")
    session.add(
        CheckRunRow(
            scan=_scan_row(session, run.id, "check", run.scan, run.instrument, run.done_at),
            kind=run.kind.value,
            standard_id=run.standard_id,
            white_reference_sequence=white,
            in_control=run.in_control,
            values=[
                CheckValueRow(
                    position=position,
                    position_nm=value.position_nm,
                    certified=value.certified,
                    measured=value.measured,
                    rule=value.rule,
                )
                for position, value in enumerate(run.values)
            ],
        )
    )


def add_control_reset(session: Session, reset: ControlReset) -> None:
    """Add a person's word that an instrument may be trusted again."""
    session.add(ControlResetRow(serial=reset.serial, who=reset.who, why=reset.why, reset_at=reset.at))


def standing_at(session: Session, serial: str, at: datetime) -> CalibrationStanding:
    """Return what was known of a spectrometer at a moment."""
    reconnected = select(func.max(ReconnectionRow.reconnected_at)).where(
        ReconnectionRow.serial == serial, ReconnectionRow.reconnected_at <= at
    )
    out_of_control = tuple(_out_of_control(session, serial, at))
    return CalibrationStanding(session.scalar(reconnected), out_of_control, _is_warming(session, at))


def _is_warming(session: Session, at: datetime) -> bool:
    """Tell whether the newest state of the spectrometer at that moment was that it warms up.

    A station that was killed while it warmed up leaves that word behind; it counts for as long as warming
    may last.
    """
    states = [f"instrument_{state.value}" for state in InstrumentState]
    query = select(StationEventRow.code).where(
        StationEventRow.code.in_(states),
        StationEventRow.subject == "spectrometer",
        StationEventRow.happened_at <= at,
        StationEventRow.happened_at > at - timedelta(seconds=WarmUpLimits().longest_s),
    )
    newest = session.scalar(query.order_by(StationEventRow.sequence.desc()).limit(1))
    return newest == f"instrument_{InstrumentState.WARMING.value}"


def chart_points(
    session: Session, serial: str, kind: CheckKind, standard_id: str, position_nm: float
) -> tuple[ChartPoint, ...]:
    """Return the residuals of one chart since the last reset, oldest first; a missing peak is 0."""
    reset_at = session.scalar(
        select(func.max(ControlResetRow.reset_at)).where(ControlResetRow.serial == serial)
    )
    query = (
        _runs_of(serial, kind)
        .join(CheckValueRow, CheckValueRow.scan_sequence == CheckRunRow.scan_sequence)
        .where(CheckRunRow.standard_id == standard_id, CheckValueRow.position_nm == position_nm)
        .order_by(CheckRunRow.scan_sequence)
        .with_only_columns(CheckValueRow.certified, CheckValueRow.measured, CheckValueRow.rule)
    )
    if reset_at is not None:
        query = query.where(CalibrationScanRow.taken_at > reset_at)
    return tuple(
        ChartPoint(0.0 if measured is None else measured - certified, rule)
        for certified, measured, rule in session.execute(query)
    )


def newest_check(
    session: Session, serial: str, kind: CheckKind, at: datetime
) -> tuple[datetime, bool] | None:
    """Return when a spectrometer was last checked up to a moment, and whether it was to be trusted then."""
    run = _newest_run(session, serial, kind, at)
    return None if run is None else (run.scan.taken_at, _trusted(session, serial, run, at))


def last_calibrations(session: Session) -> tuple[LastCalibration, ...]:
    """Return what was done last with each spectrometer that has a white reference or a calibration scan."""
    known = select(CalibrationScanRow.instrument_id).union(select(WhiteReferenceRow.instrument_id))
    rows = session.scalars(
        select(InstrumentRow).where(InstrumentRow.id.in_(known)).order_by(InstrumentRow.id)
    )
    newest = {row.serial: row for row in rows}  # with its newest firmware
    return tuple(_last_calibration(session, identity_of(row)) for row in newest.values())


def _last_calibration(session: Session, instrument: InstrumentIdentity) -> LastCalibration:
    serial = instrument.serial
    white = session.scalar(
        select(WhiteReferenceRow)
        .join(WhiteReferenceRow.instrument)
        .where(InstrumentRow.serial == serial)
        .order_by(WhiteReferenceRow.sequence.desc())
        .limit(1)
    )
    dark_at = session.scalar(
        select(func.max(CalibrationScanRow.taken_at))
        .join(CalibrationScanRow.instrument)
        .where(InstrumentRow.serial == serial, CalibrationScanRow.kind == "dark")
    )
    tile, wavelength = (_newest_run(session, serial, kind, None) for kind in CheckKind)
    return LastCalibration(
        instrument=instrument,
        dark_at=dark_at,
        white_at=white.taken_at if white else None,
        white_source=white.source if white else None,
        tile_at=tile.scan.taken_at if tile else None,
        tile_in_control=tile is None or _trusted(session, serial, tile, None),
        wavelength_at=wavelength.scan.taken_at if wavelength else None,
        wavelength_in_control=wavelength is None or _trusted(session, serial, wavelength, None),
    )


def _out_of_control(session: Session, serial: str, at: datetime) -> Iterator[Reason]:
    for kind, code in _REASONS.items():
        run = _newest_run(session, serial, kind, at)
        if run is None or _trusted(session, serial, run, at):
            continue
        broken = next(value for value in run.values if value.rule != IN_CONTROL)
        yield Reason(code, f"{broken.position_nm:g} nm, {broken.rule}")


def _trusted(session: Session, serial: str, run: CheckRunRow, at: datetime | None) -> bool:
    """Tell whether a run is in control, or a person has reset the charts since."""
    if run.in_control:
        return True
    reset = select(ControlResetRow.sequence).where(
        ControlResetRow.serial == serial, ControlResetRow.reset_at >= run.scan.taken_at
    )
    if at is not None:
        reset = reset.where(ControlResetRow.reset_at <= at)
    return session.scalar(reset.limit(1)) is not None


def _newest_run(session: Session, serial: str, kind: CheckKind, at: datetime | None) -> CheckRunRow | None:
    query = _runs_of(serial, kind)
    if at is not None:
        query = query.where(CalibrationScanRow.taken_at <= at)
    return session.scalar(query.order_by(CheckRunRow.scan_sequence.desc()).limit(1))


def _runs_of(serial: str, kind: CheckKind) -> Select[CheckRunRow]:
    return (
        select(CheckRunRow)
        .join(CheckRunRow.scan)
        .join(CalibrationScanRow.instrument)
        .where(InstrumentRow.serial == serial, CheckRunRow.kind == kind.value)
    )


def _scan_row(
    session: Session, scan_id: str, kind: str, scan: Scan, instrument: InstrumentIdentity, at: datetime
) -> CalibrationScanRow:
    settings, conditions = scan.settings, scan.conditions
    return CalibrationScanRow(
        id=scan_id,
        kind=kind,
        instrument=instrument_row(session, instrument),
        taken_at=at,
        raw_format=scan.raw_format,
        scan_sha256=content_sha256(scan.raw),
        config_name=settings.config_name,
        scans_averaged=settings.scans_averaged,
        pga_gain=settings.pga_gain,
        system_temperature_c=conditions.system_temperature_c,
        detector_temperature_c=conditions.detector_temperature_c,
        humidity_percent=conditions.humidity_percent,
        lamp_photodiode_counts=conditions.lamp_photodiode_counts,
        mean_dark_counts=float(scan.dark_counts.mean()),
        highest_dark_counts=float(scan.dark_counts.max()),
        highest_counts=float(scan.counts.max()),
    )
