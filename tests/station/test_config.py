from pathlib import Path

import pytest

from qc_daemon.config import load_config
from qc_daemon.domain.errors import ConfigError

EXAMPLE = Path(__file__).parent.parent.parent / "qc.example.toml"


def test_the_example_configuration_loads() -> None:
    config = load_config(EXAMPLE)
    assert config.spectrometer is not None
    assert config.camera is not None
    assert config.judgement.rule == "gb-t-29862-2013"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[station]\nnmae = "x"\n[emulated_line]', 'line 2: station.nmae: unknown key; did you mean "name"?'),
        ("colour = 1\n[emulated_line]", "line 1: colour: unknown key; expected one of backup, calibration"),
        ("[spectrometer]\nport = 3", "line 2: spectrometer.port: Input should be a valid string"),
        (
            '[spectrometer]\nport = "a"\n[line]\nlabel = "cotton 50"',
            'line 4: line.label: label "cotton 50": shares sum to 50 %; expected 100 %',
        ),
        (
            '[emulated_line]\n[storage]\nurl = "sqlite:///qc.sqlite3"',
            "line 3: storage.url: expected postgresql://USER@HOST/DATABASE",
        ),
        (
            '[emulated_line]\n[storage]\nurl = "postgresql://qc@db/qc"\n[backup]\nfolder = "b"',
            "backup: expected no [backup] beside [storage]; take pg_dump",
        ),
        ("", "expected a section [spectrometer] with a port, or [emulated_line]"),
        (
            '[spectrometer]\nport = "a"\n[camera]\num_per_pixel = 1',
            "line 3: camera: expected one of device, url and folder",
        ),
        (
            '[emulated_line]\n[judgement]\ntolerance = "mine"',
            'line 3: judgement.tolerance: "mine" is not a known rule; expected "gb-t-29862-2013"',
        ),
        (
            '[spectrometer]\nport = "a"\n[line]\ntrigger = "plc"',
            'line.trigger: expected "plc" together with a section [plc]',
        ),
        (
            '[spectrometer]\nport = "a"\n[plc]\nhost = "10.0.0.7"',
            'line.trigger: expected "plc" together with a section [plc]',
        ),
        (
            '[spectrometer]\nport = "a"\n[line]\ntrigger = "scanner"',
            "line.trigger: expected a section [scanner]",
        ),
        (
            '[spectrometer]\nport = "a"\n[scanner]\nport = "b"',
            'line.trigger: expected "scanner" or "presence" together with [scanner]',
        ),
        (
            '[emulated_line]\n[line]\ntrigger = "presence"',
            'line.trigger: expected "timer" on an [emulated_line], not "presence"',
        ),
        (
            '[spectrometer]\nport = "a"\n[line]\ntrigger = "button"',
            "line 4: line.trigger: Input should be 'timer', 'plc', 'scanner' or 'presence'",
        ),
        (
            '[scanner]\nport = "b"\npattern = "("',
            "line 3: scanner.pattern: expected a regular expression: missing )",
        ),
        (
            '[scanner]\nport = "b"\npattern = "(?P<role>.+)"',
            "line 3: scanner.pattern: expected groups named specimen, roll or lot, not role",
        ),
        ("[plc]\nhost = 'p'\nport = 70000", "line 3: plc.port: Input should be less than or equal to 65535"),
        ("[station", "expected TOML"),
    ],
)
def test_a_wrong_configuration_names_file_line_key_and_what_was_expected(
    text: str, complaint: str, tmp_path: Path
) -> None:
    file = tmp_path / "qc.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    message = str(caught.value)
    assert message.startswith(str(file))
    assert complaint in message
    assert "\n" not in message


def test_a_missing_configuration_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a readable TOML file"):
        load_config(tmp_path / "none.toml")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "qc.toml"
    file.write_text('[station]\nname = "A"\n[emulated_line]', encoding="utf-8")
    monkeypatch.setenv("QC_STATION__NAME", "B")
    assert load_config(file).station.name == "B"


def test_the_sections_that_the_example_only_suggests_load_too(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for trigger, section in (("plc", "plc"), ("scanner", "scanner"), ("presence", "scanner")):
        lines = text.replace('trigger = "timer"', f'trigger = "{trigger}"').splitlines()
        begun = lines.index(f"# [{section}]")
        ended = lines.index("", begun)
        lines[begun:ended] = [line.removeprefix("# ") for line in lines[begun:ended]]
        file = tmp_path / "qc.toml"
        file.write_text("\n".join(lines), encoding="utf-8")
        config = load_config(file)
        assert config.line.trigger == trigger
        assert getattr(config, section) is not None
