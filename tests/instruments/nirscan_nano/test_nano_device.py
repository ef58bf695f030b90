"""The inside of the emulated device: what a host other than our driver relies on."""

import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from nano_builders import a_tape
from nano_frames import LINK_FAILURE, REJECTED_REQUEST, REJECTION, REQUESTS

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.nano_device import DEVICE_FAULTS, NanoDevice, Refused
from instruments.emulators.nano_uart import UART_FAULTS, NanoUart
from instruments.nirscan_nano.codec import Command, encode_request
from instruments.nirscan_nano.scan_container import decode_scan
from instruments.nirscan_nano.tpl import decode_container

Ask = Callable[..., bytes]


@pytest.fixture
def faults() -> ActiveFaults:
    """None yet."""
    return ActiveFaults(DEVICE_FAULTS | UART_FAULTS)


@pytest.fixture
def device(faults: ActiveFaults) -> NanoDevice:
    """A device that scans for 2 s and was switched on at second 0."""
    return NanoDevice(a_tape(), 2.0, faults, 0.0)


def test_a_scan_takes_its_time_and_refuses_a_second_one(device: NanoDevice) -> None:
    assert device.answer(Command.SCAN_TIME, b"", 0.0) == struct.pack("<I", 2000)
    assert device.answer(Command.START_SCAN, b"\0", 1.0) == b""
    for moment, running in ((1.0, True), (2.9, True), (3.0, False)):
        (status,) = struct.unpack("<I", device.answer(Command.DEVICE_STATUS, b"", moment))
        assert bool(status & 2) is running
        assert device.answer(Command.SCAN_STATUS, b"", moment) == bytes([not running])
    with pytest.raises(Refused):
        device.answer(Command.START_SCAN, b"\0", 2.9)
    with pytest.raises(Refused):
        device.answer(Command.FILE_SIZE, b"\0", 2.9)


def test_more_repeats_take_longer(device: NanoDevice) -> None:
    device.answer(Command.SET_REPEATS, struct.pack("<H", 12), 0.0)
    assert device.answer(Command.SCAN_TIME, b"", 0.0) == struct.pack("<I", 4000)


def test_chunks_go_on_where_the_last_one_ended_and_end_with_the_file(device: NanoDevice) -> None:
    device.answer(Command.START_SCAN, b"\0", 0.0)
    assert device.answer(Command.FILE_SIZE, b"\0", 3.0) == struct.pack("<I", 3822)
    chunks = [device.answer(Command.FILE_CHUNK, b"", 3.0) for _ in range(8)]
    assert [len(chunk) for chunk in chunks] == [510] * 7 + [252]
    with pytest.raises(Refused):
        device.answer(Command.FILE_CHUNK, b"", 3.0)
    assert decode_scan(b"".join(chunks)).scan_index == 1
    device.answer(Command.FILE_SIZE, b"\0", 3.0)
    assert device.answer(Command.FILE_CHUNK, b"", 3.0) == chunks[0]


def test_the_interpreted_file_is_wavelengths_and_counts(device: NanoDevice) -> None:
    device.scene.show_row(1)
    device.answer(Command.START_SCAN, b"\0", 0.0)
    with pytest.raises(Refused):
        device.answer(Command.FILE_SIZE, b"\x08", 3.0)
    device.answer(Command.START_INTERPRET, b"", 3.0)
    assert device.answer(Command.INTERPRET_STATUS, b"", 3.0) == b"\1"
    content = _read(device, 8)
    (count,) = struct.unpack_from("<i", content)
    rows = np.frombuffer(content, [("nm", "<f8"), ("counts", "<i4")], offset=4)
    assert count == len(rows) == 228
    assert rows["nm"] == pytest.approx(a_tape().wavelength_nm, abs=1e-6)
    assert np.array_equal(rows["counts"], a_tape().sample_counts[1])


def test_the_offset_bug_hands_out_the_interpreted_file_from_where_the_last_one_stood(
    device: NanoDevice, faults: ActiveFaults
) -> None:
    device.answer(Command.START_SCAN, b"\0", 0.0)
    device.answer(Command.START_INTERPRET, b"", 3.0)
    whole = _read(device, 8)
    faults.add("type8_offset_bug")
    device.answer(Command.FILE_SIZE, b"\0", 3.0)
    device.answer(Command.FILE_CHUNK, b"", 3.0)
    assert struct.unpack("<I", device.answer(Command.FILE_SIZE, b"\x08", 3.0)) == (len(whole),)
    assert device.answer(Command.FILE_CHUNK, b"", 3.0) == whole[510:1020]


def test_the_table_of_configurations_can_be_read(device: NanoDevice) -> None:
    assert device.answer(Command.CONFIG_COUNT, b"", 0.0) == b"\2"
    blob = device.answer(Command.READ_CONFIG, b"\1", 0.0)
    container = decode_container(blob[4:])
    assert struct.unpack("<I", blob[:4]) == (container.size,)
    assert container.type_string == "S(cvc#c#vvcvv)"
    assert container.values[3].rstrip(b"\0") == b"Hadamard 1"
    assert container.values[7:] == (228, 6)
    with pytest.raises(Refused):
        device.answer(Command.READ_CONFIG, b"\2", 0.0)


def test_the_hadamard_configuration_scans_as_one(device: NanoDevice) -> None:
    assert device.answer(Command.SET_ACTIVE_CONFIG, b"\1", 0.0) == struct.pack("<i", 228)
    assert device.answer(Command.GET_ACTIVE_CONFIG, b"", 0.0) == b"\1"
    device.answer(Command.START_SCAN, b"\0", 0.0)
    assert decode_scan(_read(device, 0)).scan_type == 1


def test_the_clock_starts_unset_and_runs_on_once_it_is_set(device: NanoDevice) -> None:
    assert device.answer(Command.GET_CLOCK, b"", 61.0) == bytes((15, 1, 1, 4, 0, 1, 1))
    device.answer(Command.SET_CLOCK, bytes((26, 11, 24, 2, 23, 59, 59)), 100.0)
    assert device.answer(Command.GET_CLOCK, b"", 102.0) == bytes((26, 11, 25, 3, 0, 0, 1))
    with pytest.raises(Refused):
        device.answer(Command.SET_CLOCK, bytes((26, 13, 24, 2, 0, 0, 0)), 100.0)


def test_a_restart_takes_settings_and_scan_away(device: NanoDevice) -> None:
    device.answer(Command.SET_HIBERNATE, b"\0", 0.0)
    device.answer(Command.START_SCAN, b"\0", 0.0)
    device.restart(5.0)
    assert device.answer(Command.GET_HIBERNATE, b"", 5.0) == b"\1"
    with pytest.raises(Refused):
        device.answer(Command.FILE_SIZE, b"\0", 5.0)


def test_it_warms_up_and_its_lamp_falls_as_recorded(device: NanoDevice) -> None:
    def conditions(now_s: float) -> tuple[float, float, int]:
        system, detector = struct.unpack("<2i", device.answer(Command.TEMPERATURE, b"", now_s))
        _, lamp, _ = struct.unpack("<3I", device.answer(Command.PHOTODETECTOR, b"", now_s))
        return system / 100, detector / 100, lamp

    assert conditions(0.0)[2] == 0  # no scan, no light
    device.answer(Command.KEEP_LAMP, b"\1", 0.0)
    device.answer(Command.SWITCH_LAMP, b"\1\1", 0.0)
    assert conditions(0.0) == (30.5, 27.5, 3836)
    system_c, _, lamp = conditions(720.0)
    assert 33.2 < system_c < 33.6
    assert lamp == round(3836 - 2.9 * (system_c - 30.5))
    assert struct.unpack("<2i", device.answer(Command.HUMIDITY, b"", 0.0)) == (3050, 2700)


def test_recorded_conditions_win_over_the_drift_where_they_are_known(faults: ActiveFaults) -> None:
    tape = replace(
        a_tape(),
        system_temperature_c=np.array([37.25, 20.0, 20.0]),
        lamp_photodiode_counts=np.array([np.nan, 900.0, 900.0]),
    )
    device = NanoDevice(tape, 0.0, faults, 0.0)
    device.scene.show_row(0)
    device.answer(Command.START_SCAN, b"\0", 0.0)
    record = decode_scan(_read(device, 0))
    assert (record.system_temperature_c, record.lamp_photodiode) == (37.25, 3836)


def test_errors_stay_until_they_are_reset(device: NanoDevice, faults: ActiveFaults) -> None:
    faults.add("error_bit")
    device.answer(Command.START_SCAN, b"\0", 0.0)
    faults.clear("error_bit")
    for _ in range(2):
        assert device.answer(Command.ERROR_STATUS, b"", 3.0) == b"\1\0\0\0\4" + bytes(15)
    device.answer(Command.RESET_ERRORS, b"", 3.0)
    assert device.answer(Command.ERROR_STATUS, b"", 3.0) == bytes(20)


@pytest.mark.parametrize("command", [0x0000, 0x02FF, 0xFFFF])
def test_a_command_that_it_does_not_know_is_refused(device: NanoDevice, command: int) -> None:
    with pytest.raises(Refused):
        device.answer(command, b"", 0.0)


@pytest.mark.parametrize("number", range(len(REQUESTS)))
def test_a_golden_request_is_answered_with_its_flags_and_its_command(
    device: NanoDevice, faults: ActiveFaults, number: int
) -> None:
    command, _, wire = REQUESTS[number]
    device.answer(Command.START_SCAN, b"\0", 0.0)
    device.answer(Command.START_INTERPRET, b"", 3.0)
    device.answer(Command.FILE_SIZE, b"\0", 3.0)
    (reply,) = NanoUart(device, faults).receive(wire, 3.0)
    assert reply.data[12:14] == command.to_bytes(2, "little")
    assert reply.data[8:10] == wire[8:10]


def test_the_captured_bad_request_gets_the_captured_answer(device: NanoDevice, faults: ActiveFaults) -> None:
    uart = NanoUart(device, faults)
    assert [reply.data for reply in uart.receive(REJECTED_REQUEST, 0.0)] == [REJECTION]
    assert len(uart.receive(encode_request(Command.SCAN_STATUS, 9), 0.1)) == 1


def test_a_request_that_pauses_is_thrown_away_with_the_captured_failure(
    device: NanoDevice, faults: ActiveFaults
) -> None:
    uart = NanoUart(device, faults)
    request = encode_request(Command.SCAN_STATUS, 9)
    assert uart.receive(request[:10], 0.0) == []
    assert uart.wakes_at_s == pytest.approx(0.02)
    assert [reply.data for reply in uart.receive(b"", 0.021)] == [LINK_FAILURE]
    assert uart.wakes_at_s is None
    assert len(uart.receive(request, 0.1)) == 1


def _read(device: NanoDevice, file_type: int) -> bytes:
    (size,) = struct.unpack("<I", device.answer(Command.FILE_SIZE, bytes([file_type]), 10.0))
    content = b""
    while len(content) < size:
        content += device.answer(Command.FILE_CHUNK, b"", 10.0)
    return content
