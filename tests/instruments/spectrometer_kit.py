"""One bench for spectrometers of every kind: an emulator, a tape in front of it, and drivers for it."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from instruments.emulators.process import EmulatorProcess
from instruments.emulators.tape import Tape
from instruments.nirone.driver import NironeSensor
from instruments.nirscan_nano.driver import NirscanNano
from instruments.ocean.driver import OceanSpectrometer
from instruments.transport import SerialLink
from qc_daemon.clock import SystemClock

MODULES: Mapping[str, str] = {"nirscan-nano": "nirscan_nano", "nirone": "nirone", "ocean": "ocean"}
# Speeds of an emulator: nothing takes time, or scans and bytes take theirs.
AT_ONCE = ("--scan-time-s", "0", "--unpaced")
PACED = ("--scan-time-s", "0.4", "--baud-paced", "--baud", "57600")
# With the settings that keep a test short.
_DRIVERS: Mapping[str, Callable[..., Any]] = {
    "nirscan-nano": NirscanNano,
    "nirone": lambda link, clock, **settings: NironeSensor(link, clock, **{"step_nm": 50.0, **settings}),
    "ocean": lambda link, clock, **settings: OceanSpectrometer(
        link, clock, **{"lamp_warm_up_s": 0.0, **settings}
    ),
}


def an_even_tape() -> Tape:
    """Three specimens of different darkness and shape, before a hump-shaped white reference."""
    wavelength_nm = np.linspace(900.0, 1700.0, 228)
    white = np.rint(300_000 + 250_000 * np.sin(np.linspace(0.3, 2.8, 228))).astype(np.int64)
    share = np.linspace(0.4, 0.8, 3)[:, np.newaxis] + 0.1 * np.cos(np.arange(228) / 30.0)
    unknown = np.full(3, np.nan)
    return Tape(
        wavelength_nm=wavelength_nm,
        sample_counts=np.rint(white * share).astype(np.int64),
        reference_counts=white[np.newaxis],
        reference_index=np.zeros(3, dtype=np.int64),
        system_temperature_c=unknown,
        detector_temperature_c=unknown,
        humidity_percent=unknown,
        lamp_photodiode_counts=unknown,
        names=("specimen 0", "specimen 1", "specimen 2"),
        serial="EM-0042",
        pga_gain=64,
        repeats=6,
    )


class EmulatedBench:
    """An emulator of a kind, and connections to it."""

    def __init__(self, kind: str, tape_file: Path, options: Sequence[str]) -> None:
        module = f"instruments.emulators.{MODULES[kind]}"
        self.kind = kind
        self._faults: set[str] = set()
        self._process = EmulatorProcess(module, ["--tape", str(tape_file), *options])

    def __enter__(self) -> Self:
        self._process.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.__exit__(kind, error, trace)

    @property
    def port(self) -> str:
        """Where the emulator is."""
        return str(self._process.ready["port"])

    def connect(self, **settings: Any) -> AbstractContextManager[Any]:
        """Return a driver to enter, with settings of its own."""
        return _DRIVERS[self.kind](SerialLink(self.port), SystemClock(), **settings)

    def tell(self, command: str) -> dict[str, Any]:
        """Send the emulator a command that it obeys."""
        answer = self._process.tell(command)
        assert answer["ok"], answer
        if command.startswith("fault "):
            self._faults.add(re.split("[ =@]", command)[1])
        return answer

    def unplug(self) -> None:
        """Take the port and the power away."""
        self.tell("unplug")

    def replug(self) -> None:
        """Give both back."""
        self.tell("replug")

    def calm(self) -> None:
        """End all faults and lay row 0 in front of the window."""
        while self._faults:
            self.tell(f"clear {self._faults.pop()}")
        self.tell("present 0")

    def heal(self) -> None:
        """Calm down, and switch off and on: what a test left running ends with the power."""
        self.unplug()
        self.replug()
        self.calm()


class Session:
    """One connection to a bench, kept from test to test, and opened anew once it was lost."""

    def __init__(self, bench: EmulatedBench) -> None:
        self.bench = bench
        self._stack = ExitStack()
        self._spectrometer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    @property
    def spectrometer(self) -> Any:
        """The driver, open."""
        if self._spectrometer is None:
            self._spectrometer = self._stack.enter_context(
                self.bench.connect(longest_scan_s=0.5, reply_timeout_s=0.5)
            )
        return self._spectrometer

    def leave(self) -> None:
        """Close the driver, as a station does that lost its instrument."""
        self._spectrometer = None
        self._stack.close()
