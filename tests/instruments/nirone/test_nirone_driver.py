"""The driver against bytes, without an emulator: what it sends, and what it makes of the answers."""

from collections.abc import Sequence

import pytest
from fakes import FakeClock
from nirone_conversation import CONVERSATION, DARK, LIT
from scripted_link import ScriptedLink

from instruments.nirone.driver import NironeSensor
from instruments.nirone.recording import Exchange, decode_raw_scan, record_scan
from qc_daemon.domain.errors import DeviceFault, LinkTimeout, ProtocolError
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan, ScanSettings

Exchanges = Sequence[tuple[bytes, bytes]]


def _measure(exchanges: Exchanges) -> tuple[Scan, NironeSensor]:
    link = ScriptedLink(exchanges)
    with NironeSensor(link, FakeClock(), step_nm=400.0, scans_averaged=1, longest_scan_s=0.1) as sensor:
        scan = sensor.measure()
    assert link.exhausted
    assert not link.is_open
    return scan, sensor


def _replaced(command: bytes, answers: Sequence[bytes], occurrence: int = 0) -> Exchanges:
    """Return the conversation with other answers to a command, each of which makes the host ask again."""
    places = [place for place, (sent, _) in enumerate(CONVERSATION) if sent == command]
    place = places[occurrence]
    return [*CONVERSATION[:place], *[(command, answer) for answer in answers], *CONVERSATION[place + 1 :]]


def test_a_whole_conversation_sends_and_understands_the_literal_bytes() -> None:
    scan, sensor = _measure(CONVERSATION)
    assert sensor.identity == InstrumentIdentity("nirone", "NIRONE S2.0", "4711", "1.0")
    assert scan.wavelength_nm.tolist() == [1550.0, 1950.0]
    assert scan.counts.tolist() == [40_000.25, 51_200.0]
    assert scan.dark_counts.tolist() == [800.0, 810.5]
    assert scan.settings == ScanSettings("1550-1950 nm, 2 points, lamp 100 %", 1, 1)
    assert scan.conditions.system_temperature_c == 32.0
    assert scan.conditions.humidity_percent is None
    assert sensor.link_counters.failed_attempts == 0


@pytest.mark.parametrize(
    ("command", "answers"),
    [
        (b"h2\r", [b"", b"Serial number: 4711\r\n"]),
        (b"h2\r", [b"Serial num", b"Serial number: 4711\r\n"]),
        (b"h2\r", [b"\xff\0Serial number: 4711\r\n", b"Serial number: 4711\r\n"]),
        (b"W1,1950.0\r", [b"ERROR\r\n", b"Wavelength set\r\n"]),
        (b"E0\r", [b"?\r\n", b"Measurement time: 12\r\n"]),
        (b"St\r", [b"Measurement ready\r\nTemperature: 3.15e+01\r\n"]),
        (b"XM\r", [b"Light set\r\nMeasurement ready\r\n"]),
        (b"XM\r", [b"XM\r\nMeasurement ready\r\n"]),
    ],
    ids=["silence", "cut", "noise", "refused", "mark", "late ready", "late setting", "echo"],
)
def test_an_answer_that_fails_once_costs_a_question_and_no_more(
    command: bytes, answers: Sequence[bytes]
) -> None:
    scan, _ = _measure(_replaced(command, answers))
    assert scan.counts.tolist() == [40_000.25, 51_200.0]


def test_an_answer_with_the_label_of_another_value_is_dropped() -> None:
    stale = b"Temperature: 3.15e+01\r\nMeasurement time: 12\r\n"
    scan, sensor = _measure(_replaced(b"E0\r", [stale], occurrence=1))
    assert scan.conditions.system_temperature_c == 32.0
    assert sensor.link_counters.stale_replies == 1


def test_data_that_differ_between_two_readings_are_read_until_two_agree() -> None:
    flipped = LIT[:3] + bytes([LIT[3] ^ 0x01]) + LIT[4:]
    scan, sensor = _measure([*CONVERSATION[:-2], *[(b"Xm0,2\r", data) for data in (flipped, LIT, LIT)]])
    assert scan.counts.tolist() == [40_000.25, 51_200.0]
    assert sensor.link_counters.rejected_frames == 1


@pytest.mark.parametrize(
    "data", [DARK[:-1], DARK + b"\0\0", b"", b"\xff" * 8], ids=["short", "long", "none", "nan"]
)
def test_data_that_stay_wrong_are_no_scan(data: bytes) -> None:
    with pytest.raises((ProtocolError, LinkTimeout)):
        _measure([*CONVERSATION[:-2], *[(b"Xm0,2\r", data)] * 4])


def test_a_sensor_that_keeps_refusing_says_what_and_how() -> None:
    with pytest.raises(DeviceFault, match='the sensor refused V1,1: "ERROR 7"'):
        _measure(_replaced(b"V1,1\r", [b"ERROR 7\r\n"] * 3))


def test_a_sensor_that_restarted_is_not_measured_with() -> None:
    lost = _replaced(b"E0\r", [b"Measurement time: 3\r\n"], occurrence=1)
    with pytest.raises(DeviceFault, match=r"lost its settings: it estimates 0.003 s .*, before 0.012 s"):
        _measure(lost)


def test_an_impossible_range_is_refused() -> None:
    with pytest.raises(ProtocolError, match="the sensor's range is 1550 to 1500 nm"):
        _measure(_replaced(b"h4\r", [b"Max wavelength: 1500\r\n"]))


def test_each_flipped_bit_of_a_stored_scan_is_refused_or_shows_unless_it_says_nothing() -> None:
    """Nothing on this wire is a checksum: what the store keeps is guarded by the store's own SHA-256."""
    scan, _ = _measure(CONVERSATION)
    for place in range(len(scan.raw)):
        broken = bytearray(scan.raw)
        broken[place] ^= 0x01
        try:
            other = decode_raw_scan(bytes(broken))
        except ProtocolError:
            continue
        assert place in _says_nothing(scan.raw) or not _says_the_same(scan, other), place


def test_three_equal_greatest_values_are_the_end_of_the_converter() -> None:
    def scan(lit: bytes) -> Scan:
        wavelengths = [Exchange(f"W{index},{1550 + index}.0", b"set") for index in range(4)]
        head = [Exchange("h2", b"Serial number: 4711"), *wavelengths, Exchange("V1,1", b"set")]
        dark = [Exchange("LI0", b"set"), Exchange("Xm0,4", bytes(16))]
        return decode_raw_scan(record_scan([*head, *dark, Exchange("LI50", b"set"), Exchange("Xm0,4", lit)]))

    top = bytes.fromhex("00007f47")  # 65280.0
    low = bytes.fromhex("00007a44")  # 1000.0
    assert scan(low + top * 3).full_scale_counts == 65_280.0
    assert scan(top + low + top * 2).full_scale_counts == float("inf")
    assert scan(bytes(16)).full_scale_counts == float("inf")


def _says_nothing(raw: bytes) -> set[int]:
    """Return where labels, confirmations, point averaging and the dark scan's temperature stand."""
    words = (
        b"Serial number",
        b"Wavelength set",
        b"V1",
        b"Averaging set",
        b"Light set",
        b"Temperature",
        b"3.15e+01",
    )
    starts = [(word, start) for word in words for start in range(len(raw)) if raw.startswith(word, start)]
    return {place for word, start in starts for place in range(start, start + len(word))}


def _says_the_same(first: Scan, second: Scan) -> bool:
    return (
        first.serial == second.serial
        and first.settings == second.settings
        and first.conditions == second.conditions
        and first.wavelength_nm.tolist() == second.wavelength_nm.tolist()
        and first.counts.tolist() == second.counts.tolist()
        and first.dark_counts.tolist() == second.dark_counts.tolist()
    )
