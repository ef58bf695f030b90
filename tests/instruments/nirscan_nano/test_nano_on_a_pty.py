"""The driver and the emulator over a real pty: what a healthy line does, and each fault of it."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from instruments.emulators.process import EmulatorProcess
from instruments.emulators.tape import Tape, write_tape
from instruments.nirscan_nano.driver import NirscanNano
from instruments.nirscan_nano.scan_container import decode_raw_scan
from instruments.transport import SerialLink
from qc_daemon.clock import SystemClock
from qc_daemon.domain.errors import (
    DeviceBusy,
    DeviceFault,
    InstrumentError,
    LinkConfig,
    LinkLost,
    LinkTimeout,
    ProtocolError,
)
from qc_daemon.domain.quality import ScanLimits, assess_scan
from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.domain.spectrum import InstrumentIdentity


@pytest.fixture
def nano(emulator: EmulatorProcess) -> Iterator[NirscanNano]:
    """The driver, connected to it."""
    with NirscanNano(SerialLink(emulator.ready["port"]), SystemClock()) as driver:
        yield driver


def test_the_device_says_who_it_is(nano: NirscanNano) -> None:
    assert nano.identity == InstrumentIdentity("nirscan-nano", "NIRscan Nano", "EM-0042", "2.1.0")


def test_each_row_of_the_tape_comes_through_to_the_count(
    nano: NirscanNano, emulator: EmulatorProcess, tape: Tape
) -> None:
    for row, name in enumerate(tape.names):
        assert emulator.tell(f"present {row}") == {"ok": True, "present": name}
        scan = nano.measure()
        assert np.array_equal(scan.net_counts, tape.sample_counts[row])
        assert np.abs(scan.wavelength_nm - tape.wavelength_nm).max() < 1e-6
        assert np.array_equal(decode_raw_scan(scan.raw).counts, scan.counts)
        assert scan.dark_counts[0] > 0


def test_recorded_scans_come_through_to_the_count(qc_data: Path, tmp_path: Path) -> None:
    with np.load(qc_data / "nirscan_3garments" / "spectra.npz") as table:
        wavelength_nm, counts = table["wavelength_nm"], table["sample"][::80].astype(np.int64)
        white = table["reference_per_class"][:1].astype(np.int64)
    unknown = np.full(len(counts), np.nan)
    names, first = tuple(str(row) for row in range(len(counts))), np.zeros(len(counts), dtype=np.int64)
    tape = Tape(wavelength_nm, counts, white, first, *[unknown] * 4, names, "REPLAYED", 64, 6)
    write_tape(tmp_path / "recorded.npz", tape)
    options = ["--tape", str(tmp_path / "recorded.npz"), "--scan-time-s", "0", "--unpaced"]
    with (
        EmulatorProcess("instruments.emulators.nirscan_nano", options) as emulator,
        NirscanNano(SerialLink(emulator.ready["port"]), SystemClock()) as nano,
    ):
        for row, expected in enumerate(counts):
            emulator.tell(f"present {row}")
            scan = nano.measure()
            assert np.array_equal(scan.net_counts, expected)
            assert np.abs(scan.wavelength_nm - wavelength_nm).max() < 1e-6


def test_white_tile_and_factory_reference_are_the_reference_of_the_tape(
    nano: NirscanNano, emulator: EmulatorProcess, tape: Tape
) -> None:
    emulator.tell("present white")
    assert np.array_equal(nano.measure().net_counts, tape.reference_counts[0])
    factory = nano.factory_reference()
    assert np.array_equal(factory.net_counts, tape.reference_counts[0])
    assert (factory.settings.config_name, factory.settings.scans_averaged) == ("SystemTest", 30)


def test_an_empty_window_reads_as_an_empty_room(
    nano: NirscanNano, emulator: EmulatorProcess, tape: Tape
) -> None:
    emulator.tell("present nothing")
    absorbance = np.log10(tape.reference_counts[0] / nano.measure().net_counts)
    assert 1.2 < absorbance.min() < absorbance.max() < 1.4


def test_settings_reach_the_device(emulator: EmulatorProcess) -> None:
    with NirscanNano(SerialLink(emulator.ready["port"]), SystemClock(), config_index=0, repeats=12) as nano:
        assert nano.measure().settings.scans_averaged == 12
    with (
        pytest.raises(DeviceFault, match="refused SET_ACTIVE_CONFIG"),
        NirscanNano(SerialLink(emulator.ready["port"]), SystemClock(), config_index=9),
    ):
        pass


def test_two_programs_cannot_have_the_port(nano: NirscanNano, emulator: EmulatorProcess) -> None:
    with pytest.raises(LinkConfig, match="is in use by another program"), SerialLink(emulator.ready["port"]):
        pass
    nano.measure()


def test_a_program_that_died_in_the_middle_of_a_file_leaves_nothing_behind(emulator: EmulatorProcess) -> None:
    for _ in range(2):
        with SerialLink(emulator.ready["port"]) as link:
            # Ask for the first chunk of a file and go away without reading it.
            link.write_all(bytes.fromhex("41424344 F2000000 C0 00 0300 2D0002 44434241"))
            link.write_all(bytes.fromhex("41424344 F0000000 C0 00 0200 2E00 44434241"))
        with NirscanNano(SerialLink(emulator.ready["port"]), SystemClock()) as nano:
            nano.measure()


@pytest.mark.parametrize(
    ("fault", "counter"),
    [
        ("no_reply=2@0219", "failed_attempts"),
        ("truncated=1@002e", "failed_attempts"),
        ("truncated=2@0404", "rejected_frames"),
        ("truncated_then_good", "rejected_frames"),
        ("bad_checksum=1", "rejected_frames"),
        ("bad_checksum=1@002e", "rejected_frames"),
        ("garbage", "garbage_bytes"),
        ("wrong_echo=1", "stale_replies"),
        ("missing_echo=1@002d", "stale_replies"),
        ("duplicate_reply", "stale_replies"),
        ("busy=2@0219", "failed_attempts"),
        ("busy=1@0218", None),
        ("reject=2@0403", "failed_attempts"),
        ("reject=1@0218", None),
        ("slow_reply=0.2@0219", None),
        ("slow_reply=1.3@0404", "failed_attempts"),
        ("slow_scan=16", None),
    ],
)
def test_a_fault_that_passes_costs_time_but_not_the_scan(
    nano: NirscanNano, emulator: EmulatorProcess, tape: Tape, fault: str, counter: str | None
) -> None:
    assert emulator.tell(f"fault {fault}") == {"ok": True}
    scan = nano.measure()
    assert np.array_equal(scan.net_counts, tape.sample_counts[0])
    if counter is not None:
        assert getattr(nano.link_counters, counter) > 0
    emulator.tell(f"clear {fault.partition('=')[0]}")
    emulator.tell("present 1")
    assert np.array_equal(nano.measure().net_counts, tape.sample_counts[1])


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("no_reply@0219", LinkTimeout, "no reply to SCAN_STATUS within 1 s"),
        ("no_reply=1@0218", LinkTimeout, "no reply to START_SCAN"),
        ("truncated@002e", ProtocolError, "the reply to FILE_CHUNK is broken: CutShort"),
        ("bad_checksum", ProtocolError, "the reply to DEVICE_STATUS is broken: BadChecksum"),
        ("busy", DeviceBusy, "the device is busy and did not answer DEVICE_STATUS"),
        ("reject@0219", DeviceFault, "the device refused SCAN_STATUS"),
        ("error_bit", DeviceFault, r"error of scan \(lamp driver\)"),
        ("error_bit=128", DeviceFault, r"error of scan \(DLPC read\)"),
        ("hadamard_active", ProtocolError, 'scan "Hadamard 1" is a hadamard scan, which is not decoded'),
    ],
)
def test_a_fault_that_stays_is_a_typed_error_and_the_next_scan_is_good(
    nano: NirscanNano, emulator: EmulatorProcess, tape: Tape, fault: str, error: type[Exception], message: str
) -> None:
    emulator.tell(f"fault {fault}")
    with pytest.raises(error, match=message) as failure:
        nano.measure()
    assert type(failure.value) is error
    emulator.tell(f"clear {fault.partition('@')[0].partition('=')[0]}")
    emulator.tell("present 2")
    assert np.array_equal(nano.measure().net_counts, tape.sample_counts[2])


def test_error_replies_with_a_stale_length_do_not_swallow_what_follows(
    nano: NirscanNano, emulator: EmulatorProcess
) -> None:
    emulator.tell("fault stale_error_length")
    emulator.tell("fault reject=2@0219")
    started = time.monotonic()
    nano.measure()
    assert nano.link_counters.failed_attempts == 2
    assert nano.link_counters.garbage_bytes == 0
    assert time.monotonic() - started < 0.9  # no reply timed out


def test_a_saturated_detector_is_measured_and_gated(nano: NirscanNano, emulator: EmulatorProcess) -> None:
    emulator.tell("fault saturated")
    codes = [reason.code for reason in assess_scan(nano.measure(), ScanLimits())]
    assert codes == [ReasonCode.SATURATED]


def test_a_dead_lamp_is_measured_and_gated(nano: NirscanNano, emulator: EmulatorProcess) -> None:
    emulator.tell("fault lamp_off")
    scan = nano.measure()
    assert [reason.code for reason in assess_scan(scan, ScanLimits())] == [ReasonCode.LOW_SIGNAL]
    assert scan.conditions.lamp_photodiode_counts == 0


def test_a_device_that_restarts_between_scans_loses_its_settings_and_says_so(
    emulator: EmulatorProcess,
) -> None:
    with NirscanNano(SerialLink(emulator.ready["port"]), SystemClock(), repeats=12) as nano:
        nano.measure()
        emulator.tell("fault device_reboot=0.05")
        with pytest.raises(
            DeviceFault, match='it scanned "Column 1" with 6 repeats, before "Column 1" with 12'
        ):
            nano.measure()
    with NirscanNano(SerialLink(emulator.ready["port"]), SystemClock(), repeats=12) as nano:
        assert nano.measure().settings.scans_averaged == 12


@pytest.mark.parametrize(
    ("settings", "lost"),
    [({"repeats": 12}, "repeats 6 instead of 12"), ({"pga_gain": 16}, "gain 64 instead of 16")],
)
def test_a_device_that_restarts_before_its_first_scan_is_set_up_again(
    settings: dict[str, int], lost: str, emulator: EmulatorProcess
) -> None:
    with NirscanNano(SerialLink(emulator.ready["port"]), SystemClock(), **settings) as nano:
        emulator.tell("fault device_reboot=0.05")
        with pytest.raises(DeviceFault, match=lost):
            nano.measure()
    with NirscanNano(SerialLink(emulator.ready["port"]), SystemClock(), **settings) as nano:
        told = nano.measure().settings
    assert settings.items() <= {"repeats": told.scans_averaged, "pga_gain": told.pga_gain}.items()


def test_a_device_that_restarts_during_a_scan_gives_no_scan(emulate: Callable[..., EmulatorProcess]) -> None:
    emulator = emulate("--scan-time-s", "0.4", "--unpaced")
    with NirscanNano(SerialLink(emulator.ready["port"]), SystemClock()) as nano:
        timer = threading.Timer(0.15, emulator.tell, ["fault device_reboot=0.05"])
        timer.start()
        with pytest.raises(DeviceFault, match="the device refused FILE_SIZE"):
            nano.measure()
        timer.join()


def test_a_scan_takes_its_time_and_the_wire_takes_its_own(emulate: Callable[..., EmulatorProcess]) -> None:
    emulator = emulate("--scan-time-s", "0.3", "--baud-paced")
    with NirscanNano(SerialLink(emulator.ready["port"]), SystemClock()) as nano:
        started = time.monotonic()
        nano.measure()
        seconds = time.monotonic() - started
    # 3822 bytes and their frames take 0.36 s at 115200 baud.
    assert 0.66 < seconds < 2.0


def test_an_unplugged_device_is_noticed_while_idle(nano: NirscanNano, emulator: EmulatorProcess) -> None:
    emulator.tell("unplug")
    with pytest.raises(LinkLost, match="was unplugged or the connection broke"):
        nano.measure()


@pytest.mark.parametrize("seconds", [0.2, 0.55], ids=["during the scan", "while the file is sent"])
def test_an_unplugged_device_is_noticed_at_once(
    emulate: Callable[..., EmulatorProcess], seconds: float
) -> None:
    emulator = emulate("--scan-time-s", "0.4", "--baud-paced")
    with NirscanNano(SerialLink(emulator.ready["port"]), SystemClock()) as nano:
        timer = threading.Timer(seconds, emulator.tell, ["unplug"])
        started = time.monotonic()
        timer.start()
        with pytest.raises(LinkLost):
            nano.measure()
        assert time.monotonic() - started < seconds + 0.5
        timer.join()


def test_a_replugged_device_is_found_under_the_same_name(
    emulate: Callable[..., EmulatorProcess], tmp_path: Path, tape: Tape
) -> None:
    port = tmp_path / "nirscan-nano"
    emulator = emulate("--scan-time-s", "0", "--unpaced", "--symlink", str(port))
    assert emulator.ready["port"] == str(port)
    emulator.tell("present 1")
    nano = NirscanNano(SerialLink(str(port)), SystemClock(), repeats=12)
    with nano:
        before = nano.measure()
        behind = port.readlink()
        emulator.tell("unplug")
        with pytest.raises(LinkLost):
            nano.measure()
    with pytest.raises(LinkConfig, match="does not exist; expected a serial device"), nano:
        pass
    keeper = os.open(os.devnull, os.O_RDONLY)  # takes a descriptor, so that the pty may get another name
    assert emulator.tell("replug") == {"ok": True, "port": str(port)}
    with nano:  # the device has lost its settings with its power, and is set up again
        after = nano.measure()
    os.close(keeper)
    assert behind.exists() or port.readlink() != behind
    assert after.settings == before.settings
    assert np.array_equal(after.net_counts, tape.sample_counts[1])


def test_a_stop_of_the_station_ends_the_wait_for_a_silent_device(emulator: EmulatorProcess) -> None:
    stop = threading.Event()
    with NirscanNano(SerialLink(emulator.ready["port"]), SystemClock(), stopping=stop.is_set) as nano:
        emulator.tell("fault no_reply")
        started = time.monotonic()
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(InstrumentError, match="stopped while waiting for DEVICE_STATUS"):
            nano.measure()
        assert time.monotonic() - started < 1.0


def test_recorded_scans_are_replayed_faster_than_any_line_runs(nano: NirscanNano) -> None:
    nano.measure()
    seconds = []
    for _ in range(20):
        started = time.monotonic()
        nano.measure()
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 0.060
