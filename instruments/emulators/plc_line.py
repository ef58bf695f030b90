"""The inside of an emulated PLC: a line that moves, a count in registers, and what it hears back."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from instruments.emulators.faults import ActiveFaults
from instruments.line.plc_registers import (
    LABEL_BYTES,
    LOT_BYTES,
    MAX_SEQUENCE,
    ROLL_BYTES,
    STATION_BLOCK,
    STATION_WORDS,
    VerdictCode,
    encode_text,
    words_to_read,
)

LINE_FAULTS = {
    "frozen_heartbeat": "the heartbeat stands still and nothing is announced, but the registers can be read",
    "sequence_jump": "the next sequence number is VALUE further than it should be (5)",
    "no_text": "the roll is bytes that are no text",
}
SIZE = words_to_read(lot_and_label=True)
_HEARTBEAT_S = 0.5
_FIRST_ROLL, _PITCH_MM = 1, 2500


@dataclass(frozen=True, slots=True)
class Fabric:
    """What the line carries: so many specimens a roll, of one lot and label."""

    specimens_per_roll: int
    lot: str
    label: str


class PlcLine:
    """Announces specimens and counts the answers; the fabric moves on over a restart of the PLC.

    Args:
        fabric: what passes.
        pace_s: seconds from one specimen to the next; 0 announces only when told to.
        waits: whether the next specimen comes only after the answer to the last.
        faults: the active faults.
        now_s: seconds of the monotonic clock.
    """

    def __init__(
        self, fabric: Fabric, pace_s: float, waits: bool, faults: ActiveFaults, now_s: float
    ) -> None:
        self._fabric = fabric
        self._pace_s = pace_s
        self._waits = waits
        self._faults = faults
        self._next_s = now_s + pace_s
        self._beat_s = now_s
        self.running = True
        self._open: dict[int, int] = {}  # announced and not answered: which specimen, by sequence number
        self.reset()

    def reset(self) -> None:
        """Begin anew: nothing has passed yet."""
        self._passed = 0
        self._answers: list[dict[str, Any]] = []
        self.forget()

    def forget(self) -> None:
        """Lose the memory, as without a battery."""
        self.registers = [0] * SIZE
        self.registers[1] = int(self.running)
        self._open.clear()

    def tick(self, now_s: float) -> None:
        """Let time pass: the heart beats and the fabric moves."""
        if self._faults.value("frozen_heartbeat"):
            self._next_s = max(self._next_s, now_s)
            return
        if now_s - self._beat_s >= _HEARTBEAT_S:
            self._beat_s = now_s
            self.registers[0] = (self.registers[0] + 1) & 0xFFFF
        held = self._waits and bool(self._open)
        if self._pace_s > 0 and self.running and now_s >= self._next_s and not held:
            self._next_s = now_s + self._pace_s
            self.announce()

    def announce(self) -> int:
        """Bring the next specimen; return its sequence number."""
        steps = 1 + int(self._faults.value("sequence_jump", default=5.0) or 0)
        self._faults.clear("sequence_jump")
        roll, place = divmod(self._passed, self._fabric.specimens_per_roll)
        self._passed += 1
        position_mm = _PITCH_MM * place
        self.registers[3:5] = [position_mm >> 16, position_mm & 0xFFFF]
        self.registers[5] = round(_PITCH_MM / self._pace_s) & 0xFFFF if self._pace_s else 0
        self.registers[6:14] = encode_text(f"R-{_FIRST_ROLL + roll}", ROLL_BYTES)
        self.registers[30:38] = encode_text(self._fabric.lot, LOT_BYTES)
        self.registers[38:70] = encode_text(self._fabric.label, LABEL_BYTES)
        if self._faults.value("no_text"):
            self.registers[6:14] = [0xFFFE] * (ROLL_BYTES // 2)
        sequence = (self.registers[2] + steps - 1) % MAX_SEQUENCE + 1
        self.registers[2] = sequence  # last: it says that the rest is there
        self._open[sequence] = self._passed
        return sequence

    def count_from(self, sequence: int) -> None:
        """Set the count, as if so many had passed."""
        self.registers[2] = sequence

    def written(self, address: int, words: Sequence[int]) -> None:
        """Take note of what the station wrote."""
        if address != STATION_BLOCK or len(words) != STATION_WORDS:
            return
        sequence, verdict, fibre, percent, half_width, fault = words[2:8]
        specimen = self._open.pop(sequence, None) if verdict else None
        if specimen is None:
            return  # told already, or a specimen that this PLC does not know of
        self._answers.append(
            {
                "specimen": specimen,
                "sequence": sequence,
                "verdict": VerdictCode(verdict).name,
                "fibre": fibre,
                "percent": percent / 10,
                "half_width_pp": half_width / 10,
                "fault": fault,
                "received_at": time.time(),
            }
        )

    def report(self, last: int) -> dict[str, Any]:
        """Return what was announced and what came back, the last answers one by one."""
        return {
            "announced": self._passed,
            "answered": len(self._answers),
            "unanswered": self._passed - len(self._answers),
            "verdicts": dict(Counter(answer["verdict"] for answer in self._answers)),
            "sequence": self.registers[2],
            "station": self.registers[STATION_BLOCK : STATION_BLOCK + STATION_WORDS],
            "answers": self._answers[max(len(self._answers) - last, 0) :],
        }
