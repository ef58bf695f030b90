"""The inside of the emulated NIRONE Sensor: what a host other than our driver relies on."""

import struct

import numpy as np
import pytest
from spectrometer_kit import an_even_tape

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.nirone import NIRONE
from instruments.emulators.nirone_serial import NironeSerial, command_number


@pytest.fixture
def faults() -> ActiveFaults:
    """None yet."""
    return ActiveFaults(NIRONE.faults, command_number)


@pytest.fixture
def sensor(faults: ActiveFaults) -> NironeSerial:
    """A sensor that was switched on at second 0, with two points set and its lamp on."""
    sensor = NIRONE.build(an_even_tape(), 1.0, faults, 0.0)
    assert isinstance(sensor, NironeSerial)
    for command in (b"W0,1000.0\r", b"W1,1400.0\r", b"V1,10\r", b"LI100\r"):
        assert _ask(sensor, command, 0.0) == b"OK\r\n"
    return sensor


def _ask(sensor: NironeSerial, command: bytes, now_s: float) -> bytes:
    return b"".join(reply.data for reply in sensor.receive(command, now_s))


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_command_may_end_with_either_end(sensor: NironeSerial, end: bytes) -> None:
    assert _ask(sensor, b"h2" + end, 1.0) == b"Serial number: EM-0042\r\n"


@pytest.mark.parametrize("command", [b"h0", b"h1", b"h2", b"h3", b"h4", b"i", b"m", b"E0", b"Lt", b"St"])
def test_each_value_comes_behind_a_label(sensor: NironeSerial, command: bytes) -> None:
    label, colon, value = _ask(sensor, command + b"\r", 1.0).decode("ascii").partition(": ")
    assert label and colon and value.strip() and value.endswith("\r\n")


def test_the_range_is_that_of_the_tape(sensor: NironeSerial) -> None:
    assert (_ask(sensor, b"h3\r", 1.0), _ask(sensor, b"h4\r", 1.0)) == (
        b"Minimum wavelength: 900.0\r\n", b"Maximum wavelength: 1700.0\r\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    "command", [b"W0,2000.0", b"W512,1000.0", b"V1,0", b"LI101", b"Xm0,3", b"Q", b"W0", b"\xff"]
)
def test_what_it_cannot_do_is_an_error(sensor: NironeSerial, command: bytes) -> None:
    assert _ask(sensor, command + b"\r", 1.0) == b"ERROR\r\n"


def test_a_scan_takes_its_time_and_its_data_may_be_read_again(sensor: NironeSerial) -> None:
    sensor.scene.show_white()
    assert _ask(sensor, b"XM\r", 10.0) == b""
    assert sensor.wakes_at_s is not None and sensor.wakes_at_s > 10.0
    assert _ask(sensor, b"St\r", 10.0) == b"ERROR\r\n"
    assert _ask(sensor, b"", sensor.wakes_at_s) == b"Measurement ready\r\n"
    block = _ask(sensor, b"Xm0,2\r", 12.0)
    assert block == _ask(sensor, b"Xm0,2\r", 13.0)
    expected = np.interp([1000.0, 1400.0], an_even_tape().wavelength_nm, an_even_tape().reference_counts[0])
    counts = np.array(struct.unpack("<2f", block)) - 800.0
    assert counts[1] / counts[0] == pytest.approx(expected[1] / expected[0], rel=0.01)


def test_a_lamp_at_half_power_gives_half_the_light(sensor: NironeSerial) -> None:
    sensor.scene.show_white()
    lit = []
    for power in (b"LI100\r", b"LI50\r", b"LI0\r"):
        _ask(sensor, power, 20.0)
        _ask(sensor, b"XM\r", 30.0)
        _ask(sensor, b"", 40.0)
        lit.append(struct.unpack("<2f", _ask(sensor, b"Xm0,2\r", 40.0))[1] - 801.0)
    assert lit[1] == pytest.approx(lit[0] / 2, rel=0.01)
    assert abs(lit[2]) < 10.0


def test_a_fault_is_limited_to_the_command_that_it_names(sensor: NironeSerial, faults: ActiveFaults) -> None:
    faults.add("refuse=1@St")
    assert _ask(sensor, b"h2\r", 1.0).startswith(b"Serial")
    assert _ask(sensor, b"St\r", 1.0) == b"ERROR\r\n"
    assert _ask(sensor, b"St\r", 1.0).startswith(b"Temperature")


def test_a_restarted_sensor_has_forgotten_points_and_lamp(sensor: NironeSerial) -> None:
    sensor.reboot(5.0)
    assert _ask(sensor, b"m\r", 6.0) == b"Number of wavelengths: 0\r\n"
    assert _ask(sensor, b"XM\r", 6.0) == b"ERROR\r\n"
