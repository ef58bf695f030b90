"""Pull the plug of a running station's instruments and measure what that costs.

    python -m benchmarks.device_faults [--long]

Runs `qc-daemon run` with an emulated spectrometer and camera on a pty and a socket, unplugs them in each
phase of a measurement, plugs them in again at the same port, at another port, and as another unit, and
prints how long the alarm took, how long the next measurement took once it was back, and what was stored.
Then the camera fails: while nothing is inspected, how long its alarm takes to come and to go; while the
station measures, the rate of the spectrometer against the rate before. At the end, what the driver adds to
the time that bytes and scan take by themselves. `--long` also keeps it away for a minute.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from instruments.emulators.process import EmulatorProcess
from instruments.nirscan_nano.driver import NirscanNano
from instruments.transport import SerialLink
from models.virtual_mill.specimens import write_mill
from qc_daemon.clock import SystemClock
from qc_daemon.wiring.lines import write_scans_as_tape

_DAEMON = [sys.executable, "-c", "from qc_daemon.cli import main; main()"]
_SCAN_S = 0.4
_BITS_PER_S, _BITS_PER_BYTE = 115200, 10
# Seconds after a measurement has begun: the scan takes 0.4 s, then its file travels for as long.
_PHASES = {"idle": 0.0, "mid-scan": 0.2, "mid-frame": 0.6}
_LONGEST_WAIT_S = 90.0


@dataclass(frozen=True, slots=True)
class Case:
    """When the plug is pulled, for how long, and where and as what it comes back."""

    phase: str
    away_s: float
    back: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case cost, in seconds, and what is wrong with the store afterwards."""

    case: Case
    alarm_s: float
    resume_s: float
    problems: int


class Bench:
    """A folder with fabric, a running station, and its instruments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        dataset = write_mill(folder / "fabric", 2, 3)
        self._tapes = {}
        for serial in ("UNIT-A", "UNIT-B"):
            self._tapes[serial], _ = write_scans_as_tape(dataset, folder / serial, serial)
        self.images = folder / "fabric" / "images"

    def spectrometer(self, serial: str, port: str) -> EmulatorProcess:
        """Return an emulator that plugs in at a port of the folder."""
        options = ["--scan-time-s", str(_SCAN_S), "--baud-paced", "--symlink", str(self.folder / port)]
        tape = ["--tape", str(self._tapes[serial])]
        return EmulatorProcess("instruments.emulators.nirscan_nano", [*tape, *options])

    def camera(self) -> EmulatorProcess:
        """Return an emulated camera."""
        return EmulatorProcess("instruments.emulators.mjpeg_camera", ["--images", str(self.images)])

    @contextmanager
    def station(self, interval_s: float, camera_url: str | None) -> Iterator["Station"]:
        """Run a station in a fresh folder."""
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            yield from _run(Path(scratch), f"{self.folder}/nano-*", interval_s, camera_url)


@dataclass(frozen=True, slots=True)
class Station:
    """A running station, seen from outside."""

    folder: Path
    daemon: subprocess.Popen[bytes]

    @property
    def status(self) -> dict[str, Any]:
        """What it publishes; empty before it does."""
        file = self.folder / "station" / "status.json"
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        return found

    @property
    def inspected(self) -> int:
        """Number of its newest inspection."""
        last = self.status.get("last_inspection")
        return int(last["number"]) if last else 0

    def has_alarm(self, code: str) -> bool:
        """Tell whether an alarm is active: "instrument" of a lost spectrometer, "camera" of a camera."""
        return any(text.startswith(f"{code}:") for text in self.status.get("alarms", []))

    def state_of(self, instrument: str) -> str:
        """Return the state of an instrument."""
        return str(self.status.get("instruments", {}).get(instrument, {}).get("state", ""))

    def seconds_until(self, what: Callable[[], bool]) -> float:
        """Wait until it is so and return how long that took."""
        started_s = time.monotonic()
        while not what():
            if self.daemon.poll() is not None or time.monotonic() - started_s > _LONGEST_WAIT_S:
                raise SystemExit(f"the station stopped or hangs: {self.status}")
            time.sleep(0.01)
        return time.monotonic() - started_s


def _run(scratch: Path, port: str, interval_s: float, camera_url: str | None) -> Iterator[Station]:
    camera = f'[camera]\nurl = "{camera_url}"\num_per_pixel = 1.0\n' if camera_url else ""
    config = scratch / "qc.toml"
    config.write_text(
        f'[station]\nfolder = "{scratch / "station"}"\nlanguage = "en"\n[spectrometer]\nport = "{port}"\n'
        f"{camera}[line]\ninterval_s = {interval_s}\n",
        encoding="utf-8",
    )
    with (scratch / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen([*_DAEMON, "run", "--config", str(config)], stdout=log, stderr=log)
    try:
        yield Station(scratch, daemon)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)


def pull_plugs(bench: Bench, cases: list[Case]) -> list[Outcome]:
    """Try each case on a station that measures all the time, or on one that waits for a specimen."""
    outcomes = []
    for idle in (True, False):
        with ExitStack() as stack:
            station = stack.enter_context(bench.station(3600.0 if idle else 0.2, None))
            plugged = stack.enter_context(bench.spectrometer("UNIT-A", "nano-1"))
            plugged.tell("present 0")
            station.seconds_until(lambda station=station: station.inspected >= 1)  # type: ignore[misc]
            for case in cases:
                if (case.phase == "idle") == idle:
                    outcome, plugged = _pull(bench, station, stack, plugged, case)
                    outcomes.append(outcome)
    return outcomes


def _pull(
    bench: Bench, station: Station, stack: ExitStack, plugged: EmulatorProcess, case: Case
) -> tuple[Outcome, EmulatorProcess]:
    """Pull the plug once; return what that cost, and what is plugged in afterwards."""
    if case.phase != "idle":
        station.seconds_until(lambda: station.state_of("spectrometer") != "measuring")
        station.seconds_until(lambda: station.state_of("spectrometer") == "measuring")
        time.sleep(_PHASES[case.phase])
    plugged.tell("unplug")
    alarm_s = station.seconds_until(lambda: station.has_alarm("instrument"))
    time.sleep(case.away_s)
    before = station.inspected
    if case.back == "same port":
        plugged.tell("replug")
    else:
        number = len(list(bench.folder.glob("*.used"))) + 2
        (bench.folder / f"{number}.used").touch()
        serial = "UNIT-B" if case.back == "other unit" else "UNIT-A"
        plugged = stack.enter_context(bench.spectrometer(serial, f"nano-{number}"))
    plugged.tell("present 0")
    if case.phase == "idle":
        resume_s = station.seconds_until(lambda: not station.has_alarm("instrument"))
    else:
        resume_s = station.seconds_until(lambda: station.inspected > before)
    return Outcome(case, alarm_s, resume_s, _problems(station)), plugged


def _problems(station: Station) -> int:
    """Return how many stored things are not whole."""
    checked = subprocess.run(
        [*_DAEMON, "fsck", "--station", str(station.folder / "station"), "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return len(json.loads(checked.stdout)["problems"])


def camera_faults_while_idle(bench: Bench) -> list[tuple[str, float, float]]:
    """Return, of each fault while nothing is inspected, seconds to its alarm, and to its end."""
    rows = []
    with bench.camera() as camera, bench.spectrometer("UNIT-A", "nano-1") as spectrometer:
        camera.tell("present 0")
        spectrometer.tell("present 0")
        with bench.station(3600.0, str(camera.ready["url"])) as station:
            station.seconds_until(lambda: station.inspected >= 1 and station.state_of("camera") == "ready")
            for fault in ("stall", "frozen", "not_found", "stale=30"):
                camera.tell(f"fault {fault}")
                alarm_s = station.seconds_until(lambda: station.has_alarm("camera"))
                camera.tell(f"clear {fault.partition('=')[0]}")
                rows.append((fault, alarm_s, station.seconds_until(lambda: not station.has_alarm("camera"))))
    return rows


def periods_without_camera(bench: Bench, seconds: float) -> list[tuple[str, float, float]]:
    """Return, for each fault of the camera, seconds from inspection to inspection before it and under it."""
    rows = []
    for fault in ("not_found", "stall"):
        with bench.camera() as camera, bench.spectrometer("UNIT-A", "nano-1") as spectrometer:
            camera.tell("present 0")
            spectrometer.tell("present 0")
            with bench.station(2.0, str(camera.ready["url"])) as station:
                station.seconds_until(lambda station=station: station.inspected >= 2)  # type: ignore[misc]
                before = _period_s(station, seconds)
                camera.tell(f"fault {fault}")
                camera.tell("fault drop")
                station.seconds_until(lambda station=station: station.state_of("camera") == "lost")  # type: ignore[misc]
                rows.append((fault, before, _period_s(station, seconds)))
    return rows


def _period_s(station: Station, seconds: float) -> float:
    """Return the median time from one inspection to the next, in s."""
    moments_s = []
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        number = station.inspected
        station.seconds_until(lambda number=number: station.inspected > number)  # type: ignore[misc]
        moments_s.append(time.monotonic())
    return statistics.median(after - before for before, after in pairwise(moments_s))


class _CountingLink(SerialLink):
    """A serial line that counts its bytes."""

    carried = 0

    def read_some(self, timeout_s: float) -> bytes:
        """Read, and count."""
        data = super().read_some(timeout_s)
        self.carried += len(data)
        return data

    def write_all(self, data: bytes) -> None:
        """Write, and count."""
        super().write_all(data)
        self.carried += len(data)


def driver_overhead(bench: Bench, scans: int) -> list[float]:
    """Return seconds that the driver adds to each scan: to its bytes at 115200 baud and the scan itself."""
    added = []
    with bench.spectrometer("UNIT-A", "nano-1") as emulator:
        emulator.tell("present 0")
        link = _CountingLink(emulator.ready["port"])
        with NirscanNano(link, SystemClock()) as nano:
            for _ in range(scans):
                carried, started_s = link.carried, time.monotonic()
                nano.measure()
                wire_s = (link.carried - carried) * _BITS_PER_BYTE / _BITS_PER_S
                added.append(time.monotonic() - started_s - wire_s - _SCAN_S)
    return added


def main() -> None:
    """Measure everything and print it; exit status 1 if something that is not whole was stored."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="also stay away for a minute")
    options = parser.parse_args()
    cases = [Case(phase, 1.0, "same port") for phase in _PHASES]
    cases += [Case("mid-scan", 1.0, "other port"), Case("mid-scan", 1.0, "other unit")]
    if options.long:
        cases += [Case(phase, 60.0, "same port") for phase in _PHASES]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        added = driver_overhead(bench, 20)
        outcomes = pull_plugs(bench, cases)
        idle = camera_faults_while_idle(bench)
        periods = periods_without_camera(bench, 30.0)
    _show(outcomes, added)
    _show_camera(idle, periods)
    sys.exit(1 if any(outcome.problems for outcome in outcomes) else 0)


def _show(outcomes: list[Outcome], added: list[float]) -> None:
    table = Table("unplugged", "away s", "back as", "alarm s", "resumed s", "not whole")
    for one in outcomes:
        case = one.case
        row = (f"{case.away_s:g}", case.back, f"{one.alarm_s:.2f}", f"{one.resume_s:.2f}", str(one.problems))
        table.add_row(case.phase, *row)
    console = Console()
    console.print(table)
    median_s = statistics.median(added)
    console.print(
        f"driver adds {1000 * median_s:.1f} ms (median of {len(added)}; least {1000 * min(added):.1f}, "
        f"most {1000 * max(added):.1f}) to a scan of {_SCAN_S:g} s and its bytes"
    )


def _show_camera(idle: list[tuple[str, float, float]], periods: list[tuple[str, float, float]]) -> None:
    console = Console()
    for fault, alarm_s, end_s in idle:
        console.print(
            f"camera {fault} while idle: alarm after {alarm_s:.2f} s, gone {end_s:.2f} s after the fault"
        )
    for fault, before, during in periods:
        console.print(
            f"camera {fault}: an inspection every {before:.3f} s before, every {during:.3f} s while it lasts "
            f"({100 * (before / during - 1):+.1f} % in rate)"
        )


if __name__ == "__main__":
    main()
