"""A real station for tests of the line: `qc-daemon run` as a process beside an emulated spectrometer."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from command_line import Ran, qc_daemon
from line_kit import until

from instruments.emulators.process import EmulatorProcess

_MAIN = [sys.executable, "-c", "from qc_daemon.cli import main; main()"]


class RunningStation:
    """A station that can be killed and started again; its folder stays."""

    def __init__(self, folder: Path, spectrometer: EmulatorProcess, sections: str) -> None:
        self.spectrometer = spectrometer
        self.folder = folder / "station"
        self._log = folder / "daemon.log"
        self._config = folder / "qc.toml"
        self._config.write_text(
            f'[station]\nfolder = "{self.folder}"\nlanguage = "en"\n'
            f'[spectrometer]\nport = "{spectrometer.ready["port"]}"\n{sections}',
            encoding="utf-8",
        )

    def start(self) -> None:
        """Start, and wait until the instruments are connected."""
        with self._log.open("ab") as log:
            self._daemon = subprocess.Popen(
                [*_MAIN, "run", "--config", str(self._config)], stdout=log, stderr=log
            )
        self.wait_for_status(lambda now: now["pid"] == self._daemon.pid and now["state"] == "running")

    def kill(self) -> None:
        """Pull the plug."""
        self._daemon.kill()
        self._daemon.wait()

    def stop(self) -> int:
        """Ask it to end; return its exit status."""
        self._daemon.send_signal(signal.SIGTERM)
        return self._daemon.wait(30)

    def wait_for_status(self, what: Any, limit_s: float = 60.0) -> dict[str, Any]:
        """Return the first published status that fits."""

        def fitting() -> dict[str, Any] | None:
            assert self._daemon.poll() is None, self._log.read_text(encoding="utf-8")
            file = self.folder / "status.json"
            status = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
            return status if status and what(status) else None

        found: dict[str, Any] = until(fitting, limit_s)
        return found

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Ask the history."""
        rows: list[dict[str, Any]] = self._command("history", "sql", "--json", sql).document
        return rows

    def status_text(self) -> str:
        """Return what `qc-daemon status` prints."""
        return self._command("status").out

    def problems(self) -> list[str]:
        """Return every promise that was not kept."""
        found: list[str] = self._command("fsck", "--json").document["problems"]
        return found

    def _command(self, *arguments: str) -> Ran:
        return qc_daemon(*arguments, "--station", self.folder)


@contextmanager
def running_station(folder: Path, tape: Path, sections: str) -> Iterator[RunningStation]:
    """Run a station whose spectrometer scans in 50 ms; its configuration gets `sections`."""
    port = folder / "nano"
    options = ["--tape", str(tape), "--scan-time-s", "0.05", "--unpaced", "--symlink", str(port)]
    with EmulatorProcess("instruments.emulators.nirscan_nano", options) as spectrometer:
        station = RunningStation(folder, spectrometer, sections)
        station.start()
        try:
            yield station
        finally:
            station.kill()
