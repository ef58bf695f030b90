"""A spectrometer is looked for by its serial number at every port that matches."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from spectrometer_kit import EmulatedBench

from instruments.unit_search import matching_ports, search_unit
from qc_daemon.domain.errors import LinkConfig


@pytest.mark.parametrize("kind", ["nirone", "nirscan-nano", "ocean"])
def test_the_wanted_unit_is_opened_and_another_is_refused_and_let_go(
    kind: str, healthy_bench: Callable[..., EmulatedBench]
) -> None:
    bench = healthy_bench(kind)

    def connect(_port: str) -> Any:
        return bench.connect()

    refused = pytest.raises(LinkConfig, match="has the serial number EM-0042; expected 4711")
    with refused, search_unit(bench.port, "4711", connect):
        pass
    for serial in ("EM-0042", ""):
        with search_unit(bench.port, serial, connect) as spectrometer:
            assert spectrometer.measure().serial == "EM-0042"


def test_a_pattern_stands_for_the_ports_that_are_there_now(tmp_path: Path) -> None:
    for name in ("nano-2", "nano-1", "scanner"):
        (tmp_path / name).touch()
    assert matching_ports(f"{tmp_path}/nano-*") == [f"{tmp_path}/nano-1", f"{tmp_path}/nano-2"]
    assert matching_ports(f"{tmp_path}/nano-1") == [f"{tmp_path}/nano-1"]
    assert matching_ports("socket://host:4001") == ["socket://host:4001"]


def test_a_pattern_without_a_port_says_so(tmp_path: Path) -> None:
    refused = pytest.raises(LinkConfig, match=r"no port matches .*nano-\*; expected at least one")
    with refused, search_unit(f"{tmp_path}/nano-*", "", lambda port: pytest.fail(port)):
        pass
