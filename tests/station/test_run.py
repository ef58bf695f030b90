"""`qc-daemon run` on a line whose instruments are other processes, reached as hardware would be."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import qc_daemon

from instruments.emulators.process import EmulatorProcess
from qc_daemon.wiring.lines import write_scans_as_tape

_MAIN = [sys.executable, "-c", "from qc_daemon.cli import main; main()"]


class RunningStation:
    """A daemon with a spectrometer on a symlinked port and a camera on a socket."""

    def __init__(self, folder: Path, spectrometer: EmulatorProcess, daemon: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.spectrometer = spectrometer
        self.daemon = daemon

    @property
    def status(self) -> dict[str, Any]:
        file = self.folder / "station" / "status.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"state": "absent"}

    def wait_for(self, what: Callable[[dict[str, Any]], bool], limit_s: float = 60.0) -> dict[str, Any]:
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            status = self.status
            if what(status):
                return status
            assert self.daemon.poll() is None, (self.folder / "daemon.log").read_text(encoding="utf-8")
            time.sleep(0.05)
        raise AssertionError(f"waited {limit_s} s in vain; the status is {self.status}")

    def inspected(self) -> int:
        last = self.status.get("last_inspection")
        return last["number"] if last else 0


@pytest.fixture
def station(tmp_path: Path) -> Iterator[RunningStation]:
    from models.virtual_mill.specimens import write_mill

    dataset = write_mill(tmp_path / "fabric", 2, 3)
    tape, _ = write_scans_as_tape(dataset, tmp_path, "VIRTUAL")
    port = tmp_path / "nano"
    nano = ["--tape", str(tape), "--scan-time-s", "0.05", "--unpaced", "--symlink", str(port)]
    images = ["--images", str(tmp_path / "fabric" / "images")]
    with (
        EmulatorProcess("instruments.emulators.nirscan_nano", nano) as spectrometer,
        EmulatorProcess("instruments.emulators.mjpeg_camera", images) as camera,
        (tmp_path / "daemon.log").open("wb") as log,
    ):
        spectrometer.tell("present 0")
        camera.tell("present 0")
        config = tmp_path / "qc.toml"
        config.write_text(
            f'[station]\nfolder = "{tmp_path / "station"}"\nlanguage = "en"\n'
            f'[spectrometer]\nport = "{port}"\n'
            f'[camera]\nurl = "{camera.ready["url"]}"\num_per_pixel = 1.0\n'
            '[line]\ninterval_s = 0.1\nlot = "LOT-1"\nroll = "R-1"\nlabel = "cotton 60 polyester 40"\n',
            encoding="utf-8",
        )
        daemon = subprocess.Popen([*_MAIN, "run", "--config", str(config)], stdout=log, stderr=log)
        try:
            yield RunningStation(tmp_path, spectrometer, daemon)
        finally:
            daemon.kill()
            daemon.wait()


def test_an_unplugged_spectrometer_is_found_again_and_the_line_goes_on(station: RunningStation) -> None:
    station.wait_for(lambda status: status["state"] == "running" and station.inspected() >= 2)
    station.spectrometer.tell("unplug")
    lost = station.wait_for(lambda status: status["state"] == "degraded")
    assert lost["instruments"]["spectrometer"]["state"] == "lost"
    assert any(alarm.startswith("instrument:") for alarm in lost["alarms"])
    before = station.inspected()
    station.spectrometer.tell("replug")
    back = station.wait_for(lambda _: station.inspected() > before)
    assert back["instruments"]["spectrometer"]["state"] in ("warming", "measuring")
    assert back["instruments"]["spectrometer"]["serial"] == "VIRTUAL"
    assert back["instruments"]["camera"]["state"] == "ready"
    assert back["alarms"] == []


def test_sigterm_finishes_the_inspection_and_leaves_a_clean_station(station: RunningStation) -> None:
    station.wait_for(lambda _: station.inspected() >= 2)
    assert qc_daemon("status", "--station", station.folder / "station").status == 0
    station.daemon.send_signal(signal.SIGTERM)
    assert station.daemon.wait(30) == 0
    folder = station.folder / "station"
    checked = qc_daemon("fsck", "--station", folder, "--json")
    assert (checked.status, checked.document["problems"]) == (0, [])
    sql = "SELECT count(*) AS n, count(image_sha256) AS images, min(lot) AS lot FROM v_inspections"
    (row,) = qc_daemon("history", "sql", "--station", folder, "--json", sql).document
    assert row["n"] == row["images"] >= 2
    assert row["lot"] == "LOT-1"
    assert qc_daemon("status", "--station", folder).status == 1


def test_a_station_cannot_be_run_twice(station: RunningStation) -> None:
    station.wait_for(lambda status: status["state"] == "running")
    second = qc_daemon("run", "--config", station.folder / "qc.toml")
    assert second.status == 3
    assert str(station.daemon.pid) in second.err
    assert "Traceback" not in second.err
    assert station.daemon.poll() is None


def test_check_looks_at_everything_the_way_the_station_would(station: RunningStation) -> None:
    station.wait_for(lambda status: status["state"] == "running")
    station.daemon.send_signal(signal.SIGTERM)
    assert station.daemon.wait(30) == 0
    checked = qc_daemon("check", "--config", station.folder / "qc.toml", "--json")
    assert checked.status == 0, checked.out
    found = {line["what"]: line["found"] for line in checked.document["checks"]}
    assert set(found) == {"database", "model", "instruments"}
    assert "VIRTUAL" in found["instruments"]


def test_ctrl_c_finishes_the_inspection_on_an_emulated_line_too(tmp_path: Path) -> None:
    """A terminal sends Ctrl-C to all processes of the station; only the station itself may act on it."""
    config = tmp_path / "qc.toml"
    config.write_text(
        f'[station]\nfolder = "{tmp_path / "station"}"\nlanguage = "en"\n'
        "[emulated_line]\nspecimens = 2\nscan_time_s = 0.3\n[line]\ninterval_s = 0.01\n",
        encoding="utf-8",
    )
    log = tmp_path / "daemon.log"
    with log.open("wb") as stream:
        daemon = subprocess.Popen(
            [*_MAIN, "run", "--config", str(config)], stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 60
        while b"certified" not in log.read_bytes():
            assert daemon.poll() is None and time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        os.killpg(daemon.pid, signal.SIGINT)
        assert daemon.wait(30) == 0
    finally:
        daemon.kill()
        daemon.wait()
    assert b"instrument lost" not in log.read_bytes()
    assert b"Traceback" not in log.read_bytes()
    assert qc_daemon("fsck", "--station", tmp_path / "station").status == 0
