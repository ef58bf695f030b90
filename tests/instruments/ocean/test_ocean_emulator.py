"""The inside of the emulated Ocean spectrometer: what a host other than our driver relies on."""

import struct

import numpy as np
import pytest
from ocean_frames import GET_SERIAL, SET_100_MS
from ocean_script import sealed
from spectrometer_kit import an_even_tape

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.ocean import OCEAN
from instruments.emulators.ocean_serial import OceanSerial

ACK_WANTED, RESPONSE, ACK, NACK = 4, 1, 2, 8
SPECTRUM, LAMP, STATUS = 0x00101100, 0x00110410, 0x00110000


@pytest.fixture
def device() -> OceanSerial:
    """A device that scans for 2 s and was switched on at second 0, with MD5 on its replies."""
    device = OCEAN.build(an_even_tape(), 2.0, ActiveFaults(OCEAN.faults), 0.0)
    assert isinstance(device, OceanSerial)
    _ask(device, sealed(0x10, ACK_WANTED, 1, b"\x01"), 0.0)
    return device


def _ask(device: OceanSerial, request: bytes, now_s: float) -> bytes:
    return b"".join(reply.data for reply in device.receive(request, now_s))


def test_the_golden_requests_are_answered(device: OceanSerial) -> None:
    assert _ask(device, GET_SERIAL, 1.0) == sealed(0x100, RESPONSE, 0, b"EM-0042")
    assert _ask(device, SET_100_MS, 1.0) == sealed(0x00110010, RESPONSE | ACK, 0, b"")
    assert _ask(device, sealed(0x00110000, 0, 5, b""), 1.0) == sealed(
        0x00110000, RESPONSE, 5, struct.pack("<I", 100_000)
    )


def test_a_fresh_device_puts_no_checksum_on_its_replies() -> None:
    device = OCEAN.build(an_even_tape(), 2.0, ActiveFaults(OCEAN.faults), 0.0)
    (reply,) = device.receive(GET_SERIAL, 0.0)
    assert (reply.data[22], reply.data[-20:-4]) == (0, bytes(16))


def test_a_setting_without_a_wish_for_an_ack_is_obeyed_in_silence(device: OceanSerial) -> None:
    assert _ask(device, sealed(0x00110010, 0, 1, struct.pack("<I", 5000)), 1.0) == b""
    assert struct.pack("<I", 5000) in _ask(device, sealed(0x00110000, 0, 2, b""), 1.0)


@pytest.mark.parametrize(
    ("kind", "data", "error"),
    [(0x00BADBAD, b"", 2), (0x00110010, b"\1\2\3", 5), (0x00110010, bytes(4), 6), (0x10, b"\x07", 8)],
    ids=["unknown type", "wrong length", "impossible value", "unknown checksum"],
)
def test_what_it_cannot_do_is_refused_by_number(
    device: OceanSerial, kind: int, data: bytes, error: int
) -> None:
    answer = _ask(device, sealed(kind, ACK_WANTED, 9, data), 1.0)
    assert answer == sealed(kind, RESPONSE | NACK, 9, b"", error)


def test_a_request_with_a_wrong_checksum_is_refused(device: OceanSerial) -> None:
    broken = SET_100_MS[:24] + b"\xff" + SET_100_MS[25:]
    (error,) = struct.unpack_from("<H", _ask(device, broken, 1.0), 6)
    assert error == 3


def test_a_scan_takes_its_time_and_refuses_questions_meanwhile(device: OceanSerial) -> None:
    assert _ask(device, sealed(SPECTRUM, 0, 3, b""), 10.0) == b""
    assert device.wakes_at_s == 12.0
    assert _ask(device, sealed(STATUS, 0, 4, b""), 11.0) == sealed(STATUS, RESPONSE | NACK, 4, b"", 7)
    assert _ask(device, b"", 11.9) == b""
    answer = _ask(device, b"", 12.0)
    assert struct.unpack_from("<II", answer, 8) == (SPECTRUM, 3)
    assert len(answer) == 64 + 2048


def test_an_aborted_scan_gives_no_spectrum(device: OceanSerial) -> None:
    _ask(device, sealed(SPECTRUM, 0, 3, b""), 10.0)
    assert _ask(device, sealed(0x00100000, ACK_WANTED, 4, b""), 10.5) != b""
    assert _ask(device, b"", 13.0) == b""


def test_light_grows_with_the_integration_time_until_the_detector_clips(device: OceanSerial) -> None:
    device.scene.show_white()
    _ask(device, sealed(LAMP, ACK_WANTED, 1, b"\x01"), 0.0)
    peaks = []
    for integration_us in (50_000, 100_000, 400_000):
        _ask(device, sealed(0x00110010, 0, 1, struct.pack("<I", integration_us)), 50.0)
        _ask(device, sealed(SPECTRUM, 0, 2, b""), 50.0)
        answer = _ask(device, b"", 60.0)
        peaks.append(int(np.frombuffer(answer[44:-20], "<u2").max()))
    assert peaks[1] - 1500 == pytest.approx(2 * (peaks[0] - 1500), rel=0.01)
    assert peaks[2] == 65_535


def test_it_warms_up_and_forgets_its_settings_when_it_restarts(device: OceanSerial) -> None:
    def board_c(now_s: float) -> float:
        answer = _ask(device, sealed(0x00400002, 0, 1, b""), now_s)
        return float(struct.unpack_from("<f", answer, 24)[0])

    assert board_c(720.0) - board_c(1.0) == pytest.approx(3.0, abs=0.2)
    _ask(device, SET_100_MS, 800.0)
    device.reboot(900.0)
    assert board_c(901.0) == pytest.approx(30.5, abs=0.1)
    assert struct.pack("<I", 10_000) in _ask(device, sealed(0x00110000, 0, 1, b""), 901.0)
