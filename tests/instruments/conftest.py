"""Emulated spectrometers of each kind, in their own processes, on ptys."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from spectrometer_kit import EmulatedBench, an_even_tape

from instruments.emulators.tape import Tape, write_tape


@pytest.fixture(scope="session")
def even_tape() -> Tape:
    """Three specimens before a white reference, serial EM-0042."""
    return an_even_tape()


@pytest.fixture(scope="session")
def even_tape_file(even_tape: Tape, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("tape") / "scans.npz"
    write_tape(path, even_tape)
    return path


@pytest.fixture(scope="session")
def shared_benches(
    even_tape_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], EmulatedBench]]:
    """One emulator a kind, without delays, under a name that stays its own when it is unplugged."""
    benches: dict[str, EmulatedBench] = {}
    with ExitStack() as stack:

        def bench(kind: str) -> EmulatedBench:
            if kind not in benches:
                port = tmp_path_factory.mktemp("port") / kind
                options = ["--scan-time-s", "0", "--unpaced", "--symlink", str(port)]
                benches[kind] = stack.enter_context(EmulatedBench(kind, even_tape_file, options))
            return benches[kind]

        yield bench


@pytest.fixture
def healthy_bench(
    shared_benches: Callable[[str], EmulatedBench],
) -> Iterator[Callable[[str], EmulatedBench]]:
    """The same, plugged in and without faults, with row 0 in front of the window."""
    used: list[EmulatedBench] = []

    def bench(kind: str) -> EmulatedBench:
        found = shared_benches(kind)
        found.heal()
        used.append(found)
        return found

    yield bench
    for one in used:
        one.heal()


@pytest.fixture
def new_bench(even_tape_file: Path) -> Iterator[Callable[..., EmulatedBench]]:
    """Start emulators with options of their own."""
    with ExitStack() as stack:

        def bench(kind: str, *options: str) -> EmulatedBench:
            started = stack.enter_context(EmulatedBench(kind, even_tape_file, options))
            started.tell("present 0")
            return started

        yield bench
