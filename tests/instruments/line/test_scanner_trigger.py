"""The scanner and an emulated one in its own process, over a real pty."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from line_kit import a_conclusion, blind, until

from instruments.emulators.process import EmulatorProcess
from instruments.emulators.scanner import FAULTS
from instruments.line.barcode_scanner import BarcodeScanner, CodeNaming, ScannerTrigger
from instruments.line.barcodes import CheckDigit, CodeRule
from instruments.transport import SerialLink
from qc_daemon.domain.label import parse_label
from qc_daemon.domain.line import NoVerdict, StationState
from qc_daemon.domain.verdict import Outcome


@pytest.fixture(scope="module")
def shared_device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    port = tmp_path_factory.mktemp("port") / "scanner"
    with EmulatorProcess("instruments.emulators.scanner", ["--symlink", str(port)]) as process:
        yield process


@pytest.fixture
def device(shared_device: EmulatorProcess) -> Iterator[EmulatorProcess]:
    """An emulated scanner, healthy and plugged in."""
    yield shared_device
    for fault in FAULTS:
        shared_device.tell(f"clear {fault}")
    shared_device.tell("replug")


@pytest.fixture
def scanner_of(device: EmulatorProcess) -> Iterator[Callable[..., BarcodeScanner]]:
    with ExitStack() as stack:

        def start(**changes: Any) -> BarcodeScanner:
            rule = CodeRule(changes.pop("pattern", r"R-\d+"), changes.pop("check", CheckDigit.NONE))
            settings = {"device": "scanner", "rule": rule, "debounce_s": 0.0} | changes
            scanner = BarcodeScanner(SerialLink(device.ready["port"], 9600), **settings)
            stack.enter_context(scanner)
            until(lambda: scanner.health.state == "connected")
            return scanner

        yield start


def trigger_of(scanner: BarcodeScanner) -> ScannerTrigger:
    naming = CodeNaming("LOT", parse_label("cotton 60 polyester 40"), FakeClock())
    return ScannerTrigger(scanner, naming.specimen_of)


def texts(scanner: BarcodeScanner, count: int) -> list[str]:
    return [until(lambda: scanner.take(0.1)).text for _ in range(count)]


def test_a_scanned_code_announces_a_specimen(
    device: EmulatorProcess, scanner_of: Callable[..., BarcodeScanner]
) -> None:
    trigger = trigger_of(scanner_of())
    assert trigger.next_cue(blind, 0.01) is None
    device.tell("scan R-17")
    cue = until(lambda: trigger.next_cue(blind, 0.1))
    assert (cue.specimen.roll, cue.specimen.lot, cue.specimen.position_m) == ("R-17", "LOT", 0.0)
    assert cue.specimen.id.startswith("R-17-2026")
    assert not cue.may_be_stored
    trigger.answer(cue, a_conclusion(Outcome.FAIL))
    assert trigger.health.counts.announced == 1


def test_the_same_code_within_the_debounce_time_is_dropped_and_counted(
    device: EmulatorProcess, scanner_of: Callable[..., BarcodeScanner]
) -> None:
    scanner = scanner_of(debounce_s=30.0)
    device.tell("fault stutter=4")
    device.tell("scan R-1")
    device.tell("clear stutter")
    device.tell("scan R-2")
    assert texts(scanner, 2) == ["R-1", "R-2"]
    assert scanner.take(0.05) is None
    assert scanner.health.counts.repeated == 3


def test_the_same_code_after_the_debounce_time_is_another_announcement(
    device: EmulatorProcess, scanner_of: Callable[..., BarcodeScanner]
) -> None:
    scanner = scanner_of(debounce_s=0.0)
    for _ in range(2):
        device.tell("scan R-1")
    assert texts(scanner, 2) == ["R-1", "R-1"]


@pytest.mark.parametrize("fault", ["garbage", "overlong", "cut", "no_end", "spew=20000"])
def test_whatever_a_scanner_spews_costs_no_good_code_and_is_counted(
    device: EmulatorProcess, scanner_of: Callable[..., BarcodeScanner], fault: str
) -> None:
    scanner = scanner_of()
    name = fault.partition("=")[0]
    device.tell(f"fault {fault}")
    device.tell("scan R-1")
    until(lambda: scanner.health.counts.garbage_bytes + scanner.health.counts.refused > 0)
    device.tell(f"clear {name}")
    if name == "garbage":
        assert texts(scanner, 1) == ["R-1"]
    while scanner.take(0.5) is not None:  # a silence; whatever was good until then is read
        pass
    device.tell("scan R-2")
    assert texts(scanner, 1) == ["R-2"]
    assert scanner.health.trouble == ""
    assert scanner.health.counts.missed == 0


def test_noise_that_does_not_end_is_an_alarm_and_no_inspection(
    device: EmulatorProcess, scanner_of: Callable[..., BarcodeScanner]
) -> None:
    trigger = trigger_of(scanner_of())
    device.tell("fault spew=50000")
    until(lambda: "nothing readable" in trigger.health.trouble)
    until(lambda: trigger.health.counts.garbage_bytes > 100_000)
    assert trigger.next_cue(blind, 0.05) is None
    assert trigger.health.counts.announced == 0


def test_a_misread_code_is_refused_by_its_check_digit(
    device: EmulatorProcess, scanner_of: Callable[..., BarcodeScanner]
) -> None:
    scanner = scanner_of(pattern=r"\d{13}", check=CheckDigit.MOD10)
    device.tell("fault misread")
    for _ in range(3):
        device.tell("scan 6291041500213")
    until(lambda: scanner.health.counts.refused == 3)
    assert "wrong check character (mod10)" in scanner.health.trouble
    device.tell("clear misread")
    device.tell("scan 6291041500213")
    assert texts(scanner, 1) == ["6291041500213"]
    assert scanner.health.trouble == ""


def test_an_unplugged_scanner_is_found_again(
    device: EmulatorProcess, scanner_of: Callable[..., BarcodeScanner]
) -> None:
    scanner = scanner_of()
    device.tell("unplug")
    until(lambda: scanner.health.state == "lost")
    assert "unplugged" in scanner.health.trouble or "does not exist" in scanner.health.trouble
    device.tell("replug")
    until(lambda: scanner.health.state == "connected")
    device.tell("scan R-3")
    assert texts(scanner, 1) == ["R-3"]


def test_codes_scanned_ahead_wait_their_turn_but_not_without_bound(
    device: EmulatorProcess, scanner_of: Callable[..., BarcodeScanner]
) -> None:
    scanner = scanner_of()
    for number in range(11):
        device.tell(f"scan R-{number}")
    until(lambda: scanner.newest and scanner.newest.text == "R-10")
    assert texts(scanner, 8) == [f"R-{number}" for number in range(3, 11)]
    assert scanner.health.counts.missed == 3


def test_codes_scanned_while_the_spectrometer_was_gone_are_not_inspected_later(
    device: EmulatorProcess, scanner_of: Callable[..., BarcodeScanner]
) -> None:
    scanner = scanner_of()
    trigger = trigger_of(scanner)
    device.tell("scan R-1")
    cue = until(lambda: trigger.next_cue(blind, 0.1))
    trigger.refuse(cue, NoVerdict.SPECTROMETER)
    trigger.announce(StationState.DEGRADED)
    device.tell("scan R-2")
    until(lambda: scanner.newest and scanner.newest.text == "R-2")
    trigger.announce(StationState.RUNNING)
    assert trigger.next_cue(blind, 0.05) is None
    assert trigger.health.counts.missed == 2
    assert trigger.health.counts.announced == 1


def test_a_port_that_does_not_exist_is_said_and_looked_for_again(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    rule = CodeRule(".+", CheckDigit.NONE)
    with BarcodeScanner(SerialLink(absent, 9600), absent, rule, 2.0) as scanner:
        until(lambda: "does not exist" in scanner.health.trouble)
        assert scanner.take(0.01) is None


def test_a_scanner_that_only_names_what_lies_there_keeps_the_newest_code(
    device: EmulatorProcess, scanner_of: Callable[..., BarcodeScanner]
) -> None:
    scanner = scanner_of(queued=False)
    for number in range(11):
        device.tell(f"scan R-{number}")
    until(lambda: scanner.newest and scanner.newest.text == "R-10")
    assert scanner.take(0.0) is None
    assert scanner.health.counts.missed == 0
