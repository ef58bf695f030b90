"""The figures of a station as Prometheus metrics: what it publishes, and what can be seen from outside."""

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from qc_daemon.domain.alarms import Severity
from qc_daemon.domain.supervision import InstrumentState
from qc_daemon.domain.verdict import Outcome
from qc_daemon.figures import BUCKETS_S


def exposition(status: Mapping[str, Any], folder: Path, now: datetime, waiting: Mapping[str, int]) -> bytes:
    """Return the metrics in the text format.

    Args:
        status: as `qc_daemon.status.read_status` gives it.
        folder: of the station.
        now: the aware UTC time.
        waiting: how many messages wait in the outbox, by destination.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Station(status, folder, now, waiting))
    return generate_latest(registry)


class _Station(Collector):
    """One look at a station."""

    def __init__(
        self, status: Mapping[str, Any], folder: Path, now: datetime, waiting: Mapping[str, int]
    ) -> None:
        self._status = status
        self._figures = status["figures"]
        self._folder = folder
        self._now = now
        self._waiting = waiting

    def collect(self) -> Iterable[Metric]:
        """Return everything."""
        yield from self._inspections()
        yield from self._states()
        yield from self._counts()
        yield from self._resources()

    def _inspections(self) -> Iterable[Metric]:
        counted = CounterMetricFamily(
            "qc_inspections", "Inspections since the start, by verdict.", labels=["verdict"]
        )
        for outcome in Outcome:
            counted.add_metric([outcome.value], self._figures["inspections"].get(outcome.value, 0))
        yield counted
        seconds = HistogramMetricFamily("qc_step_seconds", "Duration of a step.", labels=["step"])
        edges = [*map(str, BUCKETS_S), "+Inf"]
        for step, durations in self._figures["seconds"].items():
            cumulated = accumulate(durations["by_bucket"])
            seconds.add_metric([step], list(zip(edges, cumulated, strict=True)), durations["sum_s"])
        yield seconds

    def _states(self) -> Iterable[Metric]:
        status = self._status
        alive = status["state"] not in ("stopped", "hanging")
        yield GaugeMetricFamily("qc_up", "1 while the station turns.", value=alive)
        state = GaugeMetricFamily(
            "qc_instrument_state", "1 for the state that an instrument is in.", labels=["instrument", "state"]
        )
        for name, instrument in status["instruments"].items():
            for possible in InstrumentState:
                state.add_metric([name, possible.value], possible.value == instrument["state"])
        yield state
        alarms = GaugeMetricFamily("qc_alarms", "Active alarms.", labels=["severity", "acknowledged"])
        active = Counter(
            (one["severity"], "yes" if one["state"] == "acknowledged" else "no")
            for one in status["alarm_details"]
        )
        for severity in Severity:
            for taken in ("yes", "no"):
                alarms.add_metric([severity.value, taken], active[severity.value, taken])
        yield alarms
        if status["broker"]:
            connected = status["broker"] == "connected"
            yield GaugeMetricFamily(
                "qc_broker_connected", "1 while the message broker answers.", value=connected
            )

    def _counts(self) -> Iterable[Metric]:
        figures, line = self._figures, self._status["line"]
        for name, text, value in (
            ("qc_jobs_left_out", "Nightly jobs that did not run.", figures["jobs_left_out"]),
            ("qc_jobs_failed", "Nightly jobs that failed.", figures["jobs_failed"]),
            ("qc_child_restarts", "Child processes that were started anew.", figures["restarts"]),
        ):
            yield CounterMetricFamily(name, text, value=value)
        sent = CounterMetricFamily("qc_messages_sent", "Messages sent.", labels=["destination"])
        for destination, count in figures["messages_sent"].items():
            sent.add_metric([destination], count)
        yield sent
        waiting = GaugeMetricFamily(
            "qc_messages_waiting", "Messages that a destination has not got.", labels=["destination"]
        )
        for destination, count in self._waiting.items():
            waiting.add_metric([destination], count)
        yield waiting
        passed = CounterMetricFamily("qc_line_events", "What the line device did.", labels=["event"])
        for event, count in line["counts"].items() if line else ():
            passed.add_metric([event], count)
        yield passed

    def _resources(self) -> Iterable[Metric]:
        status = self._status
        wal = self._folder / "qc.sqlite3-wal"
        for name, text, value in (
            ("qc_journal_pending", "Acquisitions that wait for the database.", status["journal_pending"]),
            ("qc_wal_bytes", "Size of the write-ahead log.", wal.stat().st_size if wal.exists() else 0),
            ("qc_disk_free_bytes", "Free where the data lie.", shutil.disk_usage(self._folder).free),
            ("qc_calendar_lag_seconds", "How late the calendar last was.", self._figures["calendar_lag_s"]),
            (
                "qc_heartbeat_age_seconds",
                "Since the line loop last showed that it turns.",
                self._beat_age_s(),
            ),
        ):
            yield GaugeMetricFamily(name, text, value=value)
        resident = GaugeMetricFamily(
            "qc_process_resident_bytes", "Resident memory, by process.", labels=["process"]
        )
        for process, size in resident_bytes(int(status["pid"]), status["processes"]).items():
            resident.add_metric([process], size)
        yield resident

    def _beat_age_s(self) -> float:
        beaten_at = self._status["heartbeat_at"]
        return (self._now - datetime.fromisoformat(beaten_at)).total_seconds() if beaten_at else float("inf")


def resident_bytes(pid: int, names: Mapping[str, int]) -> dict[str, int]:
    """Return the resident memory of a station's process and its children, by what they are.

    `names` are those children that have one; others are told by their command, and several of a kind count
    together. Nothing where the system does not tell.
    """
    named = {number: name for name, number in names.items()} | {pid: "station"}
    sizes: Counter[str] = Counter()
    for number in [pid, *_descendants(pid)] if pid else []:
        try:
            pages = int(Path(f"/proc/{number}/statm").read_text(encoding="ascii").split()[1])
            name = named.get(number) or _kind_of(Path(f"/proc/{number}/cmdline").read_bytes())
        except (OSError, IndexError):
            continue  # it has just ended
        sizes[name] += pages * 4096
    return dict(sizes)


def _descendants(pid: int) -> list[int]:
    found = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(number) for number in tasks.read_text(encoding="ascii").split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found


def _kind_of(command: bytes) -> str:
    if b"render_process" in command:
        return "renderer"
    if b"emulators" in command:
        return "emulator"
    return "tracker" if b"resource_tracker" in command else "worker"
