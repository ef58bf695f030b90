"""`rescore` with a real Ray on a real station: killed, resumed, each acquisition judged once."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import Ran, qc_daemon

from benchmarks.rescore import other_version
from models.checkpoint import RELEASED

SPECIMENS = 20
NEW_MODEL = "isic-net-renamed"


def count(station: Path, sql: str) -> int:
    """Return the one number that a question to the station gives."""
    (row,) = qc_daemon("history", "sql", "--station", station, "--json", f"SELECT {sql} AS n").document
    return int(row["n"])


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A station with twenty inspections and a second model."""
    folder = tmp_path_factory.mktemp("rescore")
    assert qc_daemon("mill", "--specimens", SPECIMENS, "--out", folder / "mill").status == 0
    made = qc_daemon("demo", "--replay", folder / "mill", "--station", folder / "station", "--json")
    assert made.status == 0, made.err
    other_version(folder / "station" / "models" / NEW_MODEL)
    return folder / "station"


@pytest.fixture(scope="module")
def acquisitions(station: Path) -> int:
    return count(station, "(SELECT count(*) FROM acquisitions)")


@pytest.fixture(scope="module")
def killed_after(station: Path, acquisitions: int) -> int:
    """Kill a run once it has added something; return how many conclusions that were."""
    command = "from qc_daemon.cli import main; main()"
    arguments = ["rescore", "--model", NEW_MODEL, "--workers", "1", "--station", str(station)]
    with subprocess.Popen(
        [sys.executable, "-c", command, *arguments], start_new_session=True, stderr=subprocess.DEVNULL
    ) as run:
        until_s = time.monotonic() + 240.0
        while run.poll() is None and time.monotonic() < until_s:
            if added(station) > 0:
                os.kill(run.pid, signal.SIGKILL)
                break
            time.sleep(0.02)
        assert run.wait(60) == -signal.SIGKILL
    return added(station)


@pytest.fixture(scope="module")
def resumed(station: Path, killed_after: int) -> Ran:
    return qc_daemon("rescore", "--model", NEW_MODEL, "--workers", 2, "--station", station, "--json")


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


def test_a_killed_run_is_resumed_and_nothing_is_judged_twice(
    station: Path, acquisitions: int, killed_after: int, resumed: Ran
) -> None:
    assert resumed.status == 0, resumed.err
    assert 0 < killed_after < acquisitions, "the kill came too early or too late to show anything"
    assert resumed.document == {
        "drawn": acquisitions - killed_after,
        "judged_before": killed_after,
        "retired": 0,
        "problems": [],
    }
    doubled = "SELECT acquisition_number FROM conclusions GROUP BY acquisition_number HAVING count(*) <> 2"
    assert added(station) == acquisitions
    assert count(station, f"(SELECT count(*) FROM ({doubled}))") == 0
    assert qc_daemon("fsck", "--station", station, "--json").document["problems"] == []


def test_its_conclusions_are_those_of_conclude_bit_for_bit(
    station: Path, acquisitions: int, resumed: Ran, tmp_path: Path
) -> None:
    shares = (
        "SELECT number, fibre, percent, lo_percent, hi_percent, verdict FROM v_fibre_shares"
        " ORDER BY number, fibre"
    )
    copy = shutil.copytree(station, tmp_path / "station")
    rescored = qc_daemon("history", "sql", "--station", copy, "--json", shares).document
    concluded = qc_daemon("conclude", "--all", "--model", station / "models" / NEW_MODEL, "--station", copy)
    assert concluded.status == 0, concluded.err
    assert count(copy, "(SELECT count(*) FROM conclusions)") == 3 * acquisitions
    assert qc_daemon("history", "sql", "--station", copy, "--json", shares).document == rescored
    assert rescored


def test_an_unknown_model_is_one_line_and_status_2(station: Path) -> None:
    refused = qc_daemon("rescore", "--model", "isic-net-99", "--station", station)
    assert refused.status == 2
    assert refused.err.count("\n") == 1
    assert 'no model "isic-net-99"' in refused.err


def test_damaged_bytes_are_named_and_the_others_are_judged(
    station: Path, acquisitions: int, resumed: Ran, tmp_path: Path
) -> None:
    copy = shutil.copytree(station, tmp_path / "station")
    sql = "SELECT number, scan_sha256 FROM v_inspections ORDER BY number DESC LIMIT 1"
    (last,) = qc_daemon("history", "sql", "--station", copy, "--json", sql).document
    (blob,) = (copy / "blobs").rglob(f"*{last['scan_sha256'][4:]}*")
    blob.unlink()
    done = qc_daemon("rescore", "--model", RELEASED, "--workers", 1, "--station", copy, "--json")
    assert done.status == 1, done.err
    assert done.document["drawn"] == acquisitions - 1
    assert [f"inspection {last['number']}:" in problem for problem in done.document["problems"]] == [True]
