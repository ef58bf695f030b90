"""Keeps the time of a station: its line loop, its child processes, their heartbeats, and the alarms.

The main thread does nothing else, so it notices whatever hangs.
"""

import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from qc_daemon.alarms import Alarms
from qc_daemon.children import Child
from qc_daemon.domain.ports import Clock
from qc_daemon.line_loop import LineLoop
from qc_daemon.service_manager import ServiceManager
from qc_daemon.status import STALE_AFTER_S, StatusBoard

log = structlog.get_logger()

_TURN_S = 0.2
_ROUND_S = 1.0
LEAST_FREE_BYTES = 10**9


class Daemon:
    """Runs one station until it is told to stop, or its line has ended, or something may not go on.

    Args:
        loop: the line loop, run in a thread of its own.
        children: child processes, started already.
        board: the published status, with the line loop's heartbeat.
        alarms: escalated when nobody takes them on.
        manager: hears that all is well only while every heartbeat is fresh.
        threads: whether each thread that should be there is.
        folder: of the station, whose disk must not fill up.
        clock: for heartbeats.
    """

    def __init__(
        self,
        loop: LineLoop,
        children: Sequence[Child],
        board: StatusBoard,
        alarms: Alarms,
        manager: ServiceManager,
        threads: Mapping[str, Callable[[], bool]],
        folder: Path,
        clock: Clock,
    ) -> None:
        self._loop = loop
        self._children = children
        self._board = board
        self._alarms = alarms
        self._manager = manager
        self._threads = threads
        self._folder = folder
        self._clock = clock
        self._told_s = float("-inf")

    def run(self, stop: threading.Event, reload: threading.Event, reread: Callable[[], None]) -> None:
        """Run until `stop` is set or the line loop is over; call `reread` when `reload` is set.

        Raises:
            QcError: the error that the line loop died of, or a child that is out of restarts.
        """
        worker = WatchedThread(self._loop.run, "line-loop")
        worker.start()
        self._manager.tell("READY=1", "STATUS=runs")
        next_round_s = 0.0
        try:
            while worker.is_alive():
                if stop.wait(_TURN_S):
                    break
                if reload.is_set():
                    reload.clear()
                    reread()
                if self._clock.monotonic_s() >= next_round_s:
                    next_round_s = self._clock.monotonic_s() + _ROUND_S
                    self.look()
                worker.join(0.05)
        finally:
            self._manager.tell("STOPPING=1")
            self._loop.stop()
            for child in self._children:
                child.tell_to_end()
            worker.join(STALE_AFTER_S)
        if worker.error is not None:
            raise worker.error

    def look(self) -> None:
        """Look after children, alarms, disk and heartbeats once.

        Raises:
            ChildUnavailable: a child is out of restarts.
        """
        for child in self._children:
            trouble = child.look()
            if trouble:
                self._alarms.raise_alarm("child", f"{child.name} {trouble}", child.name)
                self._board.count(lambda figures: replace(figures, restarts=figures.restarts + 1))
        self._alarms.escalate_due()
        self._watch_disk()
        late = self._late()
        processes = {child.name: child.pid for child in self._children}
        if late != self._board.status.late or processes != self._board.status.processes:
            self._board.update(late=late, processes=processes)
        if late:
            log.error("heartbeats are late", **late)
        else:
            self._tell_all_is_well()

    def _late(self) -> dict[str, float]:
        """Return whose heartbeats are overdue; a child's are looked after by restarting it."""
        late: dict[str, float] = {}
        if self._board.beat_age_s > STALE_AFTER_S:
            late["line-loop"] = round(self._board.beat_age_s)
        late.update({name: 0.0 for name, lives in self._threads.items() if not lives()})
        return late

    def _tell_all_is_well(self) -> None:
        """Feed the watchdog, three times as often as it wants, for a busy computer is late at times."""
        every_s = self._manager.watchdog_s
        if every_s is not None and self._clock.monotonic_s() - self._told_s >= every_s / 3.0 - _TURN_S:
            self._told_s = self._clock.monotonic_s()
            self._manager.tell("WATCHDOG=1")

    def _watch_disk(self) -> None:
        free = shutil.disk_usage(self._folder).free
        if free >= LEAST_FREE_BYTES:
            self._alarms.clear("disk")
        else:
            self._alarms.raise_alarm("disk", f"{free / 1e6:.0f} MB are free in {self._folder}")


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
