"""The page about the line names what there is, by the numbers that a PLC program will know."""

from pathlib import Path

import pytest

from instruments.emulators.plc import FAULTS as PLC_FAULTS
from instruments.emulators.scanner import FAULTS as SCANNER_FAULTS
from instruments.line.plc_registers import (
    FIBRE_CODES,
    OTHER_FIBRE,
    STATE_CODES,
    STATION_WORDS,
    FaultCode,
    VerdictCode,
    words_to_read,
)
from qc_daemon.domain.fibres import FIBRE_NAMES
from qc_daemon.domain.line import LineCounts

PAGE = (Path(__file__).parents[3] / "docs" / "instruments.md").read_text(encoding="utf-8")
PLC, SCANNER = PAGE.split("## PLC over Modbus TCP")[1].split("## Barcode scanner")


def row_of(register: int) -> str:
    return next(line for line in PLC.splitlines() if line.startswith(f"| {register} |"))


@pytest.mark.parametrize(("page", "faults"), [(PLC, PLC_FAULTS), (SCANNER, SCANNER_FAULTS)])
def test_each_fault_of_the_emulators_is_documented(page: str, faults: dict[str, str]) -> None:
    assert [name for name in faults if f"| `{name}` |" not in page] == []


def test_each_count_is_documented() -> None:
    assert [name for name in LineCounts.__slots__ if f"| `{name}` |" not in PAGE] == []


def test_the_register_map_has_the_codes_of_the_program() -> None:
    assert all(f"{code} {name}" in row_of(24) for name, code in FIBRE_CODES.items())
    assert f"{OTHER_FIBRE} another" in row_of(24)
    assert all(f"{code} {state}" in row_of(21) for state, code in STATE_CODES.items())
    names = {VerdictCode.NONE: "none yet", VerdictCode.NO_VERDICT: "no verdict"}
    assert all(f"{code.value} {names.get(code, code.name)}" in row_of(23) for code in VerdictCode)
    assert all(f"{code.value} " in row_of(27) for code in FaultCode)
    assert row_of(20 + STATION_WORDS - 1).startswith("| 29 | station | alarms")
    assert words_to_read(lot_and_label=True) == 70


def test_each_code_is_of_a_fibre_that_a_label_may_name() -> None:
    assert set(FIBRE_CODES) <= set(FIBRE_NAMES.values())
    assert len(set(FIBRE_CODES.values())) == len(FIBRE_CODES)
