"""Station and PLC die at random moments, over real sockets: each specimen is measured and answered once."""

import random
import time
from collections.abc import Sequence

import pytest
from fakes import FakeClock
from line_kit import a_conclusion, blind, until

from instruments.emulators.process import EmulatorProcess
from instruments.line.modbus_link import ModbusLink
from instruments.line.plc_modbus import PlcTrigger
from qc_daemon.domain.errors import LinkLost
from qc_daemon.domain.line import Cue, StationState

SPECIMENS = 25


class MortalLink(ModbusLink):
    """A link that can be cut off in the middle of whatever it does, so that nothing more gets through."""

    dead = False

    def read(self, address: int, count: int) -> list[int]:
        self._require_life()
        return super().read(address, count)

    def write(self, address: int, words: Sequence[int]) -> None:
        self._require_life()
        super().write(address, words)

    def _require_life(self) -> None:
        if self.dead:
            raise LinkLost("dead")


class DyingStation:
    """A station whose store survives it."""

    def __init__(self, port: int, chance: random.Random) -> None:
        self._port = port
        self._chance = chance
        self._stored: set[str] = set()
        self.measured: list[float] = []
        self.start()

    def start(self) -> None:
        self._link = MortalLink("127.0.0.1", self._port, 1)
        self.trigger = PlcTrigger(self._link, "", None, True, None, FakeClock())
        self.trigger.__enter__()
        self.trigger.announce(StationState.RUNNING)

    def die(self) -> None:
        """Stop without a last word."""
        self._link.dead = True
        self.trigger.__exit__(None, None, None)

    def dies(self, probability: float) -> bool:
        """Die and start again, or not."""
        if self._chance.random() >= probability:
            return False
        time.sleep(self._chance.uniform(0.0, 0.02))
        self.die()
        self.start()
        return True

    def serve(self, cue: Cue) -> None:
        """Measure unless it is stored, and answer, if death does not come first."""
        if self.dies(0.15):
            return
        specimen = cue.specimen
        if not (cue.may_be_stored and specimen.id in self._stored):
            self._stored.add(specimen.id)
            self.measured.append(specimen.position_m)
        if not self.dies(0.15):
            self.trigger.answer(cue, a_conclusion())
            self.dies(0.1)


@pytest.mark.parametrize("seed", [1, 2])
def test_whoever_dies_whenever_each_specimen_is_measured_once_and_answered(seed: int) -> None:
    chance = random.Random(seed)
    with EmulatorProcess("instruments.emulators.plc", ["--pace-s", "0", "--specimens-per-roll", "99"]) as plc:
        station = DyingStation(plc.ready["port"], chance)
        for number in range(1, SPECIMENS + 1):
            plc.tell("announce")
            station.dies(0.15)
            if chance.random() < 0.15:
                plc.tell(f"fault power_cut={chance.uniform(0.0, 0.2):.3f}")

            def answered(number: int = number) -> bool:
                cue = station.trigger.next_cue(blind, 0.05)
                if cue is not None:
                    station.serve(cue)
                return bool(plc.tell("report")["answered"] == number)

            until(answered, 30.0)
            if chance.random() < 0.15:
                plc.tell("fault restart=0.05")
                until(lambda: plc.tell("report")["sequence"] == 0)
        assert station.measured == [2.5 * place for place in range(SPECIMENS)]
        assert station.trigger.health.counts.missed == 0
        station.die()
