"""The other spectrometers through the whole station: configuration, emulator, driver, store, verdict."""

from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import qc_daemon

from instruments.emulators.process import EmulatorProcess
from qc_daemon.config import load_config
from qc_daemon.domain.errors import ConfigError
from qc_daemon.wiring.lines import write_scans_as_tape
from qc_daemon.wiring.spectrometers import emulated_axis

RANGES = {"nirone": (1550.0, 1950.0), "ocean": (650.0, 1100.0)}


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Path]:
    """Write a configuration with these sections."""

    def write(sections: str) -> Path:
        file = tmp_path / "qc.toml"
        station = f'[station]\nfolder = "{tmp_path / "station"}"\nlanguage = "en"\n'
        file.write_text(station + sections, encoding="utf-8")
        return file

    return write


@pytest.mark.parametrize("kind", RANGES)
def test_a_spectrum_of_another_range_is_stored_and_referred(
    kind: str, config: Callable[[str], Path], tmp_path: Path
) -> None:
    file = config(f'[emulated_line]\nspectrometer = "{kind}"\nspecimens = 1\nscan_time_s = 0.05\n')
    inspected = qc_daemon(
        "inspect", "--specimen", "S-1", "--label", "cotton 60 polyester 40", "--config", file, "--json"
    )
    assert inspected.status == 0, inspected.err
    assert inspected.document["verdict"] == "REFER"
    assert inspected.document["class"] == "unknown"
    assert any("does not cover the wavelengths of the model" in one for one in inspected.document["reasons"])
    checked = qc_daemon("fsck", "--station", tmp_path / "station", "--json")
    assert (checked.status, checked.document["problems"]) == (0, [])
    redrawn = qc_daemon("conclude", "--all", "--config", file)  # decodes the stored bytes anew
    assert redrawn.status == 0, redrawn.err


@pytest.mark.parametrize("kind", RANGES)
def test_a_spectrometer_on_its_port_is_found_by_its_driver(
    kind: str, config: Callable[[str], Path], tmp_path: Path
) -> None:
    from models.virtual_mill.specimens import write_mill

    dataset = write_mill(tmp_path / "fabric", 1, 3, emulated_axis(kind))
    tape, _ = write_scans_as_tape(dataset, tmp_path, "VIRTUAL")
    options = ["--tape", str(tape), "--scan-time-s", "0", "--unpaced"]
    with EmulatorProcess(f"instruments.emulators.{kind}", options) as emulator:
        file = config(
            f'[spectrometer]\ndriver = "{kind}"\nport = "{emulator.ready["port"]}"\nscans_averaged = 4\n'
        )
        checked = qc_daemon("check", "--config", file, "--json")
        assert checked.status == 0, checked.out
        found = {line["what"]: line["found"] for line in checked.document["checks"]}
        assert "serial VIRTUAL" in found["instruments"]
        # This line has no white tile and the device no factory reference: referred, not refused.
        inspected = qc_daemon("inspect", "--specimen", "S-1", "--config", file, "--json")
    assert inspected.status == 0, inspected.err
    assert inspected.document["verdict"] == "REFER"
    assert any("reference" in reason for reason in inspected.document["reasons"])


@pytest.mark.parametrize("kind", RANGES)
def test_the_emulator_says_where_it_is_and_ends_with_its_input(kind: str) -> None:
    emulated = qc_daemon("emulate", kind, "--fault", "no_reply=1")
    assert (emulated.status, emulated.err) == (0, "")
    assert set(emulated.document) == {"port", "serial"}
    assert emulated.document["serial"] == "VIRTUAL"
    refused = qc_daemon("emulate", kind, "--fault", "sulks")
    assert refused.status == 2
    assert 'fault "sulks" is not known; expected one of' in refused.err
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('driver = "nanoscan"\nport = "x"', "line 5: spectrometer.driver: Input should be 'nirscan-nano'"),
        ('driver = "nirone"\nport = "x"\nintegration_time_ms = 5', 'expected only with driver = "ocean"'),
        (
            'driver = "ocean"\nport = "x"\nintegration_time_ms = 0',
            "Input should be greater than 0",
        ),
        (
            'driver = "ocean"\nport = "x"\npga_gain = 4',
            'pga_gain: expected only with driver = "nirscan-nano"',
        ),
        ('driver = "nirone"\nport = "x"\nlamp_stays_on = true', "lamp_stays_on: expected only with driver"),
        ('port = "x"\npga_gain = 3', "pga_gain: 3; expected 1, 2, 4, 8, 16, 32 or 64"),
        ('port = "x"\nbaud = 0', "spectrometer.baud: Input should be greater than 0"),
    ],
)
def test_a_wrong_key_of_the_spectrometer_is_named(
    config: Callable[[str], Path], section: str, message: str
) -> None:
    with pytest.raises(ConfigError) as failure:
        load_config(config(f"[spectrometer]\n{section}\n"))
    assert message in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("kind", RANGES)
def test_virtual_fabric_is_seen_in_the_range_of_the_instrument(kind: str) -> None:
    axis_nm = emulated_axis(kind)
    assert axis_nm is not None
    assert (axis_nm[0], axis_nm[-1]) == RANGES[kind]
