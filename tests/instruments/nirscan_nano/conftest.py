"""An emulated NIRscan Nano in its own process, on a pty."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from nano_builders import a_tape

from instruments.emulators.process import EmulatorProcess
from instruments.emulators.tape import Tape, write_tape


@pytest.fixture(scope="session")
def tape() -> Tape:
    """Three specimens, serial EM-0042, on an evenly spaced axis."""
    return a_tape()


@pytest.fixture(scope="session")
def tape_file(tape: Tape, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("tape") / "scans.npz"
    write_tape(path, tape)
    return path


@pytest.fixture
def emulate(tape_file: Path) -> Iterator[Callable[..., EmulatorProcess]]:
    """Start emulators with the given options; without any, as fast as it goes."""
    with ExitStack() as stack:

        def start(*options: str) -> EmulatorProcess:
            arguments = ["--tape", str(tape_file), *(options or ("--scan-time-s", "0", "--unpaced"))]
            return stack.enter_context(EmulatorProcess("instruments.emulators.nirscan_nano", arguments))

        yield start


@pytest.fixture(scope="module")
def shared_emulator(tape_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """An emulator without delays, under a name that stays its own when it is unplugged."""
    port = tmp_path_factory.mktemp("port") / "nirscan-nano"
    arguments = ["--tape", str(tape_file), "--scan-time-s", "0", "--unpaced", "--symlink", str(port)]
    with EmulatorProcess("instruments.emulators.nirscan_nano", arguments) as process:
        yield process


@pytest.fixture
def emulator(shared_emulator: EmulatorProcess) -> Iterator[EmulatorProcess]:
    """The same, healthy and plugged in, with row 0 in front of its window."""
    shared_emulator.tell("present 0")
    yield shared_emulator
    for fault in shared_emulator.tell("help")["faults"]:
        shared_emulator.tell(f"clear {fault}")
    shared_emulator.tell("replug")
