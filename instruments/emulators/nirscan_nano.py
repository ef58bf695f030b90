"""A NIRscan Nano without hardware, as a process of its own on a pseudo-terminal.

    python -m instruments.emulators.nirscan_nano --tape scans.npz

prints one line of JSON with the port and the serial number when it is ready. It then obeys commands
on its standard input, one a line ("help" lists them), answers each with one line of JSON, and ends with
its standard input.
"""

import argparse
import json
import os
import select
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.nano_device import DEVICE_FAULTS, NanoDevice
from instruments.emulators.nano_uart import UART_FAULTS, NanoUart, Reply
from instruments.emulators.pty_port import PtyPort
from instruments.emulators.tape import Tape, read_tape
from qc_daemon.domain.errors import ConfigError, QcError

_BYTES_PER_S = 11520  # 115200 baud, ten bits a byte
_PIECE = 32  # bytes that appear at once on a paced line
_COMMANDS = (
    "present ROW", "present white", "present nothing", "fault NAME[=VALUE][@COMMAND]", "clear NAME",
    "unplug", "replug", "help", "quit",
)  # fmt: skip
_STDIN, _STDOUT = 0, 1


class NanoEmulator:
    """The process: waits for requests, commands and the time to send, and does one thing at a time.

    Args:
        tape: what there is to see.
        scan_time_s: how long a scan takes.
        paced: whether bytes take the time that they take at 115200 baud.
        symlink: a stable name for the port, or None.
        faults: faults to have from the start, as NAME[=VALUE][@COMMAND].

    Raises:
        ConfigError: there is no such fault.
        DatasetError: the instrument cannot carry the tape's wavelengths.
    """

    def __init__(
        self, tape: Tape, scan_time_s: float, paced: bool, symlink: Path | None, faults: Sequence[str]
    ) -> None:
        self._serial = tape.serial
        self._port = PtyPort(symlink)
        self._faults = ActiveFaults(DEVICE_FAULTS | UART_FAULTS)
        self._device = NanoDevice(tape, scan_time_s, self._faults, time.monotonic())
        self._uart = NanoUart(self._device, self._faults)
        self._paced = paced
        self._outgoing: deque[tuple[float, bytes]] = deque()
        for fault in faults:
            self._start_fault(fault)

    def run(self) -> None:
        """Obey until told to quit or the standard input ends."""
        self._port.plug()
        typed = b""
        try:
            _say(port=self._port.path, serial=self._serial)
            while True:
                if self._wait():
                    chunk = os.read(_STDIN, 4096)
                    if not chunk:
                        return
                    *lines, typed = (typed + chunk).split(b"\n")
                    if not all(self._obey(line.decode(errors="replace")) for line in lines):
                        return
                self._serve(time.monotonic())
        finally:
            self._port.unplug()

    def _wait(self) -> bool:
        """Wait until there is something to do; return whether a command came."""
        now_s, port = time.monotonic(), self._port.fileno()
        moments = [] if self._uart.gap_ends_s is None else [self._uart.gap_ends_s]
        writing = []
        if self._outgoing and self._outgoing[0][0] > now_s:
            moments.append(self._outgoing[0][0])
        elif self._outgoing and port >= 0:
            writing = [port]
        pause_s = max(min(moments) - now_s, 0.0) if moments else None
        readable, _, _ = select.select([_STDIN] + [port] * (port >= 0), writing, [], pause_s)
        return _STDIN in readable

    def _serve(self, now_s: float) -> None:
        """Take what the host sent, and send what is due."""
        request = self._port.read()
        for reply in self._uart.receive(request, now_s):
            self._schedule(reply, now_s + self._seconds_of(request))
        while self._outgoing and self._outgoing[0][0] <= now_s:
            due_s, data = self._outgoing.popleft()
            taken = self._port.write(data)
            if taken < len(data):
                self._outgoing.appendleft((due_s, data[taken:]))
                return

    def _schedule(self, reply: Reply, now_s: float) -> None:
        moment_s = now_s + reply.delay_s
        size = _PIECE if self._paced else len(reply.data)
        for start in range(0, len(reply.data), size):
            piece = reply.data[start : start + size]
            moment_s += self._seconds_of(piece)
            self._outgoing.append((moment_s, piece))

    def _seconds_of(self, data: bytes) -> float:
        return len(data) / _BYTES_PER_S if self._paced else 0.0

    def _obey(self, line: str) -> bool:
        """Execute one command and answer it; return False if it was the last."""
        try:
            _say(ok=True, **self._execute(line.split()))
        except (QcError, IndexError) as error:
            _say(ok=False, error=str(error))
        return line.split() != ["quit"]

    def _execute(self, words: list[str]) -> dict[str, Any]:
        match words:
            case ["present", what]:
                return {"present": self._present(what)}
            case ["fault", text]:
                self._start_fault(text)
            case ["clear", name]:
                self._faults.clear(name)
            case ["unplug"]:
                self._port.unplug()
                self._cut_power()
            case ["replug"]:
                if not self._port.plugged:
                    self._port.plug()
                    self._cut_power()  # the port is also the device's power: it starts now
                return {"port": self._port.path}
            case ["help"]:
                return {"commands": _COMMANDS, "faults": DEVICE_FAULTS | UART_FAULTS}
            case ["quit"]:
                pass
            case _:
                raise ConfigError(f'command "{" ".join(words)}"; expected one of {", ".join(_COMMANDS)}')
        return {}

    def _present(self, what: str) -> str:
        scene = self._device.scene
        if what == "white":
            scene.show_white()
        elif what == "nothing":
            scene.show_nothing()
        elif what.isdecimal():
            return scene.show_row(int(what))
        else:
            raise ConfigError(f'present "{what}"; expected a row of the tape, white or nothing')
        return what

    def _start_fault(self, text: str) -> None:
        fault = self._faults.add(text)
        if fault.name == "device_reboot":
            self._cut_power()

    def _cut_power(self) -> None:
        self._outgoing.clear()
        self._uart.reboot(time.monotonic())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        tape = read_tape(options.tape)
        NanoEmulator(tape, options.scan_time_s, options.paced, options.symlink, options.fault).run()
    except QcError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except (BrokenPipeError, KeyboardInterrupt):
        return 0  # nobody listens any more
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nirscan_nano", description="A NIRscan Nano without hardware.")
    parser.add_argument("--tape", type=Path, required=True, help="scans to see (.npz)")
    parser.add_argument("--symlink", type=Path, help="a stable name for the port")
    parser.add_argument("--scan-time-s", type=float, default=2.7, help="how long a scan takes (2.7)")
    pacing = parser.add_mutually_exclusive_group()
    pacing.add_argument("--baud-paced", dest="paced", action="store_true", help="115200 baud (default)")
    pacing.add_argument("--unpaced", dest="paced", action="store_false", help="as fast as it goes")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[=VALUE][@COMMAND]")
    parser.set_defaults(paced=True)
    return parser


def _say(**fields: Any) -> None:
    os.write(_STDOUT, json.dumps(fields).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
