"""The station as a service: what the service manager hears, and what is installed where."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from fakes import FakeClock, MemoryStore

from qc_daemon.alarms import Alarms
from qc_daemon.children import Child, ChildLimits, beat
from qc_daemon.clock import SystemClock
from qc_daemon.daemon import Daemon
from qc_daemon.domain.errors import ChildUnavailable
from qc_daemon.service_manager import ServiceManager, service_manager
from qc_daemon.status import StatusBoard

ROOT = Path(__file__).parent.parent.parent
INSTALL = ROOT / "deploy" / "install.sh"


@pytest.fixture
def notify(tmp_path: Path) -> Iterator[socket.socket]:
    """The service manager's end of its socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.setblocking(False)
        yield end


def heard(end: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(end.recv(4096).decode())
        except BlockingIOError:
            return messages


class IdleLoop:
    """A line loop that does nothing until it is stopped."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def run(self) -> None:
        self._stop.wait()

    def stop(self) -> None:
        self._stop.set()


class Bench:
    """A daemon of fakes that talks to a real socket."""

    def __init__(self, folder: Path, *children: Child, loop: IdleLoop | None = None) -> None:
        self.clock = FakeClock()
        self.board = StatusBoard(folder / "status.json", self.clock)
        self.alarms = Alarms(self.board, MemoryStore(), self.clock)
        self.calendar_lives = True
        manager = ServiceManager(str(folder / "notify"), 30.0)
        threads = {"calendar": lambda: self.calendar_lives}
        self.daemon = Daemon(
            loop or IdleLoop(),
            children,
            self.board,
            self.alarms,
            manager,
            threads,
            folder,
            self.clock,  # type: ignore[arg-type]
        )


def test_the_watchdog_is_fed_while_every_heartbeat_is_fresh(tmp_path: Path, notify: socket.socket) -> None:
    bench = Bench(tmp_path)
    bench.daemon.look()
    bench.daemon.look()
    assert heard(notify) == ["WATCHDOG=1"]  # not at every look
    bench.clock.advance(11.0)
    bench.daemon.look()
    assert heard(notify) == ["WATCHDOG=1"]


def test_a_line_loop_that_hangs_is_not_covered_up(tmp_path: Path, notify: socket.socket) -> None:
    bench = Bench(tmp_path)
    bench.clock.advance(91.0)
    bench.daemon.look()
    assert heard(notify) == []
    assert set(bench.board.status.late) == {"line-loop"}
    bench.board.beat()
    bench.daemon.look()
    assert heard(notify) == ["WATCHDOG=1"]
    assert bench.board.status.late == {}


def test_a_dead_calendar_is_not_covered_up(tmp_path: Path, notify: socket.socket) -> None:
    bench = Bench(tmp_path)
    bench.calendar_lives = False
    bench.daemon.look()
    assert heard(notify) == []
    assert set(bench.board.status.late) == {"calendar"}


def test_the_manager_hears_of_start_and_stop(tmp_path: Path, notify: socket.socket) -> None:
    bench, stop = Bench(tmp_path), threading.Event()
    threading.Timer(0.5, stop.set).start()
    bench.daemon.run(stop, threading.Event(), lambda: None)
    messages = heard(notify)
    assert messages[0].splitlines()[0] == "READY=1"
    assert messages[-1] == "STOPPING=1"


def test_a_reload_is_done_once_by_the_main_thread(tmp_path: Path) -> None:
    bench, stop, reload = Bench(tmp_path), threading.Event(), threading.Event()
    done: list[str] = []

    def reread() -> None:
        done.append(threading.current_thread().name)
        stop.set()

    reload.set()
    bench.daemon.run(stop, reload, reread)
    assert done == [threading.current_thread().name]


def test_an_abstract_socket_is_reached() -> None:
    name = f"qc-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(f"\0{name}")
        service_manager({"NOTIFY_SOCKET": f"@{name}"}).tell("READY=1", "STATUS=runs")
        assert end.recv(100) == b"READY=1\nSTATUS=runs"


def test_without_a_service_manager_nobody_is_told(tmp_path: Path) -> None:
    service_manager({}).tell("READY=1")
    ServiceManager(str(tmp_path / "gone"), None).tell("READY=1")


def test_a_watchdog_for_another_process_is_not_ours() -> None:
    ours = {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    assert service_manager(ours).watchdog_s == 30.0
    assert service_manager({**ours, "WATCHDOG_PID": "1"}).watchdog_s is None
    assert service_manager({"WATCHDOG_USEC": "soon"}).watchdog_s is None


def lively(heart: Connection) -> None:
    while beat(heart):
        time.sleep(0.05)


def silent(heart: Connection) -> None:
    beat(heart)
    time.sleep(1000)


def short_lived(_heart: Connection) -> None:
    sys.exit(7)


def until(condition: Callable[[], object], limit_s: float = 30.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def started(target: Callable[..., None], **limits: float) -> Child:
    settings = {"start_s": 30.0, "beat_s": 1.0, "restarts": 1, "window_s": 600.0, "stop_s": 2.0, **limits}
    child = Child("part", target, (), SystemClock(), ChildLimits(**settings))  # type: ignore[arg-type]
    child.start()
    return child


def test_a_lively_child_is_left_alone_and_ends_when_told_to() -> None:
    child = started(lively)
    pid = child.pid
    until(lambda: child.look() == "" and child.beat_age_s < 0.5)
    assert child.pid == pid
    child.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_silent_child_is_restarted() -> None:
    child = started(silent)
    first = child.pid
    until(lambda: "silent for 1 s" in child.look())
    assert child.pid not in (0, first)
    child.stop()


def test_a_child_that_dies_again_and_again_ends_the_station(tmp_path: Path) -> None:
    child = started(short_lived)
    bench = Bench(tmp_path, child)

    def look_until_it_fails() -> None:
        while True:
            bench.daemon.look()
            time.sleep(0.02)

    with pytest.raises(
        ChildUnavailable, match=r"part ended with status 7; its 1 restarts in 600 s are spent"
    ):
        look_until_it_fails()
    assert [alarm.code for alarm in bench.alarms.active] == ["child"]
    assert bench.board.status.figures.restarts == 1
    child.stop()


def test_a_child_ends_while_the_line_still_finishes_its_inspection(tmp_path: Path) -> None:
    child = started(lively)
    until(lambda: child.look() == "" and child.beat_age_s < 0.5)
    pid, in_time = child.pid, threading.Event()

    class BusyLoop(IdleLoop):
        def run(self) -> None:
            super().run()
            until(lambda: Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2] == "Z")
            in_time.set()

    bench, stop = Bench(tmp_path, child, loop=BusyLoop()), threading.Event()
    stop.set()
    bench.daemon.run(stop, threading.Event(), lambda: None)
    assert in_time.is_set()
    child.stop()


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return tmp_path / "opt" / "qc"


def installer(prefix: Path, action: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PREFIX": str(prefix), "UNITS": str(prefix.parent / "units")}
    return subprocess.run(
        ["sh", str(INSTALL), action, "--without-environment"],
        env=environment, text=True, capture_output=True, check=False,
    )  # fmt: skip


def test_installing_twice_is_once_and_keeps_configuration_and_data(prefix: Path) -> None:
    assert installer(prefix, "install").returncode == 0
    release = (prefix / "current").resolve()
    assert (release / "qc_daemon" / "daemon.py").is_file()
    assert f'folder = "{prefix}/station"' in (prefix / "qc.toml").read_text()
    (prefix / "qc.toml").write_text("mine")
    (prefix / "station" / "data").write_text("precious")
    built_at = (release / ".complete").stat().st_mtime_ns
    assert installer(prefix, "install").returncode == 0
    assert (prefix / "current").resolve() == release
    assert (release / ".complete").stat().st_mtime_ns == built_at
    assert (prefix / "qc.toml").read_text() == "mine"
    assert installer(prefix, "uninstall").returncode == 0
    assert sorted(path.name for path in prefix.iterdir()) == ["qc.toml", "station"]
    assert (prefix / "station" / "data").read_text() == "precious"
    assert not (prefix.parent / "units" / "qc-daemon.service").exists()


def test_the_unit_names_the_prefix_and_writes_the_station_folder_only(prefix: Path) -> None:
    installer(prefix, "install")
    unit = (prefix.parent / "units" / "qc-daemon.service").read_text()
    assert "@PREFIX@" not in unit
    assert f"ReadWritePaths={prefix}/station\n" in unit
    assert f"ExecStart={prefix}/current/.venv/bin/qc-daemon run --config {prefix}/qc.toml" in unit
    if shutil.which("systemd-analyze"):
        verified = subprocess.run(
            ["systemd-analyze", "verify", str(prefix.parent / "units" / "qc-daemon.service")],
            text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert "Unknown" not in verified.stderr


def test_a_relative_prefix_is_refused_in_one_line(tmp_path: Path) -> None:
    refused = installer(Path("here"), "install")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
