"""Emulated spectrometers of each kind, in their own processes, on ptys."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from spectrometer_kit import AT_ONCE, EmulatedBench, an_even_tape

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
) -> Iterator[Callable[[str, Sequence[str]], EmulatedBench]]:
    """One emulator for each kind and speed, under a name that stays its own when it is unplugged."""
    benches: dict[tuple[str, ...], EmulatedBench] = {}
    with ExitStack() as stack:

        def bench(kind: str, speed: Sequence[str]) -> EmulatedBench:
            key = (kind, *speed)
            if key not in benches:
                port = tmp_path_factory.mktemp("port") / kind
                options = [*speed, "--symlink", str(port)]
                benches[key] = stack.enter_context(EmulatedBench(kind, even_tape_file, options))
            return benches[key]

        yield bench


@pytest.fixture
def healthy_bench(
    shared_benches: Callable[[str, Sequence[str]], EmulatedBench],
) -> Iterator[Callable[..., EmulatedBench]]:
    """The same, plugged in and without faults, with row 0 in front of the window."""
    used: list[EmulatedBench] = []

    def bench(kind: str, speed: Sequence[str] = AT_ONCE) -> EmulatedBench:
        found = shared_benches(kind, speed)
        found.heal()
        used.append(found)
        return found

    yield bench
    for one in used:
        one.heal()
