"""The emulator as a process: its command line, its commands, its end."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from nano_builders import a_tape

from instruments.emulators.process import EmulatorProcess
from instruments.emulators.tape import write_tape

MODULE = [sys.executable, "-m", "instruments.emulators.nirscan_nano"]


def test_it_says_where_it_is_and_who(emulator: EmulatorProcess) -> None:
    ready = emulator.ready
    assert set(ready) == {"port", "serial"}
    assert Path(ready["port"]).is_char_device()
    assert ready["serial"] == "EM-0042"


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("present 3", "row 3 is not on the tape; expected 0 to 2"),
        ("present -1", 'present "-1"; expected a row, white, grey'),
        ("present", 'command "present"; expected one of present ROW'),
        ("fault sulks", 'fault "sulks" is not known; expected one of all_zero, ambient_light'),
        ("fault busy=often", 'fault "busy=often": expected NAME, NAME=NUMBER'),
        ("fault busy=1@start", 'fault "busy=1@start": expected NAME'),
        ("clear sulks", 'fault "sulks" is not known'),
        ("dance", 'command "dance"; expected one of'),
        ("", 'command ""; expected one of'),
    ],
)
def test_a_command_it_does_not_know_is_answered_and_changes_nothing(
    emulator: EmulatorProcess, command: str, error: str
) -> None:
    answer = emulator.tell(command)
    assert answer["ok"] is False
    assert error in answer["error"]
    assert emulator.tell("present 2") == {"ok": True, "present": "specimen 2"}


def test_help_lists_commands_and_what_each_fault_does(emulator: EmulatorProcess) -> None:
    answer = emulator.tell("help")
    assert "present ROW" in answer["commands"]
    assert answer["faults"]["lamp_off"].startswith("no light")


def test_unplugging_twice_and_plugging_twice_do_no_harm(
    emulate: Callable[..., EmulatorProcess], tmp_path: Path
) -> None:
    port = tmp_path / "port"
    emulator = emulate("--unpaced", "--symlink", str(port))
    for command in ("unplug", "unplug", "replug", "replug"):
        assert emulator.tell(command)["ok"] is True
    assert port.is_char_device()


def test_several_commands_in_one_write_are_answered_one_by_one(tape_file: Path) -> None:
    done = subprocess.run(
        [*MODULE, "--tape", str(tape_file)],
        input="present 0\npresent white\nquit\npresent 1\n", capture_output=True, text=True, timeout=20,
        check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[1:] == [
        '{"ok": true, "present": "specimen 0"}',
        '{"ok": true, "present": "white"}',
        '{"ok": true}',
    ]
    assert (done.returncode, done.stderr) == (0, "")


def test_it_ends_with_its_standard_input_and_takes_its_name_away(tape_file: Path, tmp_path: Path) -> None:
    port = tmp_path / "port"
    done = subprocess.run(
        [*MODULE, "--tape", str(tape_file), "--symlink", str(port)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert not port.is_symlink()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tape", "absent.npz"], "absent.npz: no such file, or not a tape; expected scans as .npz"),
        (["--tape", "coarse.npz"], "a NIRscan Nano cannot carry this axis of 228 wavelengths"),
        (["--tape", "good.npz", "--fault", "sulks"], 'fault "sulks" is not known; expected one of'),
        (
            ["--tape", "good.npz", "--symlink", "absent/port"],
            "absent/port: No such file or directory; expected a name in a folder",
        ),
    ],
)
def test_what_it_cannot_start_with_is_said_in_one_line(
    tmp_path: Path, options: list[str], message: str
) -> None:
    write_tape(tmp_path / "good.npz", a_tape())
    odd = {"wavelength_nm": 1e7 / np.linspace(11000.0, 5900.0, 228)}
    arrays = dict(np.load(tmp_path / "good.npz"))
    np.savez(tmp_path / "coarse.npz", **(arrays | odd))
    done = subprocess.run(
        [*MODULE, *options], cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode in (2, 3)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
