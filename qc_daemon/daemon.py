"""Keeps the time: one worker thread with a monotonic loop inspects, the calendar does the rest.

The loop does not use the scheduler, for a step of the wall clock stops interval jobs. Stopping is
crashing: every start repairs what the last stop left before it takes new work.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from qc_daemon.camera_watch import WatchedCamera
from qc_daemon.clock_watch import ClockWatch
from qc_daemon.domain.errors import (
    InputError,
    InstrumentError,
    ReportFailed,
    StoreUnavailable,
    Unavailable,
)
from qc_daemon.domain.line import Cue, LineCounts, LineHealth, NoVerdict, StationState
from qc_daemon.domain.ports import (
    InspectionStore,
    Line,
    MicroscopeCamera,
    NirSpectrometer,
    ReportWriter,
    Trigger,
)
from qc_daemon.domain.reference_validity import Validity, reference_validity
from qc_daemon.domain.spectrum import ReflectanceTile, Scan
from qc_daemon.domain.supervision import InstrumentEvent
from qc_daemon.domain.waits import growing_waits
from qc_daemon.domain.warm_up import WarmUpLimits
from qc_daemon.pipeline import Inspection, Judges, Station, certify, conclude, glance, inspect_specimen
from qc_daemon.references import renew_reference, take_tile_reference
from qc_daemon.spectrometer_watch import SpectrometerWatch
from qc_daemon.status import LastInspection, StatusBoard
from qc_daemon.supervision import Supervisor

log = structlog.get_logger()

# What the loop can have to say; each is raised anew in a run in which it is still so.
ALARMS = ("instrument", "camera", "changed", "store", "report", "undecided", "line", "missed", "reference")

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 5.0  # a device that is back must measure again within 10 s
_BEAT_S = 10.0
_WATCH_S = 0.25  # how often a stop and the line's health are looked at while nothing comes


@dataclass(frozen=True, slots=True)
class Instruments:
    """The opened instruments of a station."""

    spectrometer: NirSpectrometer
    camera: MicroscopeCamera | None


@dataclass(frozen=True, slots=True)
class Workplace:
    """All that the line loop works with; each instrument is opened anew after its own losses.

    `requested_tile` returns the white tile once after a person said that it lies there, else None.
    """

    judges: Judges
    store: InspectionStore
    report_writer: ReportWriter
    line: Line
    open_spectrometer: Callable[[], AbstractContextManager[NirSpectrometer]]
    open_camera: Callable[[], AbstractContextManager[MicroscopeCamera]] | None
    requested_tile: Callable[[], ReflectanceTile | None] = lambda: None

    @contextmanager
    def open_instruments(self) -> Iterator[Instruments]:
        """Open both for a finite piece of work, which ends if one cannot be opened."""
        with ExitStack() as stack:
            spectrometer = stack.enter_context(self.open_spectrometer())
            camera = stack.enter_context(self.open_camera()) if self.open_camera is not None else None
            yield Instruments(spectrometer, camera)


class LineLoop:
    """Inspects what the trigger announces until told to stop or nothing more will come."""

    def __init__(self, workplace: Workplace, trigger: Trigger, board: StatusBoard) -> None:
        self._work = workplace
        self._trigger = trigger
        self._board = board
        self._stop = threading.Event()
        self._line_health = LineHealth("", "", "", LineCounts())  # nothing is known yet
        self._missed_before = 0
        self._undecidable: set[int] = set()
        self._last_scan: Scan | None = None
        self._first_serial = ""
        clock, store = workplace.judges.clock, workplace.store
        self._spectrometer = Supervisor("spectrometer", board, store, clock)
        self._watch = SpectrometerWatch(self._spectrometer, clock, WarmUpLimits())
        self._camera = self._watched_camera()
        self._clock_watch = ClockWatch(clock)

    def stop(self) -> None:
        """Finish the inspection that is running and return from `run`."""
        self._stop.set()

    def run(self) -> None:
        """Catch up with what an earlier stop left, then inspect.

        Raises:
            QcError: something without which the station may not go on, such as a journal that
                cannot be written or an inference worker out of restarts.
        """
        self._forget_alarms_of_an_earlier_run()
        self._catch_up()
        with self._camera or nullcontext():
            self._inspect_until_over()
        self._become(StationState.STOPPED)

    @property
    def _over(self) -> bool:
        return self._stop.is_set() or self._trigger.ended

    def _watched_camera(self) -> WatchedCamera | None:
        if self._work.open_camera is None:
            return None
        clock = self._work.judges.clock
        supervisor = Supervisor("camera", self._board, self._work.store, clock)
        return WatchedCamera(self._work.open_camera(), supervisor, clock, _waits)

    def _inspect_until_over(self) -> None:
        waits = _waits()
        while not self._over:
            self._spectrometer.apply(InstrumentEvent.SOUGHT)
            try:
                with self._work.open_spectrometer() as spectrometer:
                    self._announce(spectrometer)
                    waits = _waits()
                    self._inspect_until_trouble(spectrometer)
            except InstrumentError as error:
                self._lose_spectrometer(error)
                self._wait(next(waits))

    def _inspect_until_trouble(self, spectrometer: NirSpectrometer) -> None:
        work = self._work
        station = Station(spectrometer, self._camera, work.judges, work.store)
        while not self._over:
            self._catch_up()
            self._watch_clock()
            self._watch.look(spectrometer)
            if self._watch.has_just_settled():
                self._read_tile_of_warm(spectrometer)
            self._keep_reference(spectrometer)
            self._judge_spectrometer(spectrometer)
            cue = self._await_cue(station)
            if cue is not None:
                self._serve(station, cue)

    def _keep_reference(self, spectrometer: NirSpectrometer) -> None:
        """Read the white tile if a person says that it lies there, or if it is due and the line shows it."""
        work, judges = self._work, self._work.judges
        clock, new_id = judges.clock, judges.new_id
        try:
            tile = work.requested_tile()
            if tile is not None:
                take_tile_reference(spectrometer, tile, work.store, clock, new_id)
                self._clear("reference")
            limits, last_scan = judges.reference_limits, self._last_scan
            renew_reference(spectrometer, work.line, work.store, clock, new_id, limits, last_scan)
        except InputError as error:
            log.warning("the white tile cannot serve", error=str(error))
            self._alarm("reference", str(error))
        except StoreUnavailable as error:
            self._store_trouble(error)

    def _await_cue(self, station: Station) -> Cue | None:
        """Wait for the next specimen; None after a heartbeat without one, or at the end."""
        clock = self._work.judges.clock
        until_s = clock.monotonic_s() + _BEAT_S
        while not self._over and clock.monotonic_s() < until_s:
            cue = self._trigger.next_cue(lambda: glance(station), _WATCH_S)
            self._watch_line()
            if cue is not None:
                return cue
            self._watch.look(station.spectrometer)
        return None

    def _serve(self, station: Station, cue: Cue) -> None:
        """Inspect what was announced, or answer with what was stored before a restart."""
        number = self._accepted_before(cue)
        try:
            if number is None:
                self._inspect(station, cue)
            else:
                self._answer_from_store(cue, number)
        except StoreUnavailable as error:
            self._trigger.refuse(cue, NoVerdict.STORE)
            self._store_trouble(error)
            return
        try:
            self._write_missing_reports()
        except StoreUnavailable as error:
            self._store_trouble(error)

    def _inspect(self, station: Station, cue: Cue) -> None:
        self._watch.asked()
        try:
            inspection = inspect_specimen(station, cue.specimen)
        except InstrumentError:
            self._trigger.refuse(cue, NoVerdict.SPECTROMETER)
            raise
        self._trigger.answer(cue, inspection.conclusion)
        self._last_scan = inspection.acquisition.scan
        self._watch.measured(self._last_scan.conditions)
        self._judge_spectrometer(station.spectrometer)
        self._watch_camera()
        self._publish(inspection)

    def _accepted_before(self, cue: Cue) -> int | None:
        """Return the number of a specimen that a restart made the line announce again."""
        if not cue.may_be_stored:
            return None
        try:
            return self._work.store.accepted_as(cue.specimen.id)
        except StoreUnavailable:
            return None  # measured twice is better than not at all

    def _answer_from_store(self, cue: Cue, number: int) -> None:
        log.info("announced again after a restart", number=number, specimen=cue.specimen.id)
        try:
            self._trigger.answer(cue, self._work.store.load_conclusion(number))
        except InputError:  # it has none: the alarm "undecided" says why
            self._trigger.refuse(cue, NoVerdict.UNDECIDED)

    def _catch_up(self) -> None:
        """Do what a stop or an outage left undone: drain the journal, conclude, report."""
        store = self._work.store
        try:
            pending = store.drain()
            self._draw_missing_conclusions()
            self._write_missing_reports()
        except StoreUnavailable as error:
            self._store_trouble(error)
            return
        self._clear("store")
        self._spectrometer.store_late()
        self._board.update(journal_pending=pending)

    def _draw_missing_conclusions(self) -> None:
        store = self._work.store
        for number in store.unconcluded():
            if number in self._undecidable:
                continue
            try:
                acquisition = store.load_acquisition(number)
                serial, at = acquisition.spectrometer.serial, acquisition.triggered_at
                standing = store.calibration_standing(serial, at)
                store.add_conclusion(number, conclude(self._work.judges, acquisition, standing))
                log.info("concluded late", number=number)
            except Unavailable:
                raise
            except Exception as error:
                # One acquisition that no conclusion can be drawn from must not stop the line at every
                # start. It stays UNDECIDED and an alarm says so.
                self._undecidable.add(number)
                log.exception("no conclusion can be drawn", number=number)
                self._alarm("undecided", f"number {number}: {error}")

    def _write_missing_reports(self) -> None:
        work = self._work
        for number in work.store.unreported():
            acquisition, conclusion = work.store.load_acquisition(number), work.store.load_conclusion(number)
            try:
                report, seconds = certify(
                    work.judges, work.store, work.report_writer, number, acquisition, conclusion
                )
            except ReportFailed as error:
                log.warning("certificate failed; it is tried again", number=number, error=str(error))
                self._alarm("report", str(error))
                return
            log.info("certified", number=number, report=report.path, report_s=round(seconds, 3))
        self._clear("report")

    def _store_trouble(self, error: StoreUnavailable) -> None:
        """Go on measuring into the journal; give up only if the journal itself cannot be written."""
        if not self._work.store.accepting:
            raise error
        log.warning("database unavailable; acquisitions wait in the journal", error=str(error))
        self._alarm("store", str(error))

    def _publish(self, inspection: Inspection) -> None:
        verdict = inspection.conclusion.verdict
        specimen = inspection.acquisition.specimen
        log.info(
            "inspected",
            number=inspection.number,
            specimen=specimen.id,
            verdict=verdict.outcome.value,
            reasons=[reason.code.value for reason in verdict.reasons],
            acquire_s=round(inspection.acquisition.acquire_seconds, 3),
            accept_s=round(inspection.accept_seconds, 3),
            infer_s=round(inspection.conclusion.infer_seconds, 3),
            models=[f"{model.name}@{model.digest[:12]}" for model in inspection.conclusion.models],
        )
        last = LastInspection(
            inspection.number,
            specimen.id,
            verdict.outcome.value,
            inspection.conclusion.concluded_at.isoformat(),
        )
        self._board.update(last_inspection=last)
        missed = self._line_health.counts.missed
        if missed == self._missed_before:  # nothing passed by since the inspection before
            self._clear("missed")
        self._missed_before = missed

    def _announce(self, spectrometer: NirSpectrometer) -> None:
        found_again = self._spectrometer.serial != ""
        is_other = self._watch.opened(spectrometer)
        self._clear("instrument")
        serial = spectrometer.identity.serial
        if found_again:
            self._note_reconnection(serial)
        else:
            self._first_serial = serial
        if is_other:
            self._note_other_unit(serial)
        self._become(StationState.RUNNING)

    def _note_reconnection(self, serial: str) -> None:
        """Have it in the history that the spectrometer was gone: its reference is worth another look."""
        self._last_scan = None
        try:
            self._work.store.add_reconnection(serial, self._work.judges.clock.now())
        except StoreUnavailable as error:
            self._store_trouble(error)

    def _note_other_unit(self, serial: str) -> None:
        """Say that another unit measures now, until the station starts anew or the first is back."""
        log.warning("another spectrometer", serial=serial, first=self._first_serial)
        self._clear("changed")
        if serial != self._first_serial:
            self._alarm(
                "changed",
                f"spectrometer {serial} took the place of {self._first_serial}; "
                "it needs a white reference of its own",
            )

    def _read_tile_of_warm(self, spectrometer: NirSpectrometer) -> None:
        """Replace a reading of the tile that was made while the spectrometer still drifted."""
        line, store, judges = self._work.line, self._work.store, self._work.judges
        current = store.current_reference(spectrometer.identity.serial)
        if current is None or current.taken_at < self._watch.opened_at:
            return
        tile = line.show_white_tile()
        if tile is not None:
            take_tile_reference(spectrometer, tile, store, judges.clock, judges.new_id)

    def _judge_spectrometer(self, spectrometer: NirSpectrometer) -> None:
        """Say what the spectrometer's results are worth now."""
        judges, store = self._work.judges, self._work.store
        instrument, now = spectrometer.identity, judges.clock.now()
        try:
            white = store.current_reference(instrument.serial)
            standing = store.calibration_standing(instrument.serial, now)
        except StoreUnavailable as error:
            self._store_trouble(error)
            self._watch.judge(Validity(()), ())
            return
        validity = reference_validity(
            white, self._last_scan, instrument, now, standing.reconnected_at, judges.reference_limits
        )
        self._watch.judge(validity, standing.out_of_control)

    def _lose_spectrometer(self, error: InstrumentError) -> None:
        log.warning("instrument lost", error=str(error))
        self._spectrometer.failed(str(error))
        self._clear("instrument")
        self._alarm("instrument", str(error))
        self._become(StationState.DEGRADED)

    def _watch_camera(self) -> None:
        """Raise or clear the alarm of the camera, whose loss costs micrographs and no measurement."""
        trouble = self._camera.trouble if self._camera is not None else ""
        if f"camera: {trouble}" in self._board.status.alarms:
            return
        self._clear("camera")
        if trouble:
            self._alarm("camera", trouble)

    def _watch_clock(self) -> None:
        """Have it in the history that the computer's clock was set: times before and after do not compare."""
        step_s = self._clock_watch.step_s()
        if step_s:
            log.warning("the clock was set", step_s=round(step_s, 1))
            now = self._work.judges.clock.now()
            with suppress(StoreUnavailable):
                message = f"the clock of the computer was set by {step_s:+.1f} s"
                self._work.store.add_event("clock_set", "station", message, now)

    def _become(self, state: StationState) -> None:
        self._trigger.announce(state)
        self._board.update(state=state.value)

    def _watch_line(self) -> None:
        """Publish what has changed about the line; an alarm says what a person should know."""
        health, before = self._trigger.health, self._line_health
        if health == before:
            return
        self._line_health = health
        self._board.update(line=health)
        if health.trouble != before.trouble:
            log.warning("line", device=health.device, state=health.state, trouble=health.trouble)
            self._clear("line")
            if health.trouble:
                self._alarm("line", health.trouble)
        missed = health.counts.missed - before.counts.missed
        if missed:
            log.warning("specimens passed without an inspection", missed=missed, total=health.counts.missed)
            self._clear("missed")
            self._alarm("missed", f"{health.counts.missed} specimens passed without an inspection")

    def _alarm(self, code: str, message: str) -> None:
        """Raise an alarm on the status board and, if the database answers, in the history."""
        self._board.raise_alarm(f"{code}: {message}")
        with suppress(StoreUnavailable):
            self._work.store.raise_alarm(code, "", message)

    def _clear(self, code: str) -> None:
        if self._board.clear_alarms(f"{code}: "):
            with suppress(StoreUnavailable):
                self._work.store.clear_alarm(code, "")

    def _forget_alarms_of_an_earlier_run(self) -> None:
        with suppress(StoreUnavailable):
            for code in ALARMS:
                self._work.store.clear_alarm(code, "")

    def _wait(self, seconds: float) -> None:
        """Wait, interruptible by `stop`, with a heartbeat now and then."""
        clock = self._work.judges.clock
        until_s = clock.monotonic_s() + seconds
        while (left_s := until_s - clock.monotonic_s()) > 0 and not self._stop.wait(min(left_s, _WATCH_S)):
            self._watch_line()
            self._board.beat()


def _waits() -> Iterator[float]:
    return growing_waits(_FIRST_WAIT_S, _LONGEST_WAIT_S)


class WatchedThread(threading.Thread):
    """A thread that keeps the error it died of, so that its owner can end with it."""

    def __init__(self, work: Callable[[], None], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self.error: BaseException | None = None

    def run(self) -> None:
        """Do the work; whatever it raises is kept for the owner."""
        try:
            self._work()
        except BaseException as error:
            self.error = error


def run_line(loop: LineLoop, nightly: Callable[[], None], stop_requested: threading.Event) -> None:
    """Run the loop in its thread beside the calendar until it ends or a stop is requested.

    Args:
        loop: the line loop.
        nightly: a check that the calendar runs at 02:00 UTC each day.
        stop_requested: set by the signal handlers.

    Raises:
        the error that the loop died of.
    """
    # Jobs live in memory: a database job store lets the scheduler thread die silently.
    calendar = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    calendar.add_job(nightly, "cron", hour=2, id="nightly")
    calendar.start()
    worker = WatchedThread(loop.run, "line-loop")
    worker.start()
    try:
        while worker.is_alive():
            if stop_requested.wait(0.2):
                loop.stop()
            worker.join(0.05)
    finally:
        calendar.shutdown(wait=False)
    if worker.error is not None:
        raise worker.error
