"""Chooses what says when to inspect: a clock, a PLC, a barcode scanner, or the specimen itself.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qc_daemon.clock import SystemClock
from qc_daemon.config import Config, PlcSection, ScannerSection
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.label import DeclaredLabel, parse_label
from qc_daemon.domain.ports import Line, Trigger
from qc_daemon.roll_orders import OrderedTrigger

if TYPE_CHECKING:
    from instruments.line.barcode_scanner import BarcodeScanner, CodeNaming
    from instruments.line.modbus_link import ModbusLink
    from storage.inspection_store import SqlInspectionStore


@contextmanager
def open_trigger(config: Config, line: Line) -> Iterator[Trigger]:
    """Open the trigger of a configuration; it needs no device to be there already."""
    match config.line.trigger:
        case "plc":
            opened = _plc(config)
        case "scanner":
            opened = _scanner(config)
        case "presence":
            opened = _presence(config, line)
        case "timer":
            opened = _timer(config, line)
    with opened as trigger:
        yield trigger


def as_ordered(trigger: Trigger, store: "SqlInspectionStore") -> Trigger:
    """Return a trigger whose specimens have the label and the lot of their roll's order."""
    from storage.roll_orders import SqlRollOrderBook

    return OrderedTrigger(trigger, SqlRollOrderBook(store.reading))


def look_at_line(config: Config) -> str:
    """Look whether the line device answers, and return what it says.

    Raises:
        InstrumentError: it does not.
    """
    from instruments.transport import SerialLink

    found = []
    if config.plc is not None:
        found.append(_look_at_plc(config.plc))
    if config.scanner is not None:
        with SerialLink(config.scanner.port, config.scanner.baud):
            found.append(f"scanner {config.scanner.port} can be opened")
    return ", ".join(found) or "trigger presence, no device"


@contextmanager
def _timer(config: Config, line: Line) -> Iterator[Trigger]:
    from instruments.line.interval import IntervalTrigger

    yield IntervalTrigger(line, config.line.interval_s, SystemClock())


@contextmanager
def _plc(config: Config) -> Iterator[Trigger]:
    from instruments.line.plc_modbus import PlcTrigger

    assert config.plc is not None
    section = config.plc
    with PlcTrigger(
        _plc_link(section),
        config.line.lot,
        _label(config),
        section.lot_and_label,
        config.line.interval_s if section.when_silent == "measure" else None,
        SystemClock(),
    ) as trigger:
        yield trigger


@contextmanager
def _scanner(config: Config) -> Iterator[Trigger]:
    from instruments.line.barcode_scanner import ScannerTrigger

    assert config.scanner is not None
    with _barcode_scanner(config.scanner, queued=True) as scanner:
        yield ScannerTrigger(scanner, _naming(config).specimen_of)


@contextmanager
def _presence(config: Config, line: Line) -> Iterator[Trigger]:
    from instruments.line.presence import PresenceTrigger

    interval_s, clock = config.line.interval_s, SystemClock()
    if config.scanner is None:
        yield PresenceTrigger(lambda: _specimen_of(line), None, interval_s, clock)
        return
    naming = _naming(config)
    with _barcode_scanner(config.scanner, queued=False) as scanner:

        def identify() -> Specimen:
            code = scanner.newest
            return _specimen_of(line) if code is None else naming.specimen_of(code)

        yield PresenceTrigger(identify, lambda: scanner.health, interval_s, clock)


def _barcode_scanner(section: ScannerSection, queued: bool) -> "BarcodeScanner":
    from instruments.line.barcode_scanner import BarcodeScanner
    from instruments.line.barcodes import CheckDigit, CodeRule
    from instruments.transport import SerialLink

    rule = CodeRule(section.pattern, CheckDigit(section.check_digit))
    link = SerialLink(section.port, section.baud)
    return BarcodeScanner(link, section.port, rule, section.debounce_s, queued=queued)


def _naming(config: Config) -> "CodeNaming":
    from instruments.line.barcode_scanner import CodeNaming

    return CodeNaming(config.line.lot, _label(config), SystemClock())


def _plc_link(section: PlcSection) -> "ModbusLink":
    from instruments.line.modbus_link import ModbusLink

    return ModbusLink(section.host, section.port, section.device_id)


def _look_at_plc(section: PlcSection) -> str:
    from instruments.line.plc_registers import LINE_STATES, decode_reading, words_to_read

    link = _plc_link(section)
    link.open()
    try:
        reading = decode_reading(link.read(0, words_to_read(section.lot_and_label)))
    finally:
        link.close()
    state = LINE_STATES.get(reading.line_state, f"unknown state {reading.line_state}")
    return f"PLC {link.address} line {state}, sequence {reading.sequence}, roll {reading.roll or '-'}"


def _label(config: Config) -> DeclaredLabel | None:
    return parse_label(config.line.label) if config.line.label else None


def _specimen_of(line: Line) -> Specimen:
    specimen = line.next_specimen()
    assert specimen is not None, "a timer never ends"
    return specimen
