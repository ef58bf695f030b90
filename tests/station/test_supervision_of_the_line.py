"""The line loop with a real driver, an emulator in its own process, and a hand at the plug."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from builders import NANO, a_frame
from fakes import FakeCamera, FakeLine, FakeSpectrometer, FakeWriter, MemoryStore, fake_judges, opening

from instruments.camera.mjpeg_http import MjpegHttpCamera
from instruments.emulators.process import EmulatorProcess
from instruments.emulators.tape import Tape, write_tape
from instruments.line.interval import IntervalTrigger
from instruments.nirscan_nano.driver import NirscanNano
from instruments.transport import SerialLink
from instruments.unit_search import search_unit
from qc_daemon.alarms import Alarms
from qc_daemon.clock import SystemClock
from qc_daemon.domain.errors import InstrumentError, LinkLost
from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.line_loop import LineLoop
from qc_daemon.status import StatusBoard
from qc_daemon.workplace import Workplace

PACED = ("--scan-time-s", "0.2", "--baud-paced")


def a_tape(serial: str) -> Tape:
    """One specimen before a white reference."""
    white = np.full(228, 500_000, dtype=np.int64)
    unknown = np.full(1, np.nan)
    return Tape(
        np.linspace(900.0, 1700.0, 228), np.rint(white * np.linspace(0.4, 0.8, 228)).astype(np.int64)[None],
        white[None], np.zeros(1, dtype=np.int64), *[unknown] * 4, ("specimen",), serial, 64, 6,
    )  # fmt: skip


class Running:
    """A line loop in its thread."""

    def __init__(
        self,
        folder: Path,
        open_spectrometer: Callable[[], Any],
        interval_s: float,
        clock: SystemClock | None = None,
        open_camera: Callable[[], Any] | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self.store = MemoryStore()
        self.board = StatusBoard(folder / "status.json", clock)
        line = FakeLine(10**6, has_tile=False)
        work = Workplace(
            judges=fake_judges(clock),  # type: ignore[arg-type]
            store=self.store,
            report_writer=FakeWriter(),
            line=line,
            open_spectrometer=open_spectrometer,
            open_camera=open_camera,
        )
        self.alarms = Alarms(self.board, self.store, clock)
        self._loop = LineLoop(work, IntervalTrigger(line, interval_s, clock), self.board, self.alarms)
        self._thread = threading.Thread(target=self._loop.run)

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.stop()
        self._thread.join(10.0)
        assert not self._thread.is_alive()

    def state_of(self, instrument: str) -> str:
        entry = self.board.status.instruments.get(instrument)
        return entry.state if entry else ""

    @property
    def spectrometer(self) -> tuple[str, str]:
        """State and serial number as published."""
        entry = self.board.status.instruments.get("spectrometer")
        return (entry.state, entry.serial) if entry else ("", "")

    def wait_for(self, what: Callable[[], bool], limit_s: float = 10.0) -> float:
        """Wait until it is so; return how long that took."""
        started = time.monotonic()
        while not what():
            assert self._thread.is_alive(), "the loop has died"
            assert time.monotonic() - started < limit_s, (self.board.status, self.store.events)
            time.sleep(0.01)
        return time.monotonic() - started

    def last_codes(self) -> list[ReasonCode]:
        """What the newest verdict says."""
        if not self.store.conclusions:
            return []
        newest = self.store.conclusions[max(self.store.conclusions)][-1]
        return [reason.code for reason in newest.verdict.reasons]

    def codes(self) -> list[str]:
        return [code for code, _, _ in self.store.events]


@pytest.fixture
def emulate(tmp_path: Path) -> Iterator[Callable[..., EmulatorProcess]]:
    with ExitStack() as stack:

        def start(serial: str, port: Path, *options: str) -> EmulatorProcess:
            tape = tmp_path / f"{serial}.npz"
            write_tape(tape, a_tape(serial))
            arguments = ["--tape", str(tape), "--symlink", str(port), *(options or PACED)]
            one = stack.enter_context(EmulatorProcess("instruments.emulators.nirscan_nano", arguments))
            one.tell("present 0")
            return one

        yield start


def at(port: str, serial: str = "") -> Callable[[], Any]:
    return lambda: search_unit(port, serial, lambda one: NirscanNano(SerialLink(one), SystemClock()))


@pytest.mark.parametrize("interval_s", [60.0, 0.0], ids=["idle", "measuring"])
def test_an_unplugged_spectrometer_raises_an_alarm_within_three_seconds_and_resumes_within_ten(
    interval_s: float, emulate: Callable[..., EmulatorProcess], tmp_path: Path
) -> None:
    emulator = emulate("UNIT-A", tmp_path / "nano")
    with Running(tmp_path, at(str(tmp_path / "nano")), interval_s) as line:
        line.wait_for(lambda: len(line.store.conclusions) >= 1)
        if interval_s == 0.0:  # a scan is to be seen while it is taken, also right after another
            line.wait_for(lambda: '"measuring"' in (tmp_path / "status.json").read_text())
        emulator.tell("unplug")
        assert line.wait_for(lambda: bool(line.board.status.alarms)) < 3.0
        assert line.spectrometer == ("lost", "UNIT-A") or line.spectrometer[0] == "connecting"
        stored = len(line.store.acquisitions)
        time.sleep(1.0)  # that is how long it stays away
        emulator.tell("replug")
        emulator.tell("present 0")
        assert line.wait_for(lambda: not line.board.status.alarms) < 10.0
        if interval_s == 0.0:
            line.wait_for(lambda: len(line.store.acquisitions) > stored)
        assert line.codes()[-2:] == ["instrument_lost", "instrument_warming"]
        assert line.store.standing.reconnected_at is not None
    assert all(one.scan.wavelength_nm.size == 228 for one in line.store.acquisitions.values())


def test_an_alarm_that_a_person_took_on_stays_so_however_often_the_spectrometer_is_sought(
    tmp_path: Path,
) -> None:
    attempts = []

    def never_there() -> Any:
        attempts.append(1)
        raise LinkLost(f"attempt {len(attempts)}")

    with Running(tmp_path, never_there, 0.0) as line:
        line.wait_for(lambda: bool(line.alarms.active))
        line.alarms.acknowledge_alarm("instrument", "", "Wang", "a new cable is on its way")
        seen = len(attempts)
        line.wait_for(lambda: len(attempts) >= seen + 2)
        (alarm,) = line.alarms.active
    assert (alarm.message, alarm.acknowledged_by) == ("attempt 1", "Wang")


def test_another_unit_in_its_place_is_told_and_needs_a_reference_of_its_own(
    emulate: Callable[..., EmulatorProcess], tmp_path: Path
) -> None:
    port = tmp_path / "nano"
    first = emulate("UNIT-A", port)
    with Running(tmp_path, at(str(port)), 0.0) as line:
        line.wait_for(lambda: len(line.store.conclusions) >= 1)
        first.tell("unplug")
        emulate("UNIT-B", port)
        line.wait_for(lambda: line.spectrometer[1] == "UNIT-B")
        line.wait_for(lambda: len(line.store.references) == 2)
        alarm = "changed: spectrometer UNIT-B took the place of UNIT-A; it needs a white reference of its own"
        assert alarm in line.board.status.alarms
        assert ("instrument_changed", "spectrometer", "serial UNIT-B is connected, before it was UNIT-A") in (
            line.store.events
        )
    assert [white.instrument.serial for white in line.store.references] == ["UNIT-A", "UNIT-B"]
    assert all(
        one.white is not None and one.white.instrument.serial == one.spectrometer.serial
        for one in line.store.acquisitions.values()
    )


def test_the_alarm_of_another_unit_ends_only_when_the_first_is_back(tmp_path: Path) -> None:
    def unit(serial: str, *answers: float | Exception) -> FakeSpectrometer:
        return FakeSpectrometer(answers, replace(NANO, serial=serial))

    pulled = (100_000.0, LinkLost("unplugged"))
    sessions = [unit("A", *pulled), unit("B", *pulled), unit("C", *pulled), unit("A")]
    with Running(tmp_path, opening(*sessions), 0.01) as line:
        for serial in "BC":
            alarm = f"spectrometer {serial} took the place of A; it needs a white reference of its own"
            line.wait_for(lambda alarm=alarm: line.store.alarms.get("changed") == alarm)
        line.wait_for(lambda: line.spectrometer == ("ready", "A"))
        line.wait_for(lambda: line.store.alarms == {} and not line.board.status.alarms)


def test_a_unit_is_found_by_its_serial_number_wherever_it_is_plugged_in(
    emulate: Callable[..., EmulatorProcess], tmp_path: Path
) -> None:
    here = emulate("UNIT-A", tmp_path / "nano-1")
    emulate("UNIT-B", tmp_path / "nano-2")
    with Running(tmp_path, at(f"{tmp_path}/nano-*", "UNIT-A"), 0.0) as line:
        line.wait_for(lambda: len(line.store.conclusions) >= 1)
        here.tell("unplug")
        line.wait_for(lambda: bool(line.board.status.alarms))
        emulate("UNIT-A", tmp_path / "nano-3")
        line.wait_for(lambda: not line.board.status.alarms)
        seen = len(line.store.acquisitions)
        line.wait_for(lambda: len(line.store.acquisitions) > seen)
    assert {one.spectrometer.serial for one in line.store.acquisitions.values()} == {"UNIT-A"}


def test_a_spectrometer_that_was_never_found_is_absent_and_not_lost(tmp_path: Path) -> None:
    with Running(tmp_path, at(str(tmp_path / "nowhere")), 0.0) as line:
        line.wait_for(lambda: "instrument_absent" in line.codes())
        line.wait_for(lambda: line.spectrometer == ("absent", ""))
    assert line.codes() == ["instrument_absent"]  # told once, however often it is sought


def test_events_of_a_night_without_a_database_come_into_the_history_in_order(tmp_path: Path) -> None:
    failing = FakeSpectrometer([100_000.0, LinkLost("unplugged")])
    with Running(tmp_path, opening(failing, FakeSpectrometer()), 0.05) as line:
        line.store.database_down = True
        line.wait_for(
            lambda: "instrument" in str(line.board.status.alarms) or len(line.store.acquisitions) > 3
        )
        line.wait_for(lambda: len(line.store.acquisitions) > 3)
        line.store.database_down = False
        line.wait_for(lambda: "instrument_lost" in line.codes())
    states = [code for code in line.codes() if code.startswith("instrument_")]
    lost = states.index("instrument_lost")
    assert states[lost + 1] == "instrument_warming"


class SteppedClock(SystemClock):
    """The clocks of this computer, of which the one for people is `step` ahead."""

    step = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.step


@pytest.mark.parametrize("hours", [1, -1, 24, -24])
def test_setting_the_clock_changes_neither_the_rate_nor_the_order_and_is_on_record(
    hours: int, tmp_path: Path
) -> None:
    clock = SteppedClock()
    with Running(tmp_path, opening(FakeSpectrometer()), 0.2, clock) as line:
        line.wait_for(lambda: len(line.store.acquisitions) >= 6)
        clock.step = timedelta(hours=hours)
        line.wait_for(lambda: len(line.store.acquisitions) >= 12)
    moments_s = [one.triggered_monotonic_s for _, one in sorted(line.store.acquisitions.items())]
    assert moments_s == sorted(moments_s)
    assert np.median(np.diff(moments_s)) == pytest.approx(0.2, rel=0.05)
    (event,) = [message for code, _, message in line.store.events if code == "clock_set"]
    assert event.startswith(f"the clock of the computer was set by {3600 * hours:+d}")


@pytest.mark.parametrize("setter", ["station", "device"])
def test_a_certificate_remarks_that_station_and_device_disagree_about_the_time(
    setter: str, emulate: Callable[..., EmulatorProcess], tmp_path: Path
) -> None:
    emulator, clock = emulate("UNIT-A", tmp_path / "nano", "--scan-time-s", "0", "--unpaced"), SteppedClock()
    with Running(tmp_path, at(str(tmp_path / "nano")), 0.0, clock) as line:
        line.wait_for(lambda: len(line.store.conclusions) >= 1)
        if setter == "station":
            clock.step = timedelta(hours=-1)
        else:
            emulator.tell("fault clock_jump=-86400")
        line.wait_for(lambda: ReasonCode.CLOCKS_DISAGREE in line.last_codes())
    first = line.store.conclusions[1][-1].verdict.reasons
    assert ReasonCode.CLOCKS_DISAGREE not in [reason.code for reason in first]


@pytest.fixture(scope="module")
def camera_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    folder = tmp_path_factory.mktemp("images")
    cv2.imwrite(str(folder / "0.png"), a_frame().pixels)
    with EmulatorProcess("instruments.emulators.mjpeg_camera", ["--images", str(folder)]) as emulator:
        yield emulator


@pytest.mark.parametrize(
    ("fault", "state", "says"),
    [("stall", "lost", "no picture from the last 1.5 s"), ("frozen", "degraded", "the camera is frozen")],
)
def test_a_camera_that_fails_while_nothing_is_inspected_raises_an_alarm_that_ends_when_it_is_back(
    fault: str, state: str, says: str, camera_emulator: EmulatorProcess, tmp_path: Path
) -> None:
    def opened() -> MjpegHttpCamera:
        return MjpegHttpCamera(camera_emulator.ready["url"], 1.85, SystemClock())

    with Running(tmp_path, opening(FakeSpectrometer()), 3600.0, open_camera=opened) as line:
        line.wait_for(lambda: line.state_of("camera") == "ready" and len(line.store.conclusions) == 1)
        camera_emulator.tell(f"fault {fault}")
        assert line.wait_for(lambda: bool(line.board.status.alarms)) < 3.0  # 2 s, and a busy machine
        assert says in line.board.status.alarms[0]
        assert state in (line.state_of("camera"), "lost")
        camera_emulator.tell(f"clear {fault}")
        line.wait_for(lambda: not line.board.status.alarms)
        line.wait_for(lambda: line.state_of("camera") == "ready")
    codes = [code for code, subject, _ in line.store.events if subject == "camera"]
    assert codes.count(f"instrument_{state}") == 1 and codes[-1] == "instrument_ready"


def test_a_lost_camera_costs_micrographs_and_not_the_rate_of_the_spectrometer(tmp_path: Path) -> None:
    from qc_daemon.camera_watch import WatchedCamera
    from qc_daemon.domain.waits import growing_waits
    from qc_daemon.supervision import Supervisor

    clock, store = SystemClock(), MemoryStore()
    board = StatusBoard(tmp_path / "status.json", clock)

    class Stalling(FakeCamera):
        """Gives a frame, then hangs for a second at each question until it is healed."""

        healed = False
        asked = 0

        def frame_after(self, monotonic_s: float) -> Any:
            self.asked += 1
            if self.asked > 1 and not self.healed:
                time.sleep(1.0)
                raise LinkLost("the stream stalls")
            return a_frame()

    stalling = Stalling(a_frame())

    @contextmanager
    def opened() -> Iterator[Any]:
        yield stalling

    supervisor = Supervisor("camera", board, store, clock)
    with WatchedCamera(opened(), supervisor, clock, lambda: growing_waits(0.05, 0.2)) as camera:
        camera.frame_after(0.0)
        with pytest.raises(LinkLost):
            camera.frame_after(1.0)  # the first loss is waited for
        assert board.status.instruments["camera"].state == "lost"
        for moment in range(2, 8):
            started = time.monotonic()
            with pytest.raises(InstrumentError):
                camera.frame_after(float(moment))
            assert time.monotonic() - started < 0.6
        stalling.healed = True
        deadline = time.monotonic() + 5.0
        while board.status.instruments["camera"].state != "ready":
            assert time.monotonic() < deadline
            try:
                camera.frame_after(9.0)
            except InstrumentError:
                time.sleep(0.05)
    codes = [code for code, _, _ in store.events]
    assert codes[0] == "instrument_warming"
    assert codes.count("instrument_lost") == 1
