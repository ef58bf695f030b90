"""Each fault of the emulator, for as long as it lasts: what the page promises is what happens."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from instruments.emulators.nirscan_nano import NANO
from instruments.emulators.process import EmulatorProcess
from instruments.emulators.tape import Tape
from instruments.nirscan_nano.driver import NirscanNano
from instruments.transport import SerialLink
from qc_daemon.clock import SystemClock
from qc_daemon.domain import errors
from qc_daemon.domain.errors import InstrumentError, LinkLost
from qc_daemon.domain.quality import ScanLimits, assess_clocks, assess_scan, assess_spectrum
from qc_daemon.domain.reasons import Reason
from qc_daemon.domain.reference_validity import ReferenceLimits, reference_validity
from qc_daemon.domain.spectrum import Scan, WhiteReference, absorbance_spectrum, reflectance

PAGE = Path(__file__).parents[3] / "docs" / "instruments.md"
LIMITS = ScanLimits()
REPLY_TIMEOUT_S = 0.5  # shorter than the driver's own, so that a lost reply costs less


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the page's table: what the driver or the gates answer while a fault lasts."""

    fault: str
    answer: str
    operator: str


def table() -> list[Row]:
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index("## NIRscan Nano") : text.index("## NIRONE Sensor")]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines()]
    rows = [row for row in cells if len(row) == 4 and row[0].startswith("`")]
    return [Row(row[0].strip("`"), row[2].split("`")[1], row[3]) for row in rows]


@pytest.fixture(scope="module")
def white_of(shared_emulator: EmulatorProcess) -> WhiteReference:
    """A white reference that was read while all was well."""
    clock = SystemClock()
    shared_emulator.tell("present white")
    with NirscanNano(SerialLink(shared_emulator.ready["port"]), clock, repeats=12) as nano:
        scan, identity = nano.measure(), nano.identity
    ones = np.ones(scan.wavelength_nm.size)
    return WhiteReference("white-1", "tile", "tile-1", scan, ones, identity, clock.now())


def answer_to(fault: str, emulator: EmulatorProcess, white: WhiteReference, tape: Tape) -> str:
    """Return the error, or the first thing that the gates say, or whether the scan is the tape's."""
    clock = SystemClock()
    try:
        link = SerialLink(emulator.ready["port"])
        with NirscanNano(link, clock, repeats=12, reply_timeout_s=REPLY_TIMEOUT_S) as nano:
            emulator.tell(f"fault {fault}")
            scan, identity = nano.measure(), nano.identity
    except InstrumentError as error:
        assert "\n" not in str(error)
        return type(error).__name__
    reasons = [
        *assess_scan(scan, LIMITS),
        *reference_validity(white, scan, identity, clock.now(), None, ReferenceLimits()).reasons,
        *assess_clocks(scan, clock.now(), LIMITS),
    ]
    reasons += _of_spectrum(scan, white, reasons)
    if reasons:
        return reasons[0].code.value
    expected = tape.sample_counts[0] / tape.reference_counts[0]
    return "good" if np.abs(reflectance(scan, white) - expected).max() < 1e-6 else "unnoticed"


def _of_spectrum(scan: Scan, white: WhiteReference, before: list[Reason]) -> list[Reason]:
    if any(reason.blocks_inference for reason in before):
        return []
    return list(assess_spectrum(absorbance_spectrum(scan, white), LIMITS))


@pytest.mark.parametrize("row", table(), ids=lambda row: row.fault)
def test_while_a_fault_lasts_the_station_answers_as_the_page_says(
    row: Row, white_of: WhiteReference, emulator: EmulatorProcess, tape: Tape
) -> None:
    answer = answer_to(row.fault, emulator, white_of, tape)
    expected = getattr(errors, row.answer, None)
    if expected is None:
        assert answer == row.answer
    else:
        assert issubclass(getattr(errors, answer, str), expected)
    assert row.operator


def test_the_table_has_each_fault_of_the_emulator_once() -> None:
    assert sorted(row.fault for row in table()) == sorted(NANO.faults)


@pytest.mark.parametrize("position", range(22))
def test_a_wrong_bit_in_any_byte_of_a_reply_costs_time_but_not_the_scan(
    position: int, emulator: EmulatorProcess, tape: Tape
) -> None:
    link = SerialLink(emulator.ready["port"])
    with NirscanNano(link, SystemClock(), reply_timeout_s=REPLY_TIMEOUT_S) as nano:
        emulator.tell("fault bit_flip=1@0219")  # a reply of 19 bytes; each time the next one is hit
        scan = nano.measure()
    assert np.array_equal(scan.net_counts, tape.sample_counts[0])


def test_another_unit_is_set_up_anew_and_known_by_its_serial_number(emulator: EmulatorProcess) -> None:
    nano = NirscanNano(SerialLink(emulator.ready["port"]), SystemClock(), repeats=12)
    with nano:
        emulator.tell("unplug")
        emulator.tell("fault other_unit")
        emulator.tell("replug")
        with pytest.raises(LinkLost):
            nano.measure()
    with nano:
        scan = nano.measure()
        assert (nano.identity.serial, scan.serial) == ("EM-0043", "EM-0043")
        assert scan.settings.scans_averaged == 12


def test_gain_and_lamp_are_told_after_each_opening(emulator: EmulatorProcess) -> None:
    nano = NirscanNano(SerialLink(emulator.ready["port"]), SystemClock(), pga_gain=16, lamp_stays_on=True)
    for _ in range(2):
        with nano:
            assert nano.measure().settings.pga_gain == 16
            lit = nano.conditions()
            assert lit.lamp_photodiode_counts is not None
            assert lit.lamp_photodiode_counts > 3700
        emulator.tell("unplug")
        emulator.tell("replug")
    with NirscanNano(SerialLink(emulator.ready["port"]), SystemClock()) as by_itself:
        assert by_itself.measure().settings.pga_gain == 64
        conditions = by_itself.conditions()
        assert conditions.lamp_photodiode_counts is None
        assert conditions.system_temperature_c == pytest.approx(30.5, abs=1.0)


def test_a_failing_thermometer_or_clock_costs_no_scan(emulator: EmulatorProcess) -> None:
    emulator.tell("fault reject@0309")
    with NirscanNano(SerialLink(emulator.ready["port"]), SystemClock()) as nano:
        emulator.tell("fault reject@0300")
        assert nano.conditions().system_temperature_c is None
        assert nano.measure().device_at is not None  # that of an unset clock, and the gate says so


def test_a_fault_at_the_start_is_one_until_it_is_cleared(tape_file: Path, tmp_path: Path) -> None:
    port = tmp_path / "nano"
    options = ["--tape", str(tape_file), "--scan-time-s", "0", "--unpaced", "--symlink", str(port)]
    with EmulatorProcess("instruments.emulators.nirscan_nano", [*options, "--fault", "unplugged"]) as late:
        assert not port.exists()
        late.tell("clear unplugged")
        with NirscanNano(SerialLink(str(port)), SystemClock()) as nano:
            nano.measure()
