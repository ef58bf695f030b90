"""Kill a running station with SIGKILL at random moments and check that it kept every promise.

    python -m benchmarks.kill_station --kills 50 --seed 1

After every kill `qc-daemon fsck` must be clean, and at the end everything that was ever accepted must
be in the database exactly once, with a conclusion. Prints a line a kill and a summary; exit status 1
if a promise was broken.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

_CONFIG = """
[station]
folder = "{folder}"
language = "en"

[emulated_line]
specimens = 6
scan_time_s = 0

[line]
interval_s = 0.01
"""
_DAEMON = [sys.executable, "-c", "from qc_daemon.cli import main; main()"]
_LONGEST_START_S = 60.0
_ALL_SQL = "SELECT number, id FROM v_inspections WHERE verdict <> 'UNDECIDED' ORDER BY number"


@dataclass
class Outcome:
    """What the kills found."""

    kills: int = 0
    accepted: int = 0
    problems: list[str] = field(default_factory=list)


def kill_repeatedly(folder: Path, kills: int, seed: int) -> Outcome:
    """Start the station and kill it `kills` times; then let it recover and compare."""
    dice, outcome = random.Random(seed), Outcome()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "qc.toml"
    station = folder / "station"
    config.write_text(_CONFIG.format(folder=station), encoding="utf-8")
    accepted: set[str] = set()
    for number in range(1, kills + 1):
        alive_s = _kill_once(config, station, dice)
        outcome.kills += 1
        accepted |= _accepted(station)
        outcome.problems += _fsck(station, f"after kill {number}")
        sys.stdout.write(f"kill {number}: after {alive_s:.2f} s, {len(accepted)} accepted so far\n")
        sys.stdout.flush()
    outcome.problems += _recover(config, station)
    outcome.accepted = len(accepted)
    outcome.problems += _fsck(station, "after recovery") + _compare(station, accepted)
    return outcome


def _kill_once(config: Path, station: Path, dice: random.Random) -> float:
    """Kill the daemon at a moment drawn over its start, its repair and its work."""
    daemon = _start(config)
    started = time.monotonic()
    if dice.random() < 0.75:  # most kills hit the running line, the others its start and repair
        _wait_until_running(station, daemon)
        time.sleep(dice.uniform(0.0, 2.0))
    else:
        time.sleep(dice.uniform(0.0, 4.0))
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    return time.monotonic() - started


def _start(config: Path) -> subprocess.Popen[bytes]:
    log = (config.parent / "daemon.log").open("ab")
    return subprocess.Popen([*_DAEMON, "run", "--config", str(config)], stdout=log, stderr=log)


def _wait_until_running(station: Path, daemon: subprocess.Popen[bytes]) -> None:
    status = station / "status.json"
    deadline = time.monotonic() + _LONGEST_START_S
    while time.monotonic() < deadline:
        if daemon.poll() is not None:
            raise SystemExit(f"the daemon ended by itself with status {daemon.returncode}; see daemon.log")
        if status.exists() and _published(status) == ("running", daemon.pid):
            return
        time.sleep(0.02)
    raise SystemExit("the station did not come up")


def _published(status: Path) -> tuple[str, int]:
    document = json.loads(status.read_text(encoding="utf-8"))
    return document["state"], document["pid"]


def _recover(config: Path, station: Path) -> list[str]:
    """Let the station come up, repair itself, and end as a service manager ends it."""
    daemon = _start(config)
    _wait_until_running(station, daemon)
    daemon.send_signal(signal.SIGTERM)
    status = daemon.wait(60)
    return [] if status == 0 else [f"after SIGTERM the station ended with status {status}"]


def _accepted(station: Path) -> set[str]:
    """Return the ids of all that is accepted: rows of the database and whole journal files."""
    rows = _query(station, "SELECT id FROM v_inspections")
    waiting = [file.stem.partition("-")[2] for file in (station / "journal").glob("*.acq")]
    return {str(row["id"]) for row in rows} | set(waiting)


def _query(station: Path, sql: str) -> list[dict[str, object]]:
    if not (station / "qc.sqlite3").exists():
        return []
    result = subprocess.run(
        [*_DAEMON, "history", "sql", "--station", str(station), "--json", sql],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode != 0:
        return []
    rows: list[dict[str, object]] = json.loads(result.stdout)
    return rows


def _fsck(station: Path, when: str) -> list[str]:
    if not (station / "qc.sqlite3").exists():
        return []
    result = subprocess.run(
        [*_DAEMON, "fsck", "--station", str(station), "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not result.stdout:
        return [f"{when}: fsck failed: {result.stderr.strip()}"]
    return [f"{when}: {problem}" for problem in json.loads(result.stdout)["problems"]]


def _compare(station: Path, accepted: set[str]) -> list[str]:
    stored = [str(row["id"]) for row in _query(station, _ALL_SQL)]
    problems = [f"accepted, but not in the database: {one}" for one in sorted(accepted - set(stored))]
    problems += [f"stored twice: {one}" for one in sorted({one for one in stored if stored.count(one) > 1})]
    return problems


def main() -> None:
    """Run the long form and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = kill_repeatedly(Path(folder), options.kills, options.seed)
    for problem in outcome.problems:
        sys.stdout.write(f"PROBLEM {problem}\n")
    sys.stdout.write(
        f"{outcome.kills} kills, {outcome.accepted} accepted, {len(outcome.problems)} problems\n"
    )
    sys.exit(1 if outcome.problems else 0)


if __name__ == "__main__":
    main()
