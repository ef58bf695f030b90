"""What the station does by the clock on the wall: jobs of the night, one after the other.

Only calendar work: an interval job stops for an hour when the clock is set back by one. Jobs live in
memory and are declared anew at each start, for a database job store lets the scheduler thread die silently.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

import structlog
from apscheduler.events import (
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    EVENT_JOB_SUBMITTED,
    JobEvent,
    JobSubmissionEvent,
)
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from qc_daemon.alarms import Alarms
from qc_daemon.status import StatusBoard

log = structlog.get_logger()

_TICK = "tick"


@dataclass(frozen=True, slots=True)
class NightlyJob:
    """Work of every day at a time of UTC; what `work` raises becomes an alarm."""

    name: str
    hour: int
    minute: int
    work: Callable[[], None]


class Calendar:
    """Runs jobs at their times, one at a time, from `with` until its end.

    Args:
        jobs: of every day.
        alarms: hear of jobs that fail or are left out.
        board: counts them, and how late the calendar is.
    """

    def __init__(self, jobs: Sequence[NightlyJob], alarms: Alarms, board: StatusBoard) -> None:
        self._alarms = alarms
        self._board = board
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(1), _TICK: ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for job in jobs:
            self._scheduler.add_job(self._guarded(job), "cron", hour=job.hour, minute=job.minute, id=job.name)
        self._scheduler.add_job(_nothing, "cron", minute="*", id=_TICK, executor=_TICK)
        self._scheduler.add_listener(self._note_lag, EVENT_JOB_SUBMITTED)
        self._scheduler.add_listener(self._note_left_out, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)

    def __enter__(self) -> Self:
        self._scheduler.start()
        # Its own word for "running" stays true after its thread has died.
        self._threads = [one for one in threading.enumerate() if one.name == "APScheduler"]
        return self

    def __exit__(self, *_: object) -> None:
        self._scheduler.shutdown(wait=False)

    def lives(self) -> bool:
        """Tell whether its thread is there."""
        return any(thread.is_alive() for thread in self._threads)

    def _guarded(self, job: NightlyJob) -> Callable[[], None]:
        def run() -> None:
            log.info("nightly job", name=job.name)
            try:
                job.work()
            except Exception as error:
                log.exception("nightly job failed", name=job.name)
                self._board.count(lambda figures: replace(figures, jobs_failed=figures.jobs_failed + 1))
                self._alarms.raise_alarm("job", str(error), job.name)
            else:
                self._alarms.clear("job", job.name)

        return run

    def _note_lag(self, event: JobSubmissionEvent) -> None:
        lag_s = max((datetime.now(UTC) - event.scheduled_run_times[-1]).total_seconds(), 0.0)
        self._board.count(lambda figures: replace(figures, calendar_lag_s=lag_s))

    def _note_left_out(self, event: JobEvent) -> None:
        if event.job_id == _TICK:
            return
        log.error("nightly job left out", name=event.job_id)
        self._board.count(lambda figures: replace(figures, jobs_left_out=figures.jobs_left_out + 1))
        self._alarms.raise_alarm("job", "was left out: the one before still runs", event.job_id)


def _nothing() -> None:
    """Be due each minute, so that the calendar's lag is seen before the night."""
