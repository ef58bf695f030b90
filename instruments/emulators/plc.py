"""A PLC without hardware: a Modbus TCP server on this computer, as a process of its own.

    python -m instruments.emulators.plc --pace-s 5

prints one line of JSON with host and port when it is ready. It then obeys commands on its standard
input, one a line ("help" lists them), answers each with one line of JSON, and ends with its standard
input.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from instruments.emulators.console import STDIN, Console, say
from instruments.emulators.faults import ActiveFaults
from instruments.emulators.plc_line import LINE_FAULTS, SIZE, Fabric, PlcLine
from qc_daemon.domain.errors import ConfigError, LinkConfig, QcError

FAULTS = {
    "restart": "loses its memory and is away for VALUE seconds (0.5)",
    "power_cut": "is away for VALUE seconds (0.5) and keeps its memory",
    "slow": "replies come VALUE seconds late (0.3)",
    "no_reply": "requests are taken and not answered",
    "refuse": "every request is refused with the exception ILLEGAL ADDRESS",
    **LINE_FAULTS,
}
_COMMANDS = (
    "announce", "run", "stop", "count N", "fault NAME[=VALUE]", "clear NAME", "report [N]", "reset", "help",
    "quit",
)  # fmt: skip
_AWAY = ("restart", "power_cut")
_TICK_S = 0.005

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # a lost client is nothing to report


class PlcEmulator:
    """The process: one event loop for the server, the line and the commands."""

    def __init__(self, line: PlcLine, port: int, faults: ActiveFaults) -> None:
        self._line = line
        self._port = port
        self._faults = faults
        self._console = Console(self._execute)
        self._server: ModbusTcpServer | None = None
        self._ended = asyncio.Event()
        self._away_until_s: float | None = None

    async def run(self) -> None:
        """Obey until told to quit or the standard input ends."""
        await self._listen()
        asyncio.get_running_loop().add_reader(STDIN, self._typed)
        say(host="127.0.0.1", port=self._port)
        while not self._ended.is_set():
            await self._tick(time.monotonic())
            await asyncio.sleep(_TICK_S)
        await self._hang_up()

    async def _tick(self, now_s: float) -> None:
        away = next((name for name in _AWAY if self._faults.value(name) is not None), None)
        if away is not None:
            self._away_until_s = now_s + (self._faults.value(away, default=0.5) or 0.0)
            self._faults.clear(away)
            await self._hang_up()
            if away == "restart":
                self._line.forget()
        if self._away_until_s is None:
            self._line.tick(now_s)
        elif now_s >= self._away_until_s:
            self._away_until_s = None
            await self._listen()

    async def _listen(self) -> None:
        """Start to serve; the first time at the port that was asked for, or any free one."""
        memory = SimDevice(
            0, simdata=[SimData(0, values=[0] * SIZE, datatype=DataType.REGISTERS)], action=self._serve
        )
        server = ModbusTcpServer(memory, address=("127.0.0.1", self._port))
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            raise LinkConfig(f"port {self._port} cannot be served; expected a free one") from error
        assert isinstance(server.transport, asyncio.Server)
        self._port = server.transport.sockets[0].getsockname()[1]
        self._server = server

    async def _hang_up(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.shutdown()  # type: ignore[no-untyped-call]

    async def _serve(
        self,
        function_code: int,  # noqa: ARG002 (the arguments are pymodbus's)
        start_address: int,  # noqa: ARG002
        address: int,
        count: int,  # noqa: ARG002
        registers: list[int],
        written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Serve one request: pymodbus's copy of the registers follows the line's."""
        await asyncio.sleep(self._faults.value("slow", default=0.3) or 0.0)
        while self._faults.value("no_reply"):
            await asyncio.sleep(_TICK_S)
        if self._faults.value("refuse"):
            return ExcCodes.ILLEGAL_ADDRESS
        if written is not None:
            words = [int(word) for word in written]
            self._line.registers[address : address + len(words)] = words
            self._line.written(address, words)
        registers[:] = self._line.registers
        return None

    def _typed(self) -> None:
        if not self._console.read():
            self._ended.set()

    def _execute(self, words: list[str]) -> dict[str, Any]:
        match words:
            case ["announce"]:
                return {"sequence": self._line.announce()}
            case ["run" | "stop" as order]:
                self._line.running = order == "run"
                self._line.registers[1] = int(self._line.running)
            case ["count", number] if number.isdecimal() and int(number) < 0x10000:
                self._line.count_from(int(number))
            case ["fault", text]:
                self._faults.add(text)
            case ["clear", name]:
                self._faults.clear(name)
            case ["report"]:
                return self._line.report(last=1)
            case ["report", number] if number.isdecimal():
                return self._line.report(last=int(number))
            case ["reset"]:
                self._line.reset()
                self._away_until_s = None if self._away_until_s is None else 0.0
                for name in FAULTS:
                    self._faults.clear(name)
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
    fabric = Fabric(options.specimens_per_roll, options.lot, options.label)
    try:
        faults = ActiveFaults(FAULTS)
        for fault in options.fault:
            faults.add(fault)
        line = PlcLine(fabric, options.pace_s, options.wait, faults, time.monotonic())
        asyncio.run(_run(line, options.port, faults))
    except QcError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except (BrokenPipeError, KeyboardInterrupt):
        return 0  # nobody listens any more
    return 0


async def _run(line: PlcLine, port: int, faults: ActiveFaults) -> None:
    await PlcEmulator(line, port, faults).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="plc", description="A PLC without hardware.")
    parser.add_argument("--port", type=int, default=0, help="TCP port; any free one if not given")
    parser.add_argument("--pace-s", type=float, default=5.0, help="from specimen to specimen (5); 0: as told")
    parser.add_argument("--wait", action="store_true", help="the next comes only after the answer")
    parser.add_argument("--specimens-per-roll", type=int, default=12)
    parser.add_argument("--lot", default="EMULATED-LOT")
    parser.add_argument("--label", default="cotton 60 polyester 40", help="declared composition")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[=VALUE]")
    return parser


if __name__ == "__main__":
    sys.exit(main())
