"""Does what a stop or an outage left undone: drain the journal, conclude, report."""

import functools

import structlog

from qc_daemon.alarms import Alarms
from qc_daemon.domain.errors import ReportFailed, StoreUnavailable, Unavailable
from qc_daemon.figures import Figures
from qc_daemon.pipeline import certify, conclude
from qc_daemon.status import StatusBoard
from qc_daemon.workplace import Workplace

log = structlog.get_logger()


class CatchingUp:
    """Keeps what is owed to stored acquisitions, and what is said of a store that does not answer.

    Args:
        workplace: store, judges and report writer.
        alarms: hear what cannot be done.
        board: has the heartbeat, which must go on through the journal of a long night, and the figures.
    """

    def __init__(self, workplace: Workplace, alarms: Alarms, board: StatusBoard) -> None:
        self._work = workplace
        self._alarms = alarms
        self._board = board
        self._undecidable: set[int] = set()

    def work_with(self, workplace: Workplace) -> None:
        """Go on with another workplace, such as one with other limits."""
        self._work = workplace

    def catch_up(self) -> int | None:
        """Do all of it; return how many acquisitions still wait in the journal, None if nobody knows."""
        try:
            pending = self._work.store.drain()
            self._draw_missing_conclusions()
            self.write_missing_reports()
        except StoreUnavailable as error:
            self.store_trouble(error)
            return None
        self._alarms.clear("store")
        self._alarms.store_late()
        return pending

    def write_missing_reports(self) -> None:
        """Write the certificates that current conclusions lack; the first that fails waits.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        work = self._work
        for number in work.store.unreported():
            acquisition, conclusion = work.store.load_acquisition(number), work.store.load_conclusion(number)
            try:
                report, seconds = certify(
                    work.judges, work.store, work.report_writer, number, acquisition, conclusion
                )
            except ReportFailed as error:
                log.warning("certificate failed; it is tried again", number=number, error=str(error))
                self._alarms.raise_alarm("report", str(error))
                return
            log.info("certified", number=number, report=report.path, report_s=round(seconds, 3))
            self._board.count(functools.partial(Figures.with_step, step="report", took_s=seconds))
            self._board.beat()
        self._alarms.clear("report")

    def store_trouble(self, error: StoreUnavailable) -> None:
        """Go on measuring into the journal.

        Raises:
            StoreUnavailable: not even the journal can be written.
        """
        if not self._work.store.accepting:
            raise error
        log.warning("database unavailable; acquisitions wait in the journal", error=str(error))
        self._alarms.raise_alarm("store", str(error))

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
                self._alarms.raise_alarm("undecided", f"number {number}: {error}")
            self._board.beat()
