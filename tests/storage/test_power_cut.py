"""The power goes at any moment: what was acknowledged is there, and what was not flushed does not matter."""

import dataclasses
import re
import shutil
import subprocess

import pytest

from benchmarks.disk_model import Loss
from benchmarks.power_cut import Recording, cut_points, problems_after, record

CUTS = 12


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Recording:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed; it records what the station asks of the disk")
    try:
        return record(tmp_path_factory.mktemp("recorded"), acquisitions=2)
    except subprocess.CalledProcessError as error:
        if b"ptrace" in error.stderr.lower():
            pytest.skip(f"strace may not trace here: {error.stderr.decode()}")
        raise


def test_nothing_acknowledged_is_lost_or_doubled_by_a_power_cut(recording):
    acknowledged = [call for call in recording.calls if call.descriptor == 1]
    assert len(acknowledged) == 4
    problems = [
        (point, loss, problem)
        for point, loss in cut_points(recording, CUTS)
        for problem in problems_after(recording, point, loss, seed=1)
    ]
    assert problems == []


@pytest.mark.parametrize(
    ("unflushed", "problem"),
    [
        ("blobs", "is missing; acquisition 1 needs it|holds nothing of it"),
        ("qc.sqlite3-wal", "inspection 1 does not exist|acquisition 1 .* lost"),
    ],
)
def test_a_station_that_did_not_flush_would_be_found_out(recording, unflushed, problem):
    """The same calls without some of their flushes, cut after the last acknowledgement."""
    careless = [
        call for call in recording.calls if call.what != "flush" or unflushed not in call.path.as_posix()
    ]
    cut = max(index for index, call in enumerate(careless) if call.descriptor == 1) + 1
    found = problems_after(dataclasses.replace(recording, calls=tuple(careless)), cut, Loss.DROPPED, seed=1)
    assert any(re.search(problem, one) for one in found), found
