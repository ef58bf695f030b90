import pytest

from benchmarks.serving import (
    BARE,
    IN_PROCESS,
    STATION,
    Specimen,
    measure_latency,
    measure_worker_memory,
    specimens,
)
from models.checkpoint import RELEASED


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[Specimen]:
    return specimens(tmp_path_factory.mktemp("mill"), 4)


def test_the_worker_process_stays_small_and_keeps_its_size(shown: list[Specimen]) -> None:
    memory = measure_worker_memory(RELEASED, shown, 500)
    assert memory.calls == 500
    assert 30.0 < memory.peak_mb <= 250.0
    assert memory.growth_mb < 5.0


def test_the_three_ways_to_ask_are_timed_on_the_same_specimens(shown: list[Specimen]) -> None:
    rows = measure_latency(RELEASED, shown, 8)
    assert [row.what for row in rows] == [BARE, IN_PROCESS, STATION]
    assert rows[0].times_bare == 1.0
    for row in rows:
        assert 0.0 < row.p50_ms <= row.p95_ms
