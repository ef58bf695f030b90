"""What machines learn of a station: signs of life, readiness with reasons, metrics."""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakes import FakeClock, MemoryStore
from prometheus_client.parser import text_string_to_metric_families

from qc_daemon.alarms import Alarms
from qc_daemon.domain.line import LineCounts, LineHealth
from qc_daemon.metrics import exposition, resident_bytes
from qc_daemon.readiness import why_not_alive, why_not_ready
from qc_daemon.status import StatusBoard, read_status


class Published:
    """A board, and what somebody reads of it."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.folder = folder
        self.board = StatusBoard(folder / "status.json", self.clock)
        self.alarms = Alarms(self.board, MemoryStore(), self.clock)
        self.board.update(state="running")

    def read(self) -> dict[str, Any]:
        return read_status(self.folder / "status.json", self.clock.now())

    def metrics(self) -> dict[tuple[str, ...], float]:
        text = exposition(self.read(), self.folder, self.clock.now(), {"mqtt": 3}).decode()
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


def test_a_running_station_lives_and_is_ready(tmp_path: Path) -> None:
    status = Published(tmp_path).read()
    assert (why_not_alive(status), why_not_ready(status)) == ([], [])


def test_a_hanging_station_says_so_to_both_questions(tmp_path: Path) -> None:
    published = Published(tmp_path)
    published.clock.advance(120.0)
    status = published.read()
    assert why_not_alive(status) == why_not_ready(status) == ["the station is hanging"]


def test_a_dead_thread_is_no_sign_of_life(tmp_path: Path) -> None:
    published = Published(tmp_path)
    published.board.update(late={"calendar": 0.0})
    assert why_not_alive(published.read()) == ["no sign of life from calendar"]


def test_a_station_without_its_spectrometer_lives_and_is_not_ready(tmp_path: Path) -> None:
    published = Published(tmp_path)
    published.board.update(state="degraded")
    published.alarms.raise_alarm("instrument", "unplugged")
    status = published.read()
    assert why_not_alive(status) == []
    assert why_not_ready(status) == ["the station is degraded", "alarm instrument: unplugged"]


def test_a_notice_does_not_hold_up_a_station(tmp_path: Path) -> None:
    published = Published(tmp_path)
    published.alarms.raise_alarm("mqtt", "broker away")
    assert why_not_ready(published.read()) == []


def test_inspections_and_their_durations_are_counted_by_verdict_and_step(tmp_path: Path) -> None:
    published = Published(tmp_path)
    for verdict, took_s in (("PASS", 0.02), ("PASS", 0.3), ("REFER", 40.0)):
        published.board.count(lambda figures, v=verdict, s=took_s: figures.with_inspection(v, {"infer": s}))
    published.board.update()
    metrics = published.metrics()
    assert metrics["qc_inspections_total", "PASS"] == 2
    assert metrics["qc_inspections_total", "FAIL"] == 0
    assert metrics["qc_step_seconds_bucket", "0.025", "infer"] == 1
    assert metrics["qc_step_seconds_bucket", "30.0", "infer"] == 2
    assert (
        metrics["qc_step_seconds_bucket", "+Inf", "infer"] == metrics["qc_step_seconds_count", "infer"] == 3
    )
    assert abs(metrics["qc_step_seconds_sum", "infer"] - 40.32) < 1e-9


def test_metrics_say_how_instruments_line_alarms_and_disk_are(tmp_path: Path) -> None:
    published = Published(tmp_path)
    published.board.instrument("camera", "lost", published.clock.now().isoformat(), "cam-1")
    published.board.update(line=LineHealth("plc", "running", "", LineCounts(missed=2)), journal_pending=7)
    published.alarms.raise_alarm("store", "locked")
    published.alarms.acknowledge_alarm("store", "", "Wang", "I look")
    (tmp_path / "qc.sqlite3-wal").write_bytes(b"x" * 4096)
    metrics = published.metrics()
    assert metrics["qc_instrument_state", "camera", "lost"] == 1
    assert metrics["qc_instrument_state", "camera", "ready"] == 0
    assert metrics["qc_line_events_total", "missed"] == 2
    assert metrics["qc_alarms", "yes", "critical"] == 1
    assert metrics["qc_alarms", "no", "critical"] == 0
    assert metrics["qc_journal_pending",] == 7
    assert metrics["qc_wal_bytes",] == 4096
    assert metrics["qc_disk_free_bytes",] > 0
    assert metrics["qc_process_resident_bytes", "station"] > 10**6


def test_a_station_that_never_ran_has_metrics_too(tmp_path: Path) -> None:
    status = read_status(tmp_path / "status.json", FakeClock().now())
    assert b"qc_up 0.0" in exposition(status, tmp_path, FakeClock().now(), {})


def test_messages_that_wait_are_counted_by_destination(tmp_path: Path) -> None:
    assert Published(tmp_path).metrics()["qc_messages_waiting", "mqtt"] == 3


def test_the_memory_of_named_children_goes_by_their_name() -> None:
    assert set(resident_bytes(os.getpid(), {})) >= {"station"}
    assert resident_bytes(0, {}) == {}


def test_the_calendar_counts_what_it_left_out(tmp_path: Path) -> None:
    published = Published(tmp_path)
    published.board.count(lambda figures: replace(figures, jobs_left_out=1, calendar_lag_s=2.5))
    published.board.update()
    metrics = published.metrics()
    assert (metrics["qc_jobs_left_out_total",], metrics["qc_calendar_lag_seconds",]) == (1, 2.5)


def test_the_dashboard_asks_for_metrics_that_there_are(tmp_path: Path) -> None:
    published = Published(tmp_path)
    published.board.instrument("camera", "ready", published.clock.now().isoformat(), "cam-1")
    published.board.count(lambda figures: figures.with_inspection("PASS", {"infer": 0.1}))
    published.board.update(line=LineHealth("plc", "running", "", LineCounts()))
    there = {name for name, *_ in published.metrics()}
    dashboard = Path(__file__).parent.parent.parent / "deploy" / "grafana-dashboard.json"
    asked = set(re.findall(r"qc_[a-z_]+", dashboard.read_text(encoding="utf-8")))
    assert asked <= there
