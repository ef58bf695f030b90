"""A night at a station: the calendar of a running daemon does every job when it is due, not when asked."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import qc_daemon

from qc_daemon.calendar import NightlyJob
from qc_daemon.config import load_config
from qc_daemon.logs import log_to_stderr
from qc_daemon.status import read_status
from qc_daemon.wiring import replay, running
from qc_daemon.wiring.nightly import nightly_jobs
from qc_daemon.wiring.replay import Replayed

LIMIT_S = 120.0
CONFIG = """
[station]
folder = "{folder}/station"
[emulated_line]
specimens = 1
[line]
interval_s = 3600
[ledger]
anchor_file = "{folder}/heads.txt"
"""


class Tomorrow(datetime):
    """A day ahead of the clock of this computer, once `ahead` is set."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.now(tz) + cls.ahead


@pytest.fixture
def measured_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[datetime]:
    """When the only inspection of a station was made, whose clocks a test can set."""
    (tmp_path / "qc.toml").write_text(CONFIG.format(folder=tmp_path), encoding="utf-8")
    made = qc_daemon("demo", "--specimens", 1, "--station", tmp_path / "station", "--json").document
    monkeypatch.setattr(Tomorrow, "ahead", timedelta())
    for clock in ("apscheduler.schedulers.base", "qc_daemon.clock", "qc_daemon.calendar"):
        monkeypatch.setattr(f"{clock}.datetime", Tomorrow)
    yield datetime.fromisoformat(made["inspections"][0]["accepted_at"])
    log_to_stderr()


def test_the_calendar_does_every_job_of_the_night(
    tmp_path: Path, measured_at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, replayed = Done(), Spy(replay.replay_sample)
    monkeypatch.setattr(replay, "replay_sample", replayed)
    due = (measured_at + timedelta(days=1)).replace(second=0, microsecond=0)
    monkeypatch.setattr(running, "nightly_jobs", lambda *about: done.soon(nightly_jobs(*about), due))
    config = load_config(tmp_path / "qc.toml")
    with running.open_daemon(config, tmp_path / "qc.toml", lambda _: None) as (daemon, reread):
        stop = threading.Event()
        night = threading.Thread(target=daemon.run, args=(stop, threading.Event(), reread))
        night.start()
        there = done.all_there.wait(LIMIT_S)
        anchored = config.ledger is not None and config.ledger.anchor_file.read_text(encoding="utf-8")
        stop.set()
        night.join(LIMIT_S)
        status = read_status(tmp_path / "station" / "status.json", due)
    assert there, f"only {done.names} were done"
    assert sorted(done.names) == [
        "anchor", "anchor by message", "backup", "check", "ledger", "replay", "reports", "retention",
    ]  # fmt: skip
    assert (status["figures"]["jobs_failed"], status["figures"]["jobs_left_out"]) == (0, 0)
    assert status["alarms"] == []
    assert anchored and len(anchored.splitlines()) == 1
    (found,) = replayed.answers
    assert [one.ok for one in found] == [True]
    kinds = {path.name.split("-")[0] for path in (tmp_path / "station" / "reports").glob("*.pdf")}
    assert {"day", "lot"} <= kinds


class Done:
    """Hears of each job that has run."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.all_there = threading.Event()
        self._count = 0

    def soon(self, jobs: Sequence[NightlyJob], due: datetime) -> list[NightlyJob]:
        """Return the jobs, all due at that minute, and set the clocks two seconds before it."""
        Tomorrow.ahead = due - timedelta(seconds=2) - datetime.now(UTC)
        self._count = len(jobs)
        return [replace(job, hour=due.hour, minute=due.minute, work=self._watched(job)) for job in jobs]

    def _watched(self, job: NightlyJob) -> Any:
        def work() -> None:
            try:
                job.work()
            finally:
                self.names.append(job.name)
                if len(self.names) == self._count:
                    self.all_there.set()

        return work


class Spy:
    """Passes calls on and keeps the answers."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self.answers: list[list[Replayed]] = []

    def __call__(self, *about: Any) -> list[Replayed]:
        answer: list[Replayed] = self._function(*about)
        self.answers.append(answer)
        return answer
