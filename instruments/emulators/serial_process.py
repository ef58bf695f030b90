"""An emulated instrument as a process of its own on a pseudo-terminal.

    python -m instruments.emulators.nirscan_nano --tape scans.npz

prints one line of JSON with the port and the serial number when it is ready. It then obeys commands
on its standard input, one a line ("help" lists them), answers each with one line of JSON, and ends with
its standard input.
"""

import argparse
import select
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from instruments.emulators.console import STDIN, Console, say
from instruments.emulators.faults import ActiveFaults, hexadecimal
from instruments.emulators.pty_port import PtyPort
from instruments.emulators.scene import Scene
from instruments.emulators.tape import Tape, read_tape
from qc_daemon.domain.errors import ConfigError, QcError

_BITS_PER_BYTE = 10  # a start bit, eight data bits, a stop bit
_PIECE = 32  # bytes that appear at once on a paced line
_COMMANDS = (
    "present ROW", "present white", "present grey", "present standard", "present nothing",
    "fault NAME[=VALUE][@COMMAND]", "clear NAME", "unplug", "replug", "help", "quit",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes to send, after a delay."""

    data: bytes
    delay_s: float = 0.0


class SerialDevice(Protocol):
    """The inside of an emulated instrument: no I/O, time is passed in."""

    @property
    def scene(self) -> Scene:
        """What lies in front of its window."""
        ...

    @property
    def wakes_at_s(self) -> float | None:
        """When it wants `receive` to be called although nothing has come; None if never."""
        ...

    def receive(self, data: bytes, now_s: float) -> list[Reply]:
        """Take bytes, possibly none, and return what the device sends for them."""
        ...

    def reboot(self, now_s: float) -> None:
        """Restart, as after a loss of power."""
        ...


@dataclass(frozen=True, slots=True)
class Emulated:
    """Which instrument a process emulates.

    Attributes:
        name: as in the command `python -m instruments.emulators.NAME`.
        faults: what each fault does, by name.
        scan_time_s: how long a scan takes unless told; None if its settings say so.
        build: from a tape, the scan time, the active faults and the time now to the device.
        command_number: the number of the command that a fault is limited to.
    """

    name: str
    faults: Mapping[str, str]
    scan_time_s: float | None
    build: Callable[[Tape, float | None, ActiveFaults, float], SerialDevice]
    command_number: Callable[[str], int] = hexadecimal


class SerialEmulator:
    """The process: waits for requests, commands and the time to send, and does one thing at a time.

    Args:
        instrument: what is emulated.
        tape: what there is to see.
        scan_time_s: how long a scan takes.
        baud: bits per second that the line is paced to, or None for as fast as it goes.
        symlink: a stable name for the port, or None.
        faults: faults to have from the start, as NAME[=VALUE][@COMMAND].
        powered_s: how long the instrument has been on when the process starts.

    Raises:
        ConfigError: there is no such fault.
        DatasetError: the instrument cannot carry the tape's wavelengths.
    """

    def __init__(
        self,
        instrument: Emulated,
        tape: Tape,
        scan_time_s: float | None,
        baud: int | None,
        symlink: Path | None,
        faults: Sequence[str],
        powered_s: float = 0.0,
    ) -> None:
        self._known_faults = instrument.faults
        self._serial = tape.serial
        self._port = PtyPort(symlink)
        self._faults = ActiveFaults(instrument.faults, instrument.command_number)
        self._device = instrument.build(tape, scan_time_s, self._faults, time.monotonic() - powered_s)
        self._seconds_per_byte = 0.0 if baud is None else _BITS_PER_BYTE / baud
        self._outgoing: deque[tuple[float, bytes]] = deque()
        for fault in faults:
            self._start_fault(fault)

    def run(self) -> None:
        """Obey until told to quit or the standard input ends."""
        if self._faults.value("unplugged") is None:
            self._port.plug()
        console = Console(self._execute)
        try:
            say(port=self._port.path, serial=self._serial)
            while not self._wait() or console.read():
                self._serve(time.monotonic())
        finally:
            self._port.unplug()

    def _wait(self) -> bool:
        """Wait until there is something to do; return whether a command came."""
        now_s, port = time.monotonic(), self._port.fileno()
        wakes_at_s = self._device.wakes_at_s
        moments = [] if wakes_at_s is None else [wakes_at_s]
        writing = []
        if self._outgoing and self._outgoing[0][0] > now_s:
            moments.append(self._outgoing[0][0])
        elif self._outgoing and port >= 0:
            writing = [port]
        pause_s = max(min(moments) - now_s, 0.0) if moments else None
        readable, _, _ = select.select([STDIN] + [port] * (port >= 0), writing, [], pause_s)
        return STDIN in readable

    def _serve(self, now_s: float) -> None:
        """Take what the host sent, and send what is due."""
        request = self._port.read()
        for reply in self._device.receive(request, now_s):
            self._schedule(reply, now_s + len(request) * self._seconds_per_byte)
        while self._outgoing and self._outgoing[0][0] <= now_s:
            due_s, data = self._outgoing.popleft()
            taken = self._port.write(data)
            if taken < len(data):
                self._outgoing.appendleft((due_s, data[taken:]))
                return

    def _schedule(self, reply: Reply, now_s: float) -> None:
        moment_s = now_s + reply.delay_s
        size = _PIECE if self._seconds_per_byte else max(len(reply.data), 1)
        for start in range(0, len(reply.data), size):
            piece = reply.data[start : start + size]
            moment_s += len(piece) * self._seconds_per_byte
            self._outgoing.append((moment_s, piece))

    def _execute(self, words: list[str]) -> dict[str, Any]:
        match words:
            case ["present", what]:
                return {"present": self._present(what)}
            case ["fault", text]:
                self._start_fault(text)
            case ["clear", name]:
                self._end_fault(name)
            case ["unplug"]:
                self._port.unplug()
                self._cut_power()
            case ["replug"]:
                if not self._port.plugged:
                    self._port.plug()
                    self._cut_power()  # the port is also the device's power: it starts now
                return {"port": self._port.path}
            case ["help"]:
                return {"commands": _COMMANDS, "faults": dict(self._known_faults)}
            case ["quit"]:
                pass
            case _:
                raise ConfigError(f'command "{" ".join(words)}"; expected one of {", ".join(_COMMANDS)}')
        return {}

    def _present(self, what: str) -> str:
        scene = self._device.scene
        if what == "white":
            scene.show_white()
        elif what == "grey":
            scene.show_grey()
        elif what == "standard":
            scene.show_standard()
        elif what == "nothing":
            scene.show_nothing()
        elif what.isdecimal():
            return scene.show_row(int(what))
        else:
            raise ConfigError(f'present "{what}"; expected a row, white, grey, standard or nothing')
        return what

    def _start_fault(self, text: str) -> None:
        fault = self._faults.add(text)
        if fault.name == "device_reboot":
            self._cut_power()
        elif fault.name == "unplugged":
            self._port.unplug()
            self._cut_power()

    def _end_fault(self, name: str) -> None:
        was_unplugged = self._faults.value("unplugged") is not None
        self._faults.clear(name)
        if name == "unplugged" and was_unplugged and not self._port.plugged:
            self._port.plug()
            self._cut_power()

    def _cut_power(self) -> None:
        self._outgoing.clear()
        self._device.reboot(time.monotonic())


def emulate(instrument: Emulated, arguments: Sequence[str] | None = None) -> int:
    """Run an emulator with the arguments of its command line; return the exit status."""
    options = _parser(instrument).parse_args(arguments)
    baud = options.baud if options.paced else None
    try:
        tape = read_tape(options.tape)
        SerialEmulator(
            instrument, tape, options.scan_time_s, baud, options.symlink, options.fault, options.powered_s
        ).run()
    except QcError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except (BrokenPipeError, KeyboardInterrupt):
        return 0  # nobody listens any more
    return 0


def _parser(instrument: Emulated) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=instrument.name, description="A spectrometer without hardware.")
    parser.add_argument("--tape", type=Path, required=True, help="scans to see (.npz)")
    parser.add_argument("--symlink", type=Path, help="a stable name for the port")
    default = "as its settings say" if instrument.scan_time_s is None else instrument.scan_time_s
    parser.add_argument(
        "--scan-time-s", type=float, default=instrument.scan_time_s, help=f"how long a scan takes ({default})"
    )
    pacing = parser.add_mutually_exclusive_group()
    pacing.add_argument("--baud-paced", dest="paced", action="store_true", help="bytes take time (default)")
    pacing.add_argument("--unpaced", dest="paced", action="store_false", help="as fast as it goes")
    parser.add_argument("--baud", type=int, default=115200, help="bits per second of a paced line (115200)")
    parser.add_argument("--powered-s", type=float, default=0.0, help="how long it has been on already (0)")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[=VALUE][@COMMAND]")
    parser.set_defaults(paced=True)
    return parser
