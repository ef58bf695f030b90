"""`qc-daemon run` and the other commands of a station with a PostgreSQL, which dies meanwhile."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import Ran, qc_daemon
from postgres_server import RealPostgres

_RUN = [sys.executable, "-c", "from qc_daemon.cli import main; main()", "run"]
_TO_LOT_9 = ("--field", "lot", "--value", "L-9", "--who", "Li", "--why", "wrong code")
_ALARM_IS_OVER = "SELECT 1 FROM station_events WHERE code = 'store' AND active = 0"


@pytest.fixture(scope="module")
def station(server: RealPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a station ran through a death of its server, was told to stop, and ended."""
    server.new_database("running")
    folder = tmp_path_factory.mktemp("running")
    (folder / "qc.toml").write_text(
        f'[station]\nfolder = "station"\nlanguage = "en"\n[storage]\nurl = "{server.url("running")}"\n'
        "[emulated_line]\nspecimens = 2\nscan_time_s = 0.05\n[line]\ninterval_s = 0.1\n",
        encoding="utf-8",
    )
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(_RUN, cwd=folder, stdout=log, stderr=log)
        try:

            def wait_for(true: Callable[[], bool]) -> None:
                until_s = time.monotonic() + 90.0
                while not true():
                    assert daemon.poll() is None, (folder / "log").read_text("utf-8")
                    assert time.monotonic() < until_s, (folder / "log").read_text("utf-8")
                    time.sleep(0.05)

            wait_for(lambda: _inspected(folder) >= 2)
            server.kill()
            wait_for(lambda: len(_waiting(folder)) >= 2)
            server.start()
            newest = int(_waiting(folder)[-1].name[:9])
            wait_for(lambda: _inspected(folder) > newest)
            wait_for(lambda: bool(server.rows("running", _ALARM_IS_OVER)))
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(60) == 0, (folder / "log").read_text("utf-8")
        finally:
            daemon.kill()
            daemon.wait()
    yield folder


def _waiting(folder: Path) -> list[Path]:
    return sorted((folder / "station" / "journal").glob("*.acq"))


def _inspected(folder: Path) -> int:
    file = folder / "station" / "status.json"
    last = json.loads(file.read_text("utf-8")).get("last_inspection") if file.exists() else None
    return last["number"] if last else 0


def run(station: Path, *arguments: str) -> Ran:
    return qc_daemon(*arguments, folder=station)


def test_it_measured_on_while_its_server_was_dead_and_keeps_every_promise(station: Path) -> None:
    assert not (station / "station" / "qc.sqlite3").exists()
    found = run(station, "fsck", "--json")
    assert (found.status, found.document["problems"]) == (0, []), found.err
    sql = "SELECT count(*) AS n, max(number) AS newest, count(DISTINCT id) AS ids FROM v_inspections"
    (row,) = run(station, "history", "sql", sql, "--json").document
    assert row["n"] == row["newest"] == row["ids"] >= 4
    alarms = "SELECT DISTINCT code FROM v_alarms WHERE code = 'store'"
    assert run(station, "history", "sql", alarms, "--json").document == [{"code": "store"}]


def test_its_ledger_verifies_its_inspections_replay_and_corrections_and_reports_are_made(
    station: Path,
) -> None:
    assert run(station, "db", "current").status == 0
    corrected = run(station, "correct", "1", *_TO_LOT_9)
    assert corrected.status == 0, corrected.err
    replayed = run(station, "replay", "1", "--json")
    assert replayed.status == 0, replayed.err
    report = run(station, "report", "1", "--out", "one.pdf")
    assert report.status == 0, report.err
    assert (station / "one.pdf").read_bytes().startswith(b"%PDF")
    verified = run(station, "verify", "--ledger", "--json")
    assert verified.status == 0, verified.err
    exported = run(station, "history", "export", "--view", "v_inspections", "--out", "all.csv")
    assert exported.status == 0, exported.err
    assert b"L-9" in (station / "all.csv").read_bytes()


@pytest.mark.parametrize("arguments", [("backup", "copy"), ("history", "serve", "--port", "0")])
def test_what_only_a_file_can_do_is_one_line_that_says_what_to_use(
    station: Path, arguments: tuple[str, ...]
) -> None:
    refused = run(station, *arguments)
    assert refused.status == 2
    assert len(refused.err.strip().splitlines()) == 1
    assert "expected a SQLite file; " in refused.err
    assert "Traceback" not in refused.err
