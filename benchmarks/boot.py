"""How long a station takes from its start to readiness and to its first inspection, on a warm disk.

    python -m benchmarks.boot --starts 3

Starts `qc-daemon run` with an emulated line and the page, asks /readyz until it says yes, and reads the
status until an inspection is there. Prints the median of each in seconds.
"""

import argparse
import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

_CONFIG = """
[station]
folder = "{folder}"
language = "en"
[emulated_line]
specimens = 6
[line]
interval_s = 1
[web]
port = {port}
"""
_DAEMON = [sys.executable, "-c", "from qc_daemon.cli import main; main()"]
_LONGEST_S = 120.0


def boot(folder: Path) -> tuple[float, float]:
    """Start a station once; return the seconds to /readyz and to the first inspection."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config, station = folder / "qc.toml", folder / "station"
    config.write_text(_CONFIG.format(folder=station, port=port), encoding="utf-8")
    (station / "status.json").unlink(missing_ok=True)
    began = time.monotonic()
    with (folder / "log").open("w") as log:
        daemon = subprocess.Popen([*_DAEMON, "run", "--config", str(config)], stdout=log, stderr=log)
    try:
        ready_s = _until(lambda: _is_ready(port), began, daemon)
        inspected_s = _until(lambda: _has_inspected(station / "status.json"), began, daemon)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()
    return ready_s, inspected_s


def _until(condition: Callable[[], bool], began: float, daemon: "subprocess.Popen[bytes]") -> float:
    while not condition():
        if daemon.poll() is not None or time.monotonic() - began > _LONGEST_S:
            raise SystemExit("the station did not come up; see its log")
        time.sleep(0.05)
    return time.monotonic() - began


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1.0) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _has_inspected(file: Path) -> bool:
    return file.exists() and json.loads(file.read_text(encoding="utf-8"))["last_inspection"] is not None


def main(arguments: Sequence[str] | None = None) -> int:
    """Boot several times; exit status 1 if a figure is not reached."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--starts", type=int, default=3)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="qc-boot-") as folder:
        boot(Path(folder))  # warms the disk, and makes the database
        figures = [boot(Path(folder)) for _ in range(chosen.starts)]
    ready_s, inspected_s = (statistics.median(column) for column in zip(*figures, strict=True))
    sys.stdout.write(f"to /readyz {ready_s:.1f} s (at most 5), to an inspection {inspected_s:.1f} s (10)\n")
    return int(ready_s > 5.0 or inspected_s > 10.0)


if __name__ == "__main__":
    sys.exit(main())
