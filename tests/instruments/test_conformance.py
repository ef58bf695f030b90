"""What every spectrometer keeps of its port's promises, whatever it speaks: all drivers, and the fake."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeSpectrometer
from spectrometer_kit import AT_ONCE, MODULES, PACED, EmulatedBench, Session

from instruments.emulators.nirone import NIRONE
from instruments.emulators.nirscan_nano import NANO
from instruments.emulators.ocean import OCEAN
from instruments.emulators.tape import Tape
from instruments.transport import SerialLink
from qc_daemon.domain.errors import DeviceFault, InstrumentError, LinkConfig, LinkLost, LinkTimeout
from qc_daemon.domain.quality import ScanLimits, assess_scan, assess_spectrum
from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.domain.spectrum import Scan, WhiteReference, absorbance_spectrum, reflectance, same_axis
from qc_daemon.wiring.spectrometers import scan_decoders

DRIVERS = sorted(MODULES)
EMULATED = {"nirscan-nano": NANO, "nirone": NIRONE, "ocean": OCEAN}
EVERY_FAULT = [(kind, fault) for kind in DRIVERS for fault in EMULATED[kind].faults]
BLIND = {ReasonCode.LOW_SIGNAL, ReasonCode.TOO_FEW_BANDS}
BLINDING = [
    (kind, fault)
    for kind, fault in EVERY_FAULT
    if fault in ("saturated", "lamp_off", "dead_pixels", "dead_points", "all_zero")
]
# How often, or how strongly, a fault strikes when all are tried; those not named strike once.
STRENGTHS = {
    "slow_reply": "0.05",
    "slow_scan": "4",
    "error_bit": "4",
    "device_reboot": "0.05",
    "lamp_dim": "0.5",
}
LASTING = {"saturated", "lamp_off", "dead_pixels", "dead_points", "all_zero", "nan", "other_axis",
           "no_temperature", "hadamard_active", "type8_offset_bug", "stale_error_length"}  # fmt: skip


VERSION_REQUEST = bytes.fromhex("41424344 DA000000 C0 00 0200 1602 44434241")
GET_SERIAL = bytes.fromhex("c1c00011" + "00" * 5 + "01" + "00" * 30 + "14" + "00" * 19 + "c5c4c3c2")


class FakeBench:
    """The fake that tests of the station use, held to the same promises."""

    kind = "fake"

    def __init__(self) -> None:
        self._plugged = True
        self._now = FakeSpectrometer()

    @contextmanager
    def connect(self) -> Iterator[FakeSpectrometer]:
        if not self._plugged:
            raise LinkConfig("port does not exist")
        self._now = FakeSpectrometer()
        yield self._now

    def unplug(self) -> None:
        self._plugged = False
        self._now._answers = [LinkLost("unplugged")] * 9

    def replug(self) -> None:
        self._plugged = True


@pytest.fixture(params=[*DRIVERS, "fake"])
def any_bench(request: pytest.FixtureRequest, healthy_bench: Callable[..., EmulatedBench]) -> Any:
    return FakeBench() if request.param == "fake" else healthy_bench(request.param)


@pytest.fixture(params=DRIVERS)
def bench(request: pytest.FixtureRequest, healthy_bench: Callable[..., EmulatedBench]) -> EmulatedBench:
    return healthy_bench(request.param)


@pytest.fixture(scope="module")
def sessions(
    shared_benches: Callable[[str, Sequence[str]], EmulatedBench],
) -> Iterator[Callable[[str], Session]]:
    """A connection to a healthy device of each kind, with row 0 in front of its window."""
    opened: dict[str, Session] = {}
    with ExitStack() as stack:

        def session(kind: str) -> Session:
            if kind not in opened:
                bench = shared_benches(kind, (*AT_ONCE, "--baud", "115200"))  # one of its own
                opened[kind] = stack.enter_context(Session(bench))
            opened[kind].bench.calm()
            return opened[kind]

        yield session


def _require_whole(scan: Scan) -> None:
    """Require that a scan has a value, of a possible size, for each wavelength."""
    assert scan.wavelength_nm.shape == scan.counts.shape == scan.dark_counts.shape
    assert len(scan.wavelength_nm) >= 16
    assert np.all(np.diff(scan.wavelength_nm) > 0)
    assert np.all(np.isfinite(scan.counts)) and np.all(np.isfinite(scan.dark_counts))
    assert not scan.counts.flags.writeable


def test_it_says_who_it_is_and_each_scan_says_whose_it_is(any_bench: Any) -> None:
    with any_bench.connect() as spectrometer:
        identity = spectrometer.identity
        assert all((identity.kind, identity.model, identity.serial, identity.firmware))
        assert spectrometer.measure().serial == identity.serial
        assert spectrometer.identity == identity
    if any_bench.kind != "fake":
        assert (identity.kind, identity.serial) == (any_bench.kind, "EM-0042")


def test_a_scan_is_counts_over_wavelengths_in_nm(any_bench: Any) -> None:
    with any_bench.connect() as spectrometer:
        scan = spectrometer.measure()
    _require_whole(scan)
    assert 300.0 < scan.wavelength_nm[0] < scan.wavelength_nm[-1] < 3000.0
    assert scan.counts.max() < scan.full_scale_counts
    assert scan.net_counts.mean() > scan.dark_counts.std()
    assert scan.settings.scans_averaged >= 1
    assert scan.settings.pga_gain >= 1
    system_c = scan.conditions.system_temperature_c
    assert system_c is None or 0.0 < system_c < 60.0


def test_two_scans_are_comparable_and_on_one_axis(any_bench: Any) -> None:
    with any_bench.connect() as spectrometer:
        first, second = spectrometer.measure(), spectrometer.measure()
    assert first.settings.comparable_with(second.settings)
    assert np.array_equal(first.wavelength_nm, second.wavelength_nm)


def test_a_factory_reference_is_a_scan_or_said_to_be_none(any_bench: Any) -> None:
    with any_bench.connect() as spectrometer:
        factory = spectrometer.factory_reference()
        if factory is not None:
            _require_whole(factory)
    assert factory is None or any_bench.kind not in ("nirone", "ocean")


def test_an_unplugged_device_is_lost_and_found_again(any_bench: Any) -> None:
    with any_bench.connect() as spectrometer:
        before, identity = spectrometer.measure(), spectrometer.identity
        any_bench.unplug()
        with pytest.raises(LinkLost):
            spectrometer.measure()
    with pytest.raises(LinkConfig), any_bench.connect():
        pass
    any_bench.replug()
    with any_bench.connect() as spectrometer:
        after = spectrometer.measure()
        assert spectrometer.identity == identity
    assert after.settings == before.settings
    assert np.array_equal(after.wavelength_nm, before.wavelength_nm)


def test_what_is_stored_decodes_to_the_same_scan(bench: EmulatedBench) -> None:
    with bench.connect() as spectrometer:
        scan = spectrometer.measure()
    again = scan_decoders()[scan.raw_format](scan.raw)
    for name in ("wavelength_nm", "counts", "dark_counts"):
        assert np.array_equal(getattr(again, name), getattr(scan, name)), name
    for name in ("raw", "raw_format", "serial", "full_scale_counts", "settings", "conditions"):
        assert getattr(again, name) == getattr(scan, name), name


@pytest.mark.parametrize("damage", ["cut", "longer", "empty", "noise"])
def test_damaged_stored_bytes_are_refused_in_one_line(bench: EmulatedBench, damage: str) -> None:
    with bench.connect() as spectrometer:
        scan = spectrometer.measure()
    raw = {
        "cut": scan.raw[: len(scan.raw) // 2],
        "longer": b"\xff" + scan.raw,
        "empty": b"",
        "noise": bytes(range(256)) * 8,
    }[damage]
    with pytest.raises(InstrumentError) as failure:
        scan_decoders()[scan.raw_format](raw)
    assert "\n" not in str(failure.value)


def test_the_fabric_of_the_tape_comes_through_as_its_reflectance(
    bench: EmulatedBench, even_tape: Tape
) -> None:
    with bench.connect() as spectrometer:
        bench.tell("present white")
        white = _reference(spectrometer, spectrometer.measure())
        for row, expected in enumerate(even_tape.sample_counts / even_tape.reference_counts[0]):
            bench.tell(f"present {row}")
            scan = spectrometer.measure()
            wanted = np.interp(scan.wavelength_nm, even_tape.wavelength_nm, expected)
            assert np.abs(reflectance(scan, white) - wanted).max() < 0.003


def test_before_it_is_opened_it_knows_nothing(bench: EmulatedBench) -> None:
    spectrometer: Any = bench.connect()
    with pytest.raises(LinkLost, match="has not been opened"):
        _ = spectrometer.identity


def test_closing_twice_does_no_harm_and_a_closed_device_does_not_measure(bench: EmulatedBench) -> None:
    spectrometer: Any = bench.connect()
    with spectrometer:
        spectrometer.measure()
    spectrometer.__exit__(None, None, None)
    with pytest.raises(LinkLost, match="is not open"):
        spectrometer.measure()
    with spectrometer:  # and it can be opened again
        _require_whole(spectrometer.measure())


def test_two_programs_cannot_have_one_device(bench: EmulatedBench) -> None:
    with bench.connect() as spectrometer:
        with pytest.raises(LinkConfig, match="is in use by another program"), bench.connect():
            pass
        _require_whole(spectrometer.measure())


def test_a_device_that_never_answers_is_given_up_in_time(bench: EmulatedBench) -> None:
    bench.tell("fault no_reply")
    started = time.monotonic()
    with (
        pytest.raises(LinkTimeout, match=r"no (reply|answer) to \w+ within 0\.3 s"),
        bench.connect(reply_timeout_s=0.3),
    ):
        pass
    assert time.monotonic() - started < 3.0  # three attempts
    bench.heal()
    with bench.connect() as spectrometer:  # the failed opening has let the port go
        _require_whole(spectrometer.measure())


def test_a_device_that_falls_silent_is_given_up_in_time(bench: EmulatedBench) -> None:
    with bench.connect(longest_scan_s=0.5, reply_timeout_s=0.5) as spectrometer:
        bench.tell("fault no_reply")
        started = time.monotonic()
        with pytest.raises(LinkTimeout):
            spectrometer.measure()
        assert time.monotonic() - started < 6.0
        bench.tell("clear no_reply")
        bench.tell("present 1")
        _require_whole(spectrometer.measure())


@pytest.mark.parametrize("kind", DRIVERS)
def test_a_scan_that_takes_too_long_is_given_up(
    kind: str, healthy_bench: Callable[..., EmulatedBench]
) -> None:
    bench = healthy_bench(kind, PACED)
    with bench.connect(longest_scan_s=0.1) as spectrometer:
        bench.tell("fault slow_scan=200")
        started = time.monotonic()
        with pytest.raises(LinkTimeout):
            spectrometer.measure()
        assert time.monotonic() - started < 15.0  # the scan would have taken a minute or more


@pytest.mark.parametrize("kind", DRIVERS)
def test_a_stop_of_the_station_ends_the_wait_for_a_scan(
    kind: str, healthy_bench: Callable[..., EmulatedBench]
) -> None:
    bench = healthy_bench(kind, PACED)
    stop = threading.Event()
    with bench.connect(stopping=stop.is_set) as spectrometer:
        bench.tell("fault slow_scan=200")
        threading.Timer(0.3, stop.set).start()
        started = time.monotonic()
        with pytest.raises(InstrumentError, match="stopped while waiting for"):
            spectrometer.measure()
        assert time.monotonic() - started < 3.0


@pytest.mark.parametrize("kind", DRIVERS)
@pytest.mark.parametrize("seconds", [0.02, 0.3, 0.55], ids=["at its start", "during it", "near its end"])
def test_an_unplugged_device_gives_no_half_scan(
    kind: str, seconds: float, healthy_bench: Callable[..., EmulatedBench]
) -> None:
    bench = healthy_bench(kind, PACED)
    with bench.connect() as spectrometer:
        timer = threading.Timer(seconds, bench.unplug)
        timer.start()
        started = time.monotonic()
        with pytest.raises(LinkLost):
            while True:  # the device may be quicker than the hand at its plug
                _require_whole(spectrometer.measure())
        assert time.monotonic() - started < seconds + 3.0
        timer.join()


def test_a_device_that_restarted_never_measures_with_other_settings(bench: EmulatedBench) -> None:
    with bench.connect() as spectrometer:
        before = spectrometer.measure()
        bench.tell("fault device_reboot=0.05")
        try:
            after = spectrometer.measure()
        except DeviceFault:
            after = None
        assert after is None or after.settings == before.settings
    with bench.connect() as spectrometer:
        assert spectrometer.measure().settings == before.settings


def test_a_device_that_restarted_before_its_first_scan_never_measures_with_other_settings(
    bench: EmulatedBench,
) -> None:
    settings = {"repeats": 12} if bench.kind == "nirscan-nano" else {"scans_averaged": 3}
    (told,) = settings.values()
    with bench.connect(**settings) as spectrometer:
        bench.tell("fault device_reboot=0.05")
        with pytest.raises(DeviceFault):
            spectrometer.measure()
    with bench.connect(**settings) as spectrometer:
        assert spectrometer.measure().settings.scans_averaged == told


@pytest.mark.parametrize(("kind", "fault"), EVERY_FAULT)
def test_under_any_fault_there_is_a_whole_scan_or_a_typed_error_and_then_a_good_scan(
    kind: str, fault: str, sessions: Callable[[str], Session], even_tape: Tape
) -> None:
    session = sessions(kind)
    white = _white_of(session)
    strength = "" if fault in LASTING else "=" + STRENGTHS.get(fault, "1")
    session.bench.tell(f"fault {fault}{strength}")
    try:
        _require_whole(session.spectrometer.measure())
    except InstrumentError as error:
        assert "\n" not in str(error)
        if isinstance(error, LinkLost | DeviceFault):
            session.leave()
    session.bench.tell(f"clear {fault}")
    session.bench.tell("present 2")
    scan = session.spectrometer.measure()
    share = even_tape.sample_counts[2] / even_tape.reference_counts[0]
    wanted = np.interp(scan.wavelength_nm, even_tape.wavelength_nm, share)
    assert np.abs(reflectance(scan, white) - wanted).max() < 0.003


@pytest.mark.parametrize(("kind", "fault"), BLINDING)
def test_a_blinded_detector_is_measured_and_its_scan_is_not_inferred_from(
    kind: str, fault: str, sessions: Callable[[str], Session]
) -> None:
    session = sessions(kind)
    white = _white_of(session)
    session.bench.tell(f"fault {fault}")
    scan = session.spectrometer.measure()
    spectrum = absorbance_spectrum(scan, white)
    found = [*assess_scan(scan, ScanLimits()), *assess_spectrum(spectrum, ScanLimits())]
    codes = {reason.code for reason in found if reason.blocks_inference}
    assert codes & (BLIND if fault != "saturated" else {ReasonCode.SATURATED})


@pytest.mark.parametrize("kind", ["nirone", "ocean"])
def test_its_conditions_are_told_without_a_scan_and_are_lost_with_it(
    kind: str, healthy_bench: Callable[..., EmulatedBench]
) -> None:
    bench = healthy_bench(kind)
    with bench.connect() as spectrometer:
        system_c = spectrometer.conditions().system_temperature_c
        assert system_c == pytest.approx(spectrometer.measure().conditions.system_temperature_c, abs=0.5)
        bench.unplug()
        with pytest.raises(LinkLost):
            spectrometer.conditions()


def test_an_empty_window_reads_as_no_specimen(bench: EmulatedBench) -> None:
    with bench.connect() as spectrometer:
        bench.tell("present white")
        white = _reference(spectrometer, spectrometer.measure())
        bench.tell("present nothing")
        found = assess_spectrum(absorbance_spectrum(spectrometer.measure(), white), ScanLimits())
    assert [reason.code for reason in found] == [ReasonCode.NO_SPECIMEN]


def test_a_program_that_died_in_the_middle_of_a_request_leaves_nothing_behind(bench: EmulatedBench) -> None:
    whole, half = {
        "nirscan-nano": (VERSION_REQUEST, VERSION_REQUEST[:9]),
        "nirone": (b"h2\r", b"W0,15"),
        "ocean": (GET_SERIAL, GET_SERIAL[:30]),
    }[bench.kind]
    with SerialLink(bench.port) as link:
        link.write_all(whole)  # and does not read the reply
        link.write_all(half)
    with bench.connect() as spectrometer:
        _require_whole(spectrometer.measure())


@pytest.mark.parametrize("kind", ["nirone", "ocean"])
def test_another_axis_shows_in_the_scan_so_that_a_white_reference_no_longer_fits(
    kind: str, healthy_bench: Callable[..., EmulatedBench]
) -> None:
    bench = healthy_bench(kind)
    with bench.connect() as spectrometer:
        before = spectrometer.measure()
    bench.tell("fault other_axis")
    with bench.connect() as spectrometer:
        after = spectrometer.measure()
    assert not same_axis(before.wavelength_nm, after.wavelength_nm)


@pytest.mark.parametrize("kind", ["nirone", "ocean"])
def test_each_fault_of_the_emulator_is_documented(kind: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "instruments.md").read_text(encoding="utf-8")
    title = {"nirone": "## NIRONE Sensor", "ocean": "## Ocean spectrometers"}[kind]
    section = page[page.index(title) :].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    missing = [name for name in EMULATED[kind].faults if not any(f"`{name}`" in row for row in rows)]
    assert missing == []


def test_full_scale_is_known_or_said_to_be_unknown(bench: EmulatedBench) -> None:
    with bench.connect() as spectrometer:
        full_scale = spectrometer.measure().full_scale_counts
    assert full_scale == {"nirscan-nano": 2.0**23, "ocean": 65535.0, "nirone": math.inf}[bench.kind]


def _white_of(session: Session) -> WhiteReference:
    """Measure the white tile, then lay row 0 there again."""
    session.bench.tell("present white")
    white = _reference(session.spectrometer, session.spectrometer.measure())
    session.bench.tell("present 0")
    return white


def _reference(spectrometer: Any, scan: Scan) -> WhiteReference:
    from builders import NOON

    ones = np.ones(len(scan.wavelength_nm))
    return WhiteReference("white-1", "tile", "tile-1", scan, ones, spectrometer.identity, NOON)
