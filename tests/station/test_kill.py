"""The short form of `python -m benchmarks.kill_station --kills 50`."""

from pathlib import Path

from benchmarks.kill_station import kill_repeatedly


def test_killed_at_random_moments_the_station_loses_and_doubles_nothing(tmp_path: Path) -> None:
    outcome = kill_repeatedly(tmp_path, kills=3, seed=7)
    assert outcome.problems == []
    assert outcome.accepted > 0
