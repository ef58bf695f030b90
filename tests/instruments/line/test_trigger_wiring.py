"""From a configuration to a trigger and its device, and the commands around them."""

import subprocess
import sys
from pathlib import Path

import pytest
from command_line import qc_daemon

from instruments.emulators.process import EmulatorProcess
from instruments.line.barcode_scanner import ScannerTrigger
from instruments.line.interval import IntervalTrigger
from instruments.line.plc_modbus import PlcTrigger
from instruments.line.presence import PresenceTrigger
from qc_daemon.config import Config, load_config
from qc_daemon.domain.errors import LinkConfig, LinkLost
from qc_daemon.wiring.lines import timer_line
from qc_daemon.wiring.triggers import look_at_line, open_trigger

_MAIN = [sys.executable, "-c", "from qc_daemon.cli import main; main()"]


def configured(folder: Path, sections: str) -> Config:
    file = folder / "qc.toml"
    file.write_text(f'[spectrometer]\nport = "none"\n{sections}', encoding="utf-8")
    return load_config(file)


def plc_at(port: int) -> str:
    return f'[line]\ntrigger = "plc"\n[plc]\nhost = "127.0.0.1"\nport = {port}\n'


@pytest.mark.parametrize(
    ("sections", "kind"),
    [
        ("", IntervalTrigger),
        (plc_at(9), PlcTrigger),
        ('[line]\ntrigger = "scanner"\n[scanner]\nport = "absent"\n', ScannerTrigger),
        ('[line]\ntrigger = "presence"\n', PresenceTrigger),
        ('[line]\ntrigger = "presence"\n[scanner]\nport = "absent"\n', PresenceTrigger),
    ],
)
def test_a_trigger_opens_although_its_device_is_not_there(tmp_path: Path, sections: str, kind: type) -> None:
    config = configured(tmp_path, sections)
    with open_trigger(config, timer_line(config)) as trigger:
        assert isinstance(trigger, kind)
        assert not trigger.ended
        assert trigger.health.counts.announced == 0


def test_the_check_asks_the_plc(tmp_path: Path) -> None:
    with EmulatorProcess("instruments.emulators.plc", ["--pace-s", "0"]) as plc:
        plc.tell("announce")
        config = configured(tmp_path, plc_at(plc.ready["port"]))
        assert look_at_line(config) == (
            f"PLC 127.0.0.1:{plc.ready['port']} line running, sequence 1, roll R-1"
        )
    with pytest.raises(LinkLost, match="no connection; expected a Modbus TCP server"):
        look_at_line(config)


def test_the_check_opens_the_scanner(tmp_path: Path) -> None:
    port = tmp_path / "scanner"
    sections = f'[line]\ntrigger = "presence"\n[scanner]\nport = "{port}"\n'
    config = configured(tmp_path, sections)
    with pytest.raises(LinkConfig, match="does not exist"):
        look_at_line(config)
    with EmulatorProcess("instruments.emulators.scanner", ["--symlink", str(port)]):
        assert look_at_line(config) == f"scanner {port} can be opened"


@pytest.mark.parametrize("device", ["plc", "scanner"])
def test_the_command_emulates_a_line_device(device: str) -> None:
    done = subprocess.run(
        [*_MAIN, "emulate", device], input="quit\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert '"port": ' in done.stdout.splitlines()[0]


def test_a_line_device_has_nothing_to_replay() -> None:
    ran = qc_daemon("emulate", "plc", "--replay", "scans")
    assert (ran.status, ran.out) == (2, "")
    assert "--replay is for spectrometers and cameras" in ran.err
