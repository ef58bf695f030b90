"""The soak, for seconds: many faults, no promise broken."""

from pathlib import Path

from benchmarks.soak import soak


def test_a_station_under_many_faults_keeps_every_promise(tmp_path: Path) -> None:
    seed = 7
    result = soak(tmp_path, seed, inspections=40, seconds=None, scale=8.0)
    assert result.problems == [], f"seed {seed}"
    assert result.inspections >= 40
    assert sum(result.faults.values()) > 0
