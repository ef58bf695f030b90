"""The driver against messages that neither the codec nor the emulator made."""

import struct
from collections.abc import Callable

import pytest
from fakes import FakeClock
from ocean_script import ANSWERS, DARK, LIT, NACK, RESPONSE, ScriptedOcean, Spoil, sealed

from instruments.ocean.driver import OceanSpectrometer
from instruments.ocean.recording import decode_raw_scan
from qc_daemon.domain.errors import (
    ConfigError,
    DeviceBusy,
    DeviceFault,
    InstrumentError,
    LinkTimeout,
    ProtocolError,
)
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan, ScanSettings

SPECTRUM, SERIAL = 0x00101100, 0x00000100


def _open(link: ScriptedOcean, **settings: float) -> OceanSpectrometer:
    settings = {"scans_averaged": 5, "lamp_warm_up_s": 0.0, "longest_scan_s": 0.1, **settings}
    return OceanSpectrometer(link, FakeClock(), **settings)  # type: ignore[arg-type]


def _measured(link: ScriptedOcean, **settings: float) -> Scan:
    with _open(link, **settings) as spectrometer:
        return spectrometer.measure()


def test_a_whole_conversation_is_understood() -> None:
    link = ScriptedOcean()
    with _open(link) as spectrometer:
        scan = spectrometer.measure()
        assert spectrometer.identity == InstrumentIdentity(
            "ocean", "Ocean spectrometer, hardware 3", "STS00042", "1.23"
        )
        assert spectrometer.link_counters.failed_attempts == 0
    assert scan.wavelength_nm.tolist() == [650.0 + 2.0 * pixel for pixel in range(32)]
    assert (scan.dark_counts.tolist(), scan.counts.tolist()) == (DARK, LIT)
    assert scan.full_scale_counts == 16_383.0
    assert scan.settings == ScanSettings("100 ms", 5, 1)
    assert scan.conditions.system_temperature_c == 31.5
    assert scan.conditions.detector_temperature_c is None
    assert not link.is_open


def test_the_device_is_set_up_before_the_dark_and_the_lamp_burns_after_it() -> None:
    link = ScriptedOcean()
    _measured(link)
    sets = [(kind, data) for kind, data in link.asked if (kind, b"") != (kind, data) and kind != 0x00180101]
    assert sets == [
        (0x00000010, b"\x01"),
        (0x00110010, bytes.fromhex("a0860100")),
        (0x00120010, bytes.fromhex("0500")),
        (0x00110410, b"\x00"),
        (0x00110410, b"\x01"),
    ]


def test_an_old_dark_spectrum_is_taken_anew() -> None:
    link, clock = ScriptedOcean(), FakeClock()
    with OceanSpectrometer(link, clock, scans_averaged=5, lamp_warm_up_s=0.0, dark_age_s=600.0) as device:
        device.measure()
        clock.advance(601.0)
        device.measure()
    assert [data for kind, data in link.asked if kind == 0x00110410] == [b"\0", b"\1", b"\0", b"\1"]


def test_a_device_without_sensors_and_saturation_level_is_served() -> None:
    answers = {kind: data for kind, data in ANSWERS.items() if kind not in (0x001010A0, 0x00400002)}
    scan = _measured(ScriptedOcean(answers))
    assert scan.full_scale_counts == 65_535.0
    assert scan.conditions.system_temperature_c is None


def _flip(place: int) -> Spoil:
    return lambda reply: reply[:place] + bytes([reply[place] ^ 0x01]) + reply[place + 1 :]


def _refusal(error: int) -> Spoil:
    def spoil(reply: bytes) -> bytes:
        kind, regarding = struct.unpack_from("<II", reply, 8)
        return sealed(kind, RESPONSE | NACK, regarding, b"", error)

    return spoil


def _unchecked(reply: bytes) -> bytes:
    return reply[:22] + b"\0" + reply[23:-20] + bytes(16) + reply[-4:]


PASSING: dict[str, Spoil] = {
    "silence": lambda reply: b"",
    "cut": lambda reply: reply[:50],
    "cut, then whole": lambda reply: reply[:50] + reply,
    "behind noise": lambda reply: b"\0\xff\xc1" + reply,
    "doubled": lambda reply: reply + reply,
    "flipped in the head": _flip(12),
    "flipped in the data": _flip(45),
    "flipped checksum": _flip(-5),
    "flipped end": _flip(-1),
    "deferred, then whole": lambda reply: _refusal(255)(reply) + reply,
    "not ready": _refusal(7),
    "refused": _refusal(13),
    "without checksum": _unchecked,
    "regarding another": lambda reply: sealed(SERIAL, RESPONSE, 7, b"STS00000"),
}


@pytest.mark.parametrize("spoil", PASSING.values(), ids=PASSING)
def test_a_reply_that_fails_once_costs_a_question_and_no_more(spoil: Spoil) -> None:
    link = ScriptedOcean()
    link.spoil[SERIAL] = [spoil]
    assert _measured(link).serial == "STS00042"


@pytest.mark.parametrize(
    "spoil", [_flip(45), _flip(-5), lambda reply: reply[:60]], ids=["data", "sum", "cut"]
)
def test_a_broken_spectrum_is_measured_again(spoil: Spoil) -> None:
    link = ScriptedOcean({**ANSWERS, SPECTRUM: [struct.pack("<32H", *LIT)]})
    with _open(link) as spectrometer:
        link.spoil[SPECTRUM] = [spoil, spoil]
        assert spectrometer.measure().counts.tolist() == LIT
        assert spectrometer.link_counters.failed_attempts == 2


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (_refusal(7), DeviceBusy, "not ready and did not answer SERIAL_NUMBER"),
        (_refusal(2), DeviceFault, r"refused SERIAL_NUMBER: unknown message type \(2\)"),
        (_refusal(99), DeviceFault, r"refused SERIAL_NUMBER: unknown error \(99\)"),
        (_unchecked, DeviceFault, "SERIAL_NUMBER has no checksum: the device has restarted"),
        (_flip(-5), ProtocolError, "the reply to SERIAL_NUMBER is broken: BadChecksum"),
        (lambda reply: b"", LinkTimeout, "no reply to SERIAL_NUMBER within 1 s"),
        (_refusal(255), LinkTimeout, "no reply to SERIAL_NUMBER within 1 s"),
    ],
)
def test_a_reply_that_stays_wrong_is_a_typed_error_in_words(
    spoil: Spoil, error: type[InstrumentError], message: str
) -> None:
    link = ScriptedOcean()
    link.spoil[SERIAL] = [spoil] * 3
    with pytest.raises(error, match=message) as failure:
        _measured(link)
    assert type(failure.value) is error
    assert not link.is_open


def test_a_scan_that_takes_too_long_is_aborted() -> None:
    link = ScriptedOcean()
    with _open(link) as spectrometer:
        link.spoil[SPECTRUM] = [lambda reply: b""]
        with pytest.raises(LinkTimeout, match=r"no reply to RAW_SPECTRUM within 3\.75 s"):
            spectrometer.measure()
    assert link.asked[-1][0] == 0x00100000


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        (0x00000100, b"", "serial number reads b'', expected printable text"),
        (0x00180100, b"\x01", "1 wavelength coefficients, expected 2 to 16"),
        (0x00180101, struct.pack("<f", float("nan")), "a wavelength coefficient is nan"),
        (0x00180101, struct.pack("<f", -2.0), "the wavelength coefficients give no ascending axis"),
        (0x001010A0, b"\0\0\0\0", "the saturation level is 0"),
        (0x00400002, b"\0\0\0", "temperatures have 3 bytes"),
        (0x00101100, b"\0" * 33, "spectrum has 33 bytes"),
        (0x00110001, b"", "least integration time has 0 bytes"),
    ],
)
def test_a_reply_that_cannot_be_true_is_refused(kind: int, data: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        _measured(ScriptedOcean({**ANSWERS, kind: [data]}))


def test_an_integration_time_that_the_device_cannot_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"integration_time_ms: 20000; this device expects 0.01 to 10000"):
        _measured(ScriptedOcean(), integration_time_ms=20_000)


def test_a_device_that_does_not_take_its_settings_is_refused() -> None:
    with pytest.raises(DeviceFault, match=r"keeps the settings \[100000, 5\] instead of \[100000, 8\]"):
        _measured(ScriptedOcean(), scans_averaged=8)


def test_a_device_that_lost_its_settings_is_not_measured_with() -> None:
    answers = {**ANSWERS, 0x00110000: [struct.pack("<I", 100_000), struct.pack("<I", 10_000)]}
    with pytest.raises(DeviceFault, match=r"lost its settings: \[10000, 5\] instead of \[100000, 5\]"):
        _measured(ScriptedOcean(answers))


def test_every_flipped_bit_of_a_stored_scan_is_refused() -> None:
    raw = _measured(ScriptedOcean()).raw
    for place in range(len(raw)):
        broken = bytearray(raw)
        broken[place] ^= 0x01
        with pytest.raises(ProtocolError):
            decode_raw_scan(bytes(broken))


@pytest.mark.parametrize("part", range(9))
def test_a_stored_scan_that_lacks_a_message_is_refused(part: int) -> None:
    raw = _measured(ScriptedOcean()).raw
    starts = [place for place in range(len(raw)) if raw.startswith(bytes.fromhex("c1c00011"), place)]
    edges = [*starts, len(raw)]
    assert len(starts) == 9
    without = raw[: edges[part]] + raw[edges[part + 1] :]
    optional = part in (1, 6)  # saturation level, temperatures
    check: Callable[[bytes], object] = decode_raw_scan
    if optional:
        check(without)
    else:
        with pytest.raises(ProtocolError):
            check(without)
