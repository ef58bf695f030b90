"""A barcode scanner without hardware, as a process of its own on a pseudo-terminal.

    python -m instruments.emulators.scanner

prints one line of JSON with the port when it is ready. It then obeys commands on its standard input,
one a line ("help" lists them), answers each with one line of JSON, and ends with its standard input.
"""

import argparse
import random
import select
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from instruments.emulators.console import STDIN, Console, say
from instruments.emulators.faults import ActiveFaults
from instruments.emulators.pty_port import PtyPort
from qc_daemon.domain.errors import ConfigError, QcError

FAULTS = {
    "garbage": "NULs and noise stand before each code",
    "spew": "sends VALUE bytes of noise a second (2000) without end",
    "overlong": "each code is followed by 1000 characters more",
    "cut": "only the first half of each code is sent, without an end",
    "misread": "the last character of each code is another one",
    "stutter": "each code is sent VALUE times (3)",
    "no_end": "codes are sent without their line end",
}
_COMMANDS = ("scan TEXT", "fault NAME[=VALUE]", "clear NAME", "unplug", "replug", "help", "quit")
_SPEW_EVERY_S = 0.02
_NOISE = b"\0\x02\xff~\x1b[\x07"


class ScannerEmulator:
    """The process: waits for commands and for the time of the next code.

    Args:
        symlink: a stable name for the port, or None.
        every_s: a code R-0001, R-0002 ... this often; 0 only when told to.
        faults: the active faults.
    """

    def __init__(self, symlink: Path | None, every_s: float, faults: ActiveFaults) -> None:
        self._port = PtyPort(symlink)
        self._every_s = every_s
        self._faults = faults
        self._console = Console(self._execute)
        self._next_s = time.monotonic() + every_s
        self._scanned = 0
        self._noise = random.Random(1)

    def run(self) -> None:
        """Obey until told to quit or the standard input ends."""
        self._port.plug()
        say(port=self._port.path)
        try:
            while True:
                ready, _, _ = select.select([STDIN], [], [], self._pause_s())
                if ready and not self._console.read():
                    return
                self._tick(time.monotonic())
        finally:
            self._port.unplug()

    def _pause_s(self) -> float | None:
        if self._faults.value("spew") is not None:
            return _SPEW_EVERY_S
        return max(self._next_s - time.monotonic(), 0.0) if self._every_s > 0 else None

    def _tick(self, now_s: float) -> None:
        spewed = self._faults.value("spew", default=2000.0)
        if spewed is not None:
            self._port.write(self._noise.randbytes(max(int(spewed * _SPEW_EVERY_S), 1)))
        if self._every_s > 0 and now_s >= self._next_s:
            self._next_s = now_s + self._every_s
            self._scanned += 1
            self._send(f"R-{self._scanned:04d}")

    def _send(self, text: str) -> None:
        for _ in range(int(self._faults.value("stutter", default=3.0) or 1)):
            self._port.write(self._spoilt(text))

    def _spoilt(self, text: str) -> bytes:
        has, code = self._faults.value, text.encode()
        if has("misread") and code:
            code = code[:-1] + (b"0" if code[-1:] != b"0" else b"1")
        if has("cut"):
            return code[: len(code) // 2]
        if has("overlong"):
            code += b"X" * 1000
        if has("garbage"):
            code = _NOISE + b"\r\n" + code
        return code if has("no_end") else code + b"\r\n"

    def _execute(self, words: list[str]) -> dict[str, Any]:
        match words:
            case ["scan", *text] if text:
                self._send(" ".join(text))
            case ["fault", text]:
                self._faults.add(text)
            case ["clear", name]:
                self._faults.clear(name)
            case ["unplug"]:
                self._port.unplug()
            case ["replug"]:
                self._port.plug()
                return {"port": self._port.path}
            case ["help"]:
                return {"commands": _COMMANDS, "faults": FAULTS}
            case ["quit"]:
                pass
            case _:
                raise ConfigError(f'command "{" ".join(words)}"; expected one of {", ".join(_COMMANDS)}')
        return {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        faults = ActiveFaults(FAULTS)
        for fault in options.fault:
            faults.add(fault)
        ScannerEmulator(options.symlink, options.every_s, faults).run()
    except QcError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except (BrokenPipeError, KeyboardInterrupt):
        return 0  # nobody listens any more
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scanner", description="A barcode scanner without hardware.")
    parser.add_argument("--symlink", type=Path, help="a stable name for the port")
    parser.add_argument("--every-s", type=float, default=0.0, help="a code this often; 0: as told (default)")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[=VALUE]")
    return parser


if __name__ == "__main__":
    sys.exit(main())
