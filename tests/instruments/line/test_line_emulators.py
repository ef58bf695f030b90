"""The emulators of the line as processes: what they are told, what they answer, how they end."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from instruments.emulators.process import EmulatorProcess

PLC, SCANNER = "instruments.emulators.plc", "instruments.emulators.scanner"


def run(module: str, *options: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *options],
        input=typed, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def plc() -> Iterator[EmulatorProcess]:
    with EmulatorProcess(PLC, ["--pace-s", "0"]) as process:
        yield process


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("dance", 'command "dance"; expected one of announce'),
        ("", 'command ""; expected one of announce'),
        ("count 70000", 'command "count 70000"; expected one of'),
        ("fault sulks", 'fault "sulks" is not known; expected one of frozen_heartbeat'),
        ("fault slow=very", 'fault "slow=very": expected NAME, NAME=NUMBER'),
        ("clear sulks", 'fault "sulks" is not known'),
    ],
)
def test_a_command_it_does_not_know_is_answered_and_changes_nothing(
    plc: EmulatorProcess, command: str, error: str
) -> None:
    before = plc.tell("report")
    answer = plc.tell(command)
    assert answer["ok"] is False
    assert error in answer["error"]
    assert plc.tell("report") == before


def test_the_plc_moves_its_line_by_itself_until_it_is_stopped() -> None:
    with EmulatorProcess(PLC, ["--pace-s", "0.02"]) as plc:
        while plc.tell("report")["announced"] < 5:
            pass
        plc.tell("stop")
        stopped = plc.tell("report")["announced"]
        assert stopped == plc.tell("report")["announced"] == plc.tell("report")["sequence"]


@pytest.mark.parametrize("module", [PLC, SCANNER])
def test_it_ends_with_its_standard_input(module: str) -> None:
    done = run(module)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)


@pytest.mark.parametrize("module", [PLC, SCANNER])
def test_commands_in_one_write_are_answered_one_by_one_until_quit(module: str) -> None:
    done = run(module, typed="help\nquit\nhelp\n")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert '"faults"' in lines[1]
    assert lines[2:] == ['{"ok": true}']


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        (PLC, ["--fault", "sulks"], 'fault "sulks" is not known; expected one of'),
        (SCANNER, ["--symlink", "/absent/port"], "/absent/port: No such file or directory"),
    ],
)
def test_what_it_cannot_start_with_is_said_in_one_line(module: str, options: list[str], message: str) -> None:
    done = run(module, *options)
    assert done.returncode in (2, 3)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_said_in_one_line(plc: EmulatorProcess) -> None:
    port = plc.ready["port"]
    done = run(PLC, "--port", str(port))
    assert (done.returncode, done.stderr) == (3, f"port {port} cannot be served; expected a free one\n")


def test_the_scanner_scans_by_itself_under_a_name_that_it_takes_away(tmp_path: Path) -> None:
    port = tmp_path / "scanner"
    with EmulatorProcess(SCANNER, ["--symlink", str(port), "--every-s", "0.01"]):
        with port.open("rb", buffering=0) as line:
            received = b""
            while b"R-0" not in received or not received.endswith(b"\r\n"):
                received += line.read(1)
        assert port.is_char_device()
    assert not port.is_symlink()
