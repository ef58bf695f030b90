"""A station that runs for a benchmark: emulated line, page on a free port, one admin."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ADMIN = "Li Wei 李伟"
_DAEMON = [sys.executable, "-c", "from qc_daemon.cli import main; main()"]
_LIMIT_S = 180.0


@dataclass(frozen=True)
class RunningPage:
    """A daemon with a page, and the password of its admin."""

    folder: Path
    address: str
    password: str
    process: subprocess.Popen[bytes]

    def status(self) -> dict[str, Any]:
        """Return what the daemon publishes of itself."""
        status: dict[str, Any] = json.loads(
            (self.folder / "station" / "status.json").read_text(encoding="utf-8")
        )
        return status

    def inspected(self) -> int:
        """Return the number of the newest inspection; 0 before the first."""
        last = self.status()["last_inspection"]
        return int(last["number"]) if last else 0

    def wait_for_inspections(self, count: int) -> None:
        """Wait until so many were made."""
        _until(lambda: self.inspected() >= count, self.process)


@contextmanager
def running_page(
    folder: Path, interval_s: float, settings: str = "", before: Sequence[Sequence[str]] = ()
) -> Iterator[RunningPage]:
    """Run a station in a folder until the end of the block.

    Args:
        folder: an empty one.
        interval_s: time between two specimens.
        settings: more lines of its configuration.
        before: commands that it is given before it starts, without `--config`.
    """
    port = _free_port()
    config = folder / "qc.toml"
    config.write_text(
        f'[station]\nname = "Line 3"\nfolder = "{folder / "station"}"\n[emulated_line]\nspecimens = 48\n'
        f"[line]\ninterval_s = {interval_s}\n[web]\nport = {port}\n{settings}",
        encoding="utf-8",
    )
    password = _asked(config, "users", "add", ADMIN, "--role", "admin")
    for command in before:
        _asked(config, *command)
    log = folder / "daemon.log"
    with log.open("wb") as stream:
        process = subprocess.Popen([*_DAEMON, "run", "--config", str(config)], stdout=stream, stderr=stream)
    try:
        _until(lambda: re.search(rb"page is on", log.read_bytes()) is not None, process)
        page = RunningPage(folder, f"http://127.0.0.1:{port}", password, process)
        page.wait_for_inspections(1)
        yield page
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop a station, the hard way if it does not listen."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _asked(config: Path, *command: str) -> str:
    done = subprocess.run(
        [*_DAEMON, *command, "--config", str(config)], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _until(what: Any, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _LIMIT_S
    while not what():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the station did not get there within {_LIMIT_S:.0f} s")
        time.sleep(0.1)
