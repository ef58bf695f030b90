"""`rescore` with a real Ray on a real station: killed, resumed, each acquisition judged once.

The run that is killed starts a Ray of its own; the others join one that this file has started.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Ran, qc_daemon

from benchmarks.rescore import measure_again, other_version
from models.checkpoint import RELEASED
from qc_daemon.wiring.archive import archive_config
from qc_daemon.wiring.station import open_repaired_store

MEASURED = 2  # by the demonstration, which judges and certifies them
ACQUISITIONS = 14
NEW_MODEL = "isic-net-renamed"
_LISTENS = "0A"  # of /proc/net/tcp
_LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def count(station: Path, sql: str) -> int:
    """Return the one number that a question to the station gives."""
    (row,) = qc_daemon("history", "sql", "--station", station, "--json", f"SELECT {sql} AS n").document
    return int(row["n"])


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A station with two inspections, twelve acquisitions that nobody judged, and a second model."""
    folder = tmp_path_factory.mktemp("rescore") / "station"
    made = qc_daemon("demo", "--specimens", MEASURED, "--station", folder, "--json")
    assert made.status == 0, made.err
    measure_again(folder, ACQUISITIONS)
    other_version(folder / "models" / NEW_MODEL)
    return folder


@pytest.fixture(scope="module")
def ray_there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Ray that does not end with a command."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=2",
        "--node-ip-address=127.0.0.1", f"--port={port}", "--include-dashboard=false",
        f"--temp-dir={tmp_path_factory.mktemp('r')}",
    ]  # fmt: skip
    quiet = {"start_new_session": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    stays = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}  # on the loopback
    head = subprocess.Popen(command, env=os.environ | stays, **quiet)
    try:
        wait_for_port(port)
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(head.pid, signal.SIGKILL)
        head.wait(60)


@pytest.fixture(scope="module")
def killed(station: Path) -> tuple[int, set[str]]:
    """Kill a run once it has added something; return how many conclusions, and where its Ray listened."""
    command = "from qc_daemon.cli import main; main()"
    arguments = ["rescore", "--model", NEW_MODEL, "--workers", "1", "--station", str(station)]
    with subprocess.Popen(
        [sys.executable, "-c", command, *arguments], start_new_session=True, stderr=subprocess.DEVNULL
    ) as run:
        until_s = time.monotonic() + 240.0
        while run.poll() is None and time.monotonic() < until_s and added(station) == 0:
            time.sleep(0.02)
        assert run.poll() is None, "it ended before it could be killed"
        listened = listening(run.pid)
        os.kill(run.pid, signal.SIGKILL)
        assert run.wait(60) == -signal.SIGKILL
    return added(station), listened


@pytest.fixture(scope="module")
def resumed(station: Path, killed: tuple[int, set[str]], ray_there: str) -> Ran:
    return rescored(station, NEW_MODEL, ray_there)


def rescored(station: Path, model: object, address: str) -> Ran:
    place = ("--station", station, "--ray", address)
    return qc_daemon("rescore", "--model", model, "--workers", 2, *place, "--json")


def added(station: Path) -> int:
    """Return how many conclusions the new model drew, without a process of its own."""
    from storage.inspection_reader import open_inspections
    from storage.tables import ConclusionModelRow, ModelRow

    with (
        open_inspections(station, None, {}, lambda _encoded, _name: None) as reader,
        reader.reading() as session,
    ):  # type: ignore[arg-type, return-value]
        query = session.query(ConclusionModelRow).join(ConclusionModelRow.model)
        return query.filter(ModelRow.name == NEW_MODEL).count()


def owed(station: Path) -> list[int]:
    """Return the acquisitions whose current conclusion waits for a certificate."""
    with open_repaired_store(archive_config(station / "qc.toml", station)) as store:
        return list(store.unreported())


def wait_for_port(port: int) -> None:
    until_s = time.monotonic() + 120.0
    while True:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < until_s, "Ray did not start"
        time.sleep(0.1)


def listening(session: int) -> set[str]:
    """Return the addresses, as /proc/net writes them, where the processes of a session listen."""
    inodes = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int((process / "stat").read_text().rpartition(") ")[2].split()[3]) == session:
                inodes |= {str(file.readlink()) for file in (process / "fd").iterdir()}
        except OSError:
            continue  # it has ended
    tables = [Path("/proc/net", name).read_text() for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()]
    return {row[1].split(":")[0] for row in rows if row[3] == _LISTENS and f"socket:[{row[9]}]" in inodes}


def test_a_ray_of_the_command_listens_to_this_machine_alone(killed: tuple[int, set[str]]) -> None:
    _, listened = killed
    assert listened, "nothing was found to listen: the test looked at the wrong time or place"
    assert listened <= _LOOPBACK


def test_a_killed_run_is_resumed_by_a_ray_that_is_there_and_nothing_is_judged_twice(
    station: Path, killed: tuple[int, set[str]], resumed: Ran
) -> None:
    before, _ = killed
    assert resumed.status == 0, resumed.err
    assert 0 < before < ACQUISITIONS, "the kill came too early or too late to show anything"
    found = resumed.document["judged_before"]
    assert before <= found <= before + 1  # the last may have been on disk and not yet for others to see
    assert resumed.document == {
        "drawn": ACQUISITIONS - found,
        "judged_before": found,
        "retired": 0,
        "problems": [],
    }
    judged = "SELECT DISTINCT acquisition_number FROM conclusions"
    assert added(station) == count(station, f"(SELECT count(*) FROM ({judged}))") == ACQUISITIONS
    assert count(station, "(SELECT count(*) FROM conclusions)") == ACQUISITIONS + MEASURED
    assert qc_daemon("fsck", "--station", station, "--json").document["problems"] == []


def test_only_what_nobody_had_judged_before_is_owed_a_certificate_unless_they_are_wanted(
    station: Path, resumed: Ran, tmp_path: Path
) -> None:
    copy = shutil.copytree(station, tmp_path / "station")
    assert owed(copy) == list(range(MEASURED + 1, ACQUISITIONS + 1))
    wanted = qc_daemon("conclude", "--all", "--certificates", "--station", copy)
    assert wanted.status == 0, wanted.err
    assert owed(copy) == list(range(1, ACQUISITIONS + 1))
    assert qc_daemon("fsck", "--station", copy, "--json").document["problems"] == []


def test_its_conclusions_are_those_of_conclude_bit_for_bit(
    station: Path, resumed: Ran, tmp_path: Path
) -> None:
    shares = (
        "SELECT number, fibre, percent, lo_percent, hi_percent, verdict FROM v_fibre_shares"
        " ORDER BY number, fibre"
    )
    fills = "SELECT acquisition_number, fill_sha256, mask_sha256, evidence_sha256 FROM conclusions"
    newest = f"{fills} WHERE sequence IN (SELECT max(sequence) FROM conclusions GROUP BY acquisition_number)"
    copy = shutil.copytree(station, tmp_path / "station")
    by_rescore = [qc_daemon("history", "sql", "--station", copy, "--json", sql) for sql in (shares, newest)]
    concluded = qc_daemon("conclude", "--all", "--model", station / "models" / NEW_MODEL, "--station", copy)
    assert concluded.status == 0, concluded.err
    assert count(copy, "(SELECT count(*) FROM conclusions)") == 2 * ACQUISITIONS + MEASURED
    by_conclude = [qc_daemon("history", "sql", "--station", copy, "--json", sql) for sql in (shares, newest)]
    assert [one.document for one in by_conclude] == [one.document for one in by_rescore]
    assert all(one.document for one in by_rescore)


def test_an_unknown_model_is_one_line_and_status_2(station: Path) -> None:
    refused = qc_daemon("rescore", "--model", "isic-net-99", "--station", station)
    assert refused.status == 2
    assert refused.err.count("\n") == 1
    assert 'no model "isic-net-99"' in refused.err


def test_damaged_bytes_are_named_and_the_others_are_judged(
    station: Path, resumed: Ran, ray_there: str, tmp_path: Path
) -> None:
    copy = shutil.copytree(station, tmp_path / "station")
    sql = "SELECT max(number) AS number, scan_sha256 FROM v_inspections GROUP BY scan_sha256 ORDER BY number"
    *_, last = qc_daemon("history", "sql", "--station", copy, "--json", sql).document
    damaged = count(copy, f"(SELECT count(*) FROM v_inspections WHERE scan_sha256 = '{last['scan_sha256']}')")
    (blob,) = (copy / "blobs").rglob(f"*{last['scan_sha256'][4:]}*")
    blob.unlink()
    done = rescored(copy, RELEASED, ray_there)
    assert done.status == 1, done.err
    assert done.document["drawn"] == ACQUISITIONS - damaged - done.document["judged_before"]
    assert len(done.document["problems"]) == damaged
    assert f"inspection {last['number']}:" in done.document["problems"][-1]


def test_a_ray_that_is_not_there_is_one_line_and_status_3(station: Path, resumed: Ran) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = rescored(station, RELEASED, address)
    assert refused.status == 3
    assert refused.err.count("\n") == 1, refused.err
    assert f"Ray at {address}" in refused.err
    nonsense = rescored(station, RELEASED, "plant")
    assert (nonsense.status, nonsense.err) == (2, 'qc-daemon: --ray "plant": expected HOST:PORT\n')
