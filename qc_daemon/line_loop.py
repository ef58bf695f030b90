"""The line loop: one thread that inspects, by a clock that only runs forward.

It does not use the scheduler, for a step of the wall clock stops interval jobs. Stopping is crashing:
every start repairs what the last stop left before it takes new work.
"""

import threading
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace

import structlog

from qc_daemon.alarms import Alarms
from qc_daemon.article_focus import ArticleFocus
from qc_daemon.camera_watch import WatchedCamera
from qc_daemon.catching_up import CatchingUp
from qc_daemon.clock_watch import ClockWatch
from qc_daemon.domain.errors import InputError, InstrumentError, StoreUnavailable
from qc_daemon.domain.line import Cue, NoVerdict, StationState
from qc_daemon.domain.ports import NirSpectrometer, Trigger
from qc_daemon.domain.reference_validity import Validity, reference_validity
from qc_daemon.domain.spectrum import Scan
from qc_daemon.domain.supervision import InstrumentEvent
from qc_daemon.domain.waits import growing_waits
from qc_daemon.line_watch import LineWatch
from qc_daemon.optics_watch import OpticsWatch
from qc_daemon.pipeline import Inspection, Judges, Station, glance, inspect_specimen
from qc_daemon.references import renew_reference, take_tile_reference
from qc_daemon.spectrometer_watch import SpectrometerWatch
from qc_daemon.status import LastInspection, StatusBoard
from qc_daemon.supervision import Supervisor
from qc_daemon.workplace import Workplace

log = structlog.get_logger()

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 5.0  # a device that is back must measure again within 10 s
_ROUND_S = 10.0  # so often the loop looks after what is not a specimen
_WATCH_S = 0.25  # how often a stop and the line's health are looked at while nothing comes


class LineLoop:
    """Inspects what the trigger announces until told to stop or nothing more will come."""

    def __init__(self, workplace: Workplace, trigger: Trigger, board: StatusBoard, alarms: Alarms) -> None:
        self._work = workplace
        self._trigger = trigger
        self._board = board
        self._alarms = alarms
        self._stop = threading.Event()
        self._next_judges: Judges | None = None
        self._line = LineWatch(trigger, board, alarms)
        self._catching_up = CatchingUp(workplace, alarms, board)
        self._last_scan: Scan | None = None
        self._first_serial = ""
        clock, store = workplace.judges.clock, workplace.store
        self._spectrometer = Supervisor("spectrometer", board, store, clock)
        self._watch = SpectrometerWatch(self._spectrometer, clock, workplace.warm_up)
        self._camera = self._watched_camera()
        self._clock_watch = ClockWatch(clock)
        self._focus = ArticleFocus(store)
        care = workplace.optics_care
        self._optics = OpticsWatch(care, alarms) if care is not None else None

    def stop(self) -> None:
        """Finish the inspection that is running and return from `run`."""
        self._stop.set()

    def judge_with(self, judges: Judges) -> None:
        """Judge with these from the next inspection on; any thread may say so."""
        self._next_judges = judges

    def run(self) -> None:
        """Catch up with what an earlier stop left, then inspect.

        Raises:
            QcError: something without which the station may not go on, such as a journal that
                cannot be written or an inference worker out of restarts.
        """
        self._alarms.take_over()
        if self._optics is not None:
            self._optics.tell(self._work.judges.optics)
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
        while not self._over:
            self._change_judges()
            station = Station(spectrometer, self._camera, self._work.judges, self._work.store)
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

    def _change_judges(self) -> None:
        judges, self._next_judges = self._next_judges, None
        if judges is not None:
            self._take(replace(judges, optics=self._work.judges.optics))

    def _take(self, judges: Judges) -> None:
        self._work = replace(self._work, judges=judges)
        self._catching_up.work_with(self._work)

    def _watch_optics(self, inspection: Inspection) -> None:
        if self._optics is not None:
            judges = self._optics.seen(self._work.judges, inspection)
            if judges is not self._work.judges:
                self._take(judges)

    def _keep_reference(self, spectrometer: NirSpectrometer) -> None:
        """Read the white tile if a person says that it lies there, or if it is due and the line shows it."""
        work, judges = self._work, self._work.judges
        clock, new_id = judges.clock, judges.new_id
        try:
            tile = work.requested_tile()
            if tile is not None:
                take_tile_reference(spectrometer, tile, work.store, clock, new_id)
                self._alarms.clear("reference")
            limits, last_scan = judges.reference_limits, self._last_scan
            renew_reference(spectrometer, work.line, work.store, clock, new_id, limits, last_scan)
        except InputError as error:
            log.warning("the white tile cannot serve", error=str(error))
            self._alarms.raise_alarm("reference", str(error))
        except StoreUnavailable as error:
            self._catching_up.store_trouble(error)

    def _await_cue(self, station: Station) -> Cue | None:
        """Wait for the next specimen; None after a heartbeat without one, or at the end."""
        clock = self._work.judges.clock
        until_s = clock.monotonic_s() + _ROUND_S
        while not self._over and clock.monotonic_s() < until_s:
            cue = self._trigger.next_cue(lambda: glance(station), _WATCH_S)
            self._line.look()
            self._board.beat()
            if cue is not None:
                return cue
            self._watch_camera()
            self._watch.look(station.spectrometer)
        return None

    def _serve(self, station: Station, cue: Cue) -> None:
        """Inspect what was announced, or answer with what was stored before a restart."""
        number = self._accepted_before(cue)
        if number is None:
            self._watch.asked()  # published by itself: a scan takes seconds
        try:
            with self._board.gathered():
                if number is None:
                    self._inspect(station, cue)
                else:
                    self._answer_from_store(cue, number)
        except StoreUnavailable as error:
            self._trigger.refuse(cue, NoVerdict.STORE)
            self._catching_up.store_trouble(error)
            return
        try:
            self._catching_up.write_missing_reports()
        except StoreUnavailable as error:
            self._catching_up.store_trouble(error)

    def _inspect(self, station: Station, cue: Cue) -> None:
        try:
            inspection = inspect_specimen(self._focused(station, cue.specimen.lot), cue.specimen)
        except InstrumentError:
            self._trigger.refuse(cue, NoVerdict.SPECTROMETER)
            raise
        self._trigger.answer(cue, inspection.conclusion)
        self._focus.note(cue.specimen.lot, inspection.conclusion.cleaned)
        self._last_scan = inspection.acquisition.scan
        self._watch.measured(self._last_scan.conditions)
        self._judge_spectrometer(station.spectrometer)
        self._watch_camera()
        self._publish(inspection)
        self._watch_optics(inspection)

    def _focused(self, station: Station, lot: str) -> Station:
        """Return the station with judges that know how sharp the frames of a lot usually are."""
        if station.camera is None:
            return station
        judges = station.judges
        limits = self._focus.limits_for(lot, judges.frame_limits)
        return replace(station, judges=replace(judges, frame_limits=limits))

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
        self._spectrometer.store_late()  # a conclusion drawn late must know what the states were
        pending = self._catching_up.catch_up()
        if pending is not None and pending != self._board.status.journal_pending:
            self._board.update(journal_pending=pending)

    def _publish(self, inspection: Inspection) -> None:
        acquisition, conclusion = inspection.acquisition, inspection.conclusion
        verdict, specimen = conclusion.verdict, acquisition.specimen
        seconds = {
            "acquire": acquisition.acquire_seconds,
            "accept": inspection.accept_seconds,
            "infer": conclusion.infer_seconds,
            "record": inspection.record_seconds,
        }
        log.info(
            "inspected",
            number=inspection.number,
            id=acquisition.id,
            specimen=specimen.id,
            lot=specimen.lot,
            roll=specimen.roll,
            position_m=specimen.position_m,
            verdict=verdict.outcome.value,
            reasons=[reason.code.value for reason in verdict.reasons],
            spectrometer=acquisition.spectrometer.serial,
            defects=len(conclusion.defects),
            models=[f"{model.name}@{model.digest[:12]}" for model in conclusion.models],
            **{f"{step}_s": round(took_s, 3) for step, took_s in seconds.items()},
        )
        last = LastInspection(
            inspection.number, specimen.id, verdict.outcome.value, conclusion.concluded_at.isoformat()
        )
        self._board.count(lambda figures: figures.with_inspection(verdict.outcome.value, seconds))
        self._board.update(last_inspection=last)
        self._line.inspected()

    def _announce(self, spectrometer: NirSpectrometer) -> None:
        found_again = self._spectrometer.serial != ""
        is_other = self._watch.opened(spectrometer)
        serial = spectrometer.identity.serial
        if found_again:
            self._note_reconnection(serial)
        else:
            self._first_serial = serial
        if is_other:
            self._note_other_unit(serial)
        self._become(StationState.RUNNING)
        self._alarms.clear("instrument")  # last: who sees the alarm end finds all of it on record

    def _note_reconnection(self, serial: str) -> None:
        """Have it in the history that the spectrometer was gone: its reference is worth another look."""
        self._last_scan = None
        try:
            self._work.store.add_reconnection(serial, self._work.judges.clock.now())
        except StoreUnavailable as error:
            self._catching_up.store_trouble(error)

    def _note_other_unit(self, serial: str) -> None:
        """Say that another unit measures now, until the station starts anew or the first is back."""
        log.warning("another spectrometer", serial=serial, first=self._first_serial)
        self._alarms.clear("changed")
        if serial != self._first_serial:
            self._alarms.raise_alarm(
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
            self._catching_up.store_trouble(error)
            self._watch.judge(Validity(()), ())
            return
        validity = reference_validity(
            white, self._last_scan, instrument, now, standing.reconnected_at, judges.reference_limits
        )
        self._watch.judge(validity, standing.out_of_control)

    def _lose_spectrometer(self, error: InstrumentError) -> None:
        log.warning("instrument lost", error=str(error))
        self._spectrometer.failed(str(error))
        self._alarms.raise_alarm("instrument", str(error))
        self._become(StationState.DEGRADED)

    def _watch_camera(self) -> None:
        """Raise or clear the alarm of the camera, whose loss costs micrographs and no measurement."""
        if self._camera is None:
            return
        if self._camera.is_live():
            self._alarms.clear("camera")
        else:
            self._alarms.raise_alarm("camera", self._camera.trouble)

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

    def _wait(self, seconds: float) -> None:
        """Wait, interruptible by `stop`, with a heartbeat now and then."""
        clock = self._work.judges.clock
        until_s = clock.monotonic_s() + seconds
        while (left_s := until_s - clock.monotonic_s()) > 0 and not self._stop.wait(min(left_s, _WATCH_S)):
            self._line.look()
            self._watch_camera()
            self._board.beat()


def _waits() -> Iterator[float]:
    return growing_waits(_FIRST_WAIT_S, _LONGEST_WAIT_S)
