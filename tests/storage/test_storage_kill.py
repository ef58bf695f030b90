"""Killed at any instant, or with a disk that fails: nothing acknowledged is lost or doubled."""

import multiprocessing
import random
import re
import shutil
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from accepting_child import accept_into
from builders_storage import acquisition, scan, specimen, station_store

from storage.fsck import check_station

KILLS = 15
# A server that has everything imported forks the children: real processes, started in a moment.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["accepting_child"])


def received(connection: Connection) -> list[tuple[int, str]]:
    """What a dead child had acknowledged and nobody had read yet."""
    rest = []
    while True:
        try:
            rest.append(connection.recv())
        except (EOFError, OSError):
            return rest


def accept_and_kill(folder: Path, chance: random.Random) -> list[tuple[int, str]]:
    """Let a process accept some acquisitions and kill it at a random instant of the next ones."""
    reading, writing = PROCESSES.Pipe(duplex=False)
    child = PROCESSES.Process(target=accept_into, args=(folder, writing))
    child.start()
    writing.close()
    # Some are killed while they start and repair what the last one left.
    acknowledged = [reading.recv() for _ in range(chance.randrange(5))]
    time.sleep(chance.uniform(0.0, 0.06))
    child.kill()
    child.join()
    return acknowledged + received(reading)


def assert_kept(folder: Path, acknowledged: list[tuple[int, str]]) -> None:
    """Every acknowledged acquisition is there, once, with its own bytes."""
    with station_store(folder) as store:
        store.recover()
        for number, acquisition_id in acknowledged:
            (summary,) = store.find(acquisition_id)
            assert summary.number == number
            stored = store.load_acquisition(number)
            assert stored.scan.raw == scan(int(stored.specimen.id)).raw
        assert store.add_acquisition(acquisition()).number > max(number for number, _ in acknowledged)
    report = check_station(folder)
    assert report.ok, report.problems
    assert report.notes == () or all("blobs belong to no row" in note for note in report.notes)
    assert report.checked.journal == 0


def test_kills_at_random_instants_lose_and_double_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # for the server's own imports
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    with station_store(tmp_path):
        pass
    acknowledged: list[tuple[int, str]] = []
    for _ in range(KILLS):
        acknowledged += accept_and_kill(tmp_path, chance)
        report = check_station(tmp_path)
        assert report.ok, (seed, report.problems)
    numbers = [number for number, _ in acknowledged]
    assert numbers == sorted(set(numbers)), seed
    assert len(numbers) >= KILLS // 2, seed
    assert_kept(tmp_path, acknowledged)


def paths_of(folder: Path, part: str) -> list[Path]:
    """What is flushed for a part of the station; of the blobs an eighth, so that some come through."""
    if part == "blobs":
        return [folder / "blobs" / f"{prefix:02x}" for prefix in range(32)]
    return [folder / part]


def accept_with_failing_flushes(
    folder: Path, paths: list[Path], first: int
) -> subprocess.CompletedProcess[str]:
    """Run a station process whose flushes of `paths` end with EIO, from the `first` on."""
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]
    strace += ["-e", f"inject=fsync,fdatasync:error=EIO:when={first}+"]
    for path in paths:
        strace += ["-P", str(path)]
    program = [sys.executable, str(Path(__file__).with_name("accepting_child.py")), str(folder)]
    return subprocess.run([*strace, *program], capture_output=True, text=True, timeout=50)


@pytest.mark.parametrize(
    ("part", "first", "named"),
    [("journal", 3, "journal"), ("blobs", 1, "blobs"), ("qc.sqlite3-wal", 6, "qc.sqlite3")],
)
def test_a_disk_that_fails_to_flush_ends_the_process_and_a_restart_heals(tmp_path, part, first, named):
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: it makes real system calls fail")
    with station_store(tmp_path) as store:
        about = acquisition(specimen=specimen(id="0"))
        before = [(store.add_acquisition(about).number, about.id)]
    child = accept_with_failing_flushes(tmp_path, paths_of(tmp_path, part), first)
    if "ptrace" in child.stderr:
        pytest.skip(f"tracing a process is not permitted here: {child.stderr.strip()}")
    assert child.returncode != 0
    *_, last_line = child.stderr.splitlines()
    assert re.search(rf"StoreUnavailable: .*/{named}.*(Input/output|I/O) error", last_line), last_line
    lines = [line.split() for line in child.stdout.splitlines()]
    assert_kept(tmp_path, before + [(int(number), acquisition_id) for number, acquisition_id in lines])
