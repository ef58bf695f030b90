"""The driver against bytes, without an emulator: what it sends, and what it makes of the answers."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeClock
from nano_links import ScriptedLink, ok, refusal
from nano_transcript import TRANSCRIPT

from instruments.nirscan_nano.driver import NirscanNano
from qc_daemon.domain.errors import DeviceFault
from qc_daemon.domain.spectrum import InstrumentIdentity, ScanSettings

_SET_UP = 11  # lines of the transcript before the scan


def _clock() -> FakeClock:
    clock = FakeClock()
    clock.utc = datetime(2026, 11, 24, 8, 15, tzinfo=UTC)
    return clock


def _link(lines: list[tuple[str, str]]) -> ScriptedLink:
    return ScriptedLink([bytes.fromhex(answer) for _, answer in lines])


def test_a_whole_conversation_sends_and_understands_the_literal_bytes() -> None:
    link = _link(TRANSCRIPT)
    with NirscanNano(link, _clock(), config_index=2, repeats=12) as nano:
        scan = nano.measure()
        assert nano.identity == InstrumentIdentity("nirscan-nano", "NIRscan Nano", "6460027", "2.1.0")
        assert nano.link_counters.failed_attempts == 0
    assert [data.hex() for data in link.sent] == [sent for sent, _ in TRANSCRIPT]
    assert link.exhausted
    assert not link.is_open
    assert scan.wavelength_nm == pytest.approx([1600.0, 1610.0, 1620.0], abs=1e-9)
    assert scan.counts.tolist() == [120000.0, 120500.0, 121000.0]
    assert scan.dark_counts.tolist() == [100000.0] * 3
    assert scan.settings == ScanSettings("Column 3", 12, 16)
    assert scan.conditions.lamp_photodiode_counts == 3820
    assert len(scan.raw) == 268


def test_a_device_that_forgot_its_configuration_before_the_first_scan_is_found_out() -> None:
    answers = [bytes.fromhex(answer) for _, answer in TRANSCRIPT]
    link = ScriptedLink([*answers[:-1], ok(b"\0")])
    with (
        NirscanNano(link, _clock(), config_index=2, repeats=12) as nano,
        pytest.raises(DeviceFault, match="configuration 0 instead of 2; reconnect to set it up again"),
    ):
        nano.measure()


def test_a_device_with_older_firmware_has_no_model_name_and_works_all_the_same() -> None:
    answers = [bytes.fromhex(answer) for _, answer in TRANSCRIPT[:_SET_UP]]
    # The refused question is asked three times with one sequence, so later sequences stay the same.
    script = [*answers[:2], refusal(), refusal(), refusal(), *answers[3:]]
    with NirscanNano(ScriptedLink(script), _clock(), config_index=2, repeats=12) as nano:
        assert nano.identity.model == "NIRscan Nano"


def test_the_bytes_of_a_real_device_come_through_the_driver(qc_data: Path) -> None:
    """The scan container of a `.dat` file, cut into chunks of 510 bytes as on a UART."""
    (path,) = (qc_data / "nirscan_3garments" / "raw_examples").glob("*.dat")
    blob = path.read_bytes()[:3822]
    chunks = [blob[start : start + 510] for start in range(0, len(blob), 510)]
    answers: list[bytes | object] = [bytes.fromhex(answer) for _, answer in TRANSCRIPT[:_SET_UP]]
    answers[1] = ok(b"5510004\0")  # the scan's own unit; the driver takes no other's
    replies = [ok(b"\1\0\0\0"), ok(), ok(b"\1"), ok(bytes(20)), ok(b"\xee\x0e\0\0"), *map(ok, chunks)]
    replies += [ok(b"\2")]  # the configuration is still the one that was set
    with NirscanNano(ScriptedLink([*answers, *replies]), _clock(), config_index=2, repeats=6) as nano:
        scan = nano.measure()
    with np.load(qc_data / "nirscan_3garments" / "spectra.npz") as table:
        assert np.abs(scan.net_counts - table["sample"][-1]).max() < 0.2
    assert (len(chunks), scan.raw, scan.serial) == (8, blob, "5510004")
