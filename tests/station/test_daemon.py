import threading
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import (
    FakeClock,
    FakeLine,
    FakePredictor,
    FakeSpectrometer,
    FakeWriter,
    MemoryStore,
    fake_judges,
    opening,
)

from instruments.line.interval import IntervalTrigger
from qc_daemon.alarms import Alarms
from qc_daemon.clock import SystemClock
from qc_daemon.daemon import Daemon
from qc_daemon.domain.errors import LinkLost, ReportFailed, StoreUnavailable
from qc_daemon.line_loop import LineLoop
from qc_daemon.service_manager import ServiceManager
from qc_daemon.status import StatusBoard, read_status
from qc_daemon.workplace import Workplace

NO_MANAGER = ServiceManager("", None)


class Bench:
    """A workplace of fakes, its loop and its published status."""

    def __init__(self, folder: Path, sessions: list, specimens: int = 3, **changes) -> None:
        self.store = changes.pop("store", MemoryStore())
        self.writer = changes.pop("writer", FakeWriter())
        self.line = FakeLine(specimens)
        self.file = folder / "status.json"
        self.board = StatusBoard(self.file, SystemClock())
        work = Workplace(
            judges=fake_judges(changes.pop("clock", SystemClock()), **changes),
            store=self.store,
            report_writer=self.writer,
            line=self.line,
            open_camera=None,
            open_spectrometer=opening(*sessions),
        )
        trigger = IntervalTrigger(self.line, 0.0, work.judges.clock)
        self.alarms = Alarms(self.board, self.store, work.judges.clock)
        self.loop = LineLoop(work, trigger, self.board, self.alarms)

    def daemon(self, *children, manager=NO_MANAGER, threads=None) -> Daemon:
        folder, clock = self.file.parent, SystemClock()
        return Daemon(self.loop, children, self.board, self.alarms, manager, threads or {}, folder, clock)

    @property
    def status(self) -> dict:
        return read_status(self.file, SystemClock().now())


def test_the_loop_inspects_and_certifies_until_the_line_ends(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [FakeSpectrometer()])
    bench.loop.run()
    assert list(bench.store.conclusions) == [1, 2, 3]
    assert bench.writer.written == [1, 2, 3]
    assert bench.line.tiles_shown == 1
    assert bench.status["last_inspection"]["specimen"] == "S-3"
    assert bench.status["state"] == "stopped"


def test_a_lost_instrument_is_opened_again_and_the_line_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qc_daemon.line_loop._FIRST_WAIT_S", 0.001)
    lost = FakeSpectrometer([200_000.0, 100_000.0, LinkLost("unplugged")])
    bench = Bench(tmp_path, [lost, LinkLost("not there yet"), FakeSpectrometer()])
    bench.loop.run()
    assert list(bench.store.conclusions) == [1, 2]  # one of three specimens passed by meanwhile
    assert bench.status["instruments"]["spectrometer"]["state"] == "ready"
    assert bench.status["alarms"] == []
    assert bench.store.alarms == {}


def test_what_an_earlier_stop_left_is_concluded_and_certified_first(tmp_path: Path) -> None:
    from builders import an_acquisition

    store = MemoryStore()
    store.add_acquisition(an_acquisition())
    bench = Bench(tmp_path, [FakeSpectrometer()], specimens=0, store=store)
    bench.loop.run()
    assert list(store.conclusions) == [1]
    assert bench.writer.written == [1]


def test_a_locked_database_does_not_stop_acquisition(tmp_path: Path) -> None:
    store = MemoryStore()
    bench = Bench(tmp_path, [FakeSpectrometer()], store=store)
    store.database_down = True
    bench.loop.run()
    assert list(store.acquisitions) == [1, 2, 3]
    assert bench.status["alarms"] == ["store: the database is locked"]


def test_a_broken_journal_ends_the_station(tmp_path: Path) -> None:
    store = MemoryStore()
    store.journal_broken = True
    bench = Bench(tmp_path, [FakeSpectrometer()], store=store)
    with pytest.raises(StoreUnavailable, match="journal"):
        bench.loop.run()


def test_a_failed_certificate_raises_an_alarm_and_is_tried_again(tmp_path: Path) -> None:
    writer = FakeWriter([ReportFailed("renderer hangs")])
    bench = Bench(tmp_path, [FakeSpectrometer()], specimens=2, writer=writer)
    bench.loop.run()
    assert sorted(writer.written) == [1, 2]
    assert bench.status["alarms"] == []


def test_an_acquisition_that_cannot_be_concluded_does_not_stop_every_start(tmp_path: Path) -> None:
    from builders import an_acquisition

    store = MemoryStore()
    store.add_acquisition(an_acquisition())
    predictor = FakePredictor(ZeroDivisionError("poison"))
    bench = Bench(tmp_path, [FakeSpectrometer()], specimens=0, store=store, predictor=predictor)
    bench.loop.run()
    assert store.conclusions == {}
    assert bench.status["alarms"] == ["undecided: number 1: poison"]
    assert store.alarms == {"undecided": "number 1: poison"}


def test_a_stop_ends_the_loop_between_two_inspections(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [FakeSpectrometer()], specimens=10**6)
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    bench.daemon().run(stop, threading.Event(), lambda: None)
    assert len(bench.store.conclusions) == len(bench.store.acquisitions) > 0


def test_the_error_that_the_loop_died_of_reaches_the_process(tmp_path: Path) -> None:
    store = MemoryStore()
    store.journal_broken = True
    bench = Bench(tmp_path, [FakeSpectrometer()], store=store)
    with pytest.raises(StoreUnavailable):
        bench.daemon().run(threading.Event(), threading.Event(), lambda: None)


def test_a_wall_clock_step_does_not_stop_the_loop(tmp_path: Path) -> None:
    clock = FakeClock()
    bench = Bench(tmp_path, [FakeSpectrometer()], clock=clock)
    clock.utc -= timedelta(hours=1)
    bench.loop.run()
    assert list(bench.store.conclusions) == [1, 2, 3]


def test_the_status_of_a_killed_station_is_stopped(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "from pathlib import Path; from qc_daemon.status import StatusBoard\n"
        "from qc_daemon.clock import SystemClock\n"
        f"StatusBoard(Path({str(tmp_path)!r}) / 'status.json', SystemClock()).update(state='running')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert read_status(tmp_path / "status.json", SystemClock().now())["state"] == "stopped"


def test_a_station_whose_heart_does_not_beat_is_hanging(tmp_path: Path) -> None:
    clock = FakeClock()
    board = StatusBoard(tmp_path / "status.json", clock)
    board.update(state="running")
    assert read_status(tmp_path / "status.json", clock.now())["state"] == "running"
    clock.advance(120.0)
    assert read_status(tmp_path / "status.json", clock.now())["state"] == "hanging"
