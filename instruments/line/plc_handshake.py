"""The handshake with the PLC, without I/O: which specimen is due, what was missed, what was answered.

The PLC counts specimens in a register, the station echoes the count with its verdict. Three rules keep
each specimen from being missed or doubled, whoever restarts:

- A specimen is due if its sequence number is not the last one taken up. Edges are not used.
- The station marks each run of the PLC with a random session number in a register of the PLC. A PLC that
  lost its memory has lost the mark, so its count is known to have begun anew; a station that restarts
  finds the mark and its last answer, and so knows how far it had come.
- The specimen's id is made of session and sequence number. What was accepted just before the station
  died is announced again after the restart, found in the store by its id, and answered from there. Only
  the first specimen after such a meeting is looked for: session numbers may repeat over the years.
"""

import random
from dataclasses import dataclass, replace

from instruments.line.plc_registers import (
    LINE_STATES,
    MAX_SEQUENCE,
    NO_ANSWER,
    Answer,
    PlcReading,
    encode_station,
)
from qc_daemon.domain.errors import LabelError
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.label import DeclaredLabel, parse_label
from qc_daemon.domain.line import Cue, LineCounts, StationState


@dataclass(frozen=True, slots=True)
class DueSpecimen:
    """A specimen that the PLC announced: its sequence number and what to inspect."""

    sequence: int
    cue: Cue


class Handshake:
    """What the station knows of one PLC.

    Args:
        lot: lot of what the PLC announces, unless the PLC says.
        label: its declared label, unless the PLC says.
    """

    def __init__(self, lot: str, label: DeclaredLabel | None) -> None:
        self._lot = lot
        self._label = label
        self.session = 0  # the mark of this run of the PLC; 0 before it was met
        self._taken = 0  # the last sequence number that was taken up
        self._place: tuple[int, str | None, int] | None = None  # the PLC's words for that specimen
        self._current: set[str] = set()  # ids of this session that may still be answered
        self._heartbeat = 0
        self._beat_seen = -1
        self._beat_changed_s: float | None = None
        self._answer = NO_ANSWER
        self._resuming = False  # what is due next may have been accepted before the station restarted
        self.line_state = "unknown"
        self.unreadable = ""
        self.counts = LineCounts()

    def see(self, reading: PlcReading, now_s: float) -> DueSpecimen | None:
        """Take a reading; return the specimen that is due, if there is one that was not returned before."""
        if reading.heartbeat != self._beat_seen:
            self._beat_seen, self._beat_changed_s = reading.heartbeat, now_s
        self.line_state = LINE_STATES.get(reading.line_state, f"unknown ({reading.line_state})")
        missed = self._follow(reading)
        self.count(missed=missed)
        if reading.sequence not in (0, self._taken):
            return self._take(reading)
        self._resuming = False
        return None

    def beats(self, now_s: float, within_s: float) -> bool:
        """Tell whether the PLC's heartbeat has changed within that time."""
        return self._beat_changed_s is not None and now_s - self._beat_changed_s < within_s

    def answer(self, due: DueSpecimen, answer: Answer) -> None:
        """Keep what the PLC is to be told; too late if it has begun a new count since."""
        if due.cue.specimen.id in self._current:
            self._current.discard(due.cue.specimen.id)
            self._answer = answer
        else:
            self.count(unanswered=1)

    def next_block(self, state: StationState, alarm_word: int) -> list[int]:
        """Return registers 20 to 29 with the heartbeat one further."""
        self._heartbeat = (self._heartbeat + 1) & 0xFFFF
        return encode_station(self._heartbeat, state, self._answer, self.session, alarm_word)

    def count(self, **more: int) -> None:
        """Add to the counts."""
        added = {name: getattr(self.counts, name) + number for name, number in more.items()}
        self.counts = replace(self.counts, **added)

    def _follow(self, reading: PlcReading) -> int:
        """Follow the count of the PLC over restarts and its end; return how many specimens were missed."""
        sequence = reading.sequence
        if self.session == 0:
            return self._meet(reading)
        if reading.session != self.session:
            self.count(device_restarts=1)
            if (sequence, reading.roll, reading.position_mm) == self._place:
                self._begin_session(sequence)  # it kept its count: this one is taken up already
                return 0
            return self._count_anew(sequence)
        if sequence >= self._taken:
            return max(sequence - self._taken - 1, 0)
        if sequence and _distance(self._taken, sequence) <= MAX_SEQUENCE // 2:
            missed = _distance(self._taken, sequence) - 1
            self._begin_session(0)  # past its end the count begins again: ids stay unique
            return missed
        self.count(device_restarts=1)
        return self._count_anew(sequence)

    def _meet(self, reading: PlcReading) -> int:
        """Meet a PLC for the first time since the station started."""
        if not reading.session:
            self._begin_session(0)  # how far it had counted before is nobody's business
            return 0
        self.session, self._taken, self._answer = reading.session, reading.answer.sequence, reading.answer
        self._resuming = True
        return self._follow(reading)

    def _count_anew(self, sequence: int) -> int:
        """Begin with a PLC that may or may not have kept its count; return how many were missed at least."""
        candidates = (sequence - 1, _distance(self._taken, sequence) - 1)
        self._begin_session(0)
        self._answer = NO_ANSWER
        self._current.clear()
        return max(min(candidates), 0)

    def _begin_session(self, taken: int) -> None:
        self.session = 1 + (self.session + random.randrange(0xFFFE)) % 0xFFFF  # 1..65535, and another one
        self._taken = taken
        self._resuming = False

    def _take(self, reading: PlcReading) -> DueSpecimen:
        self._taken = reading.sequence
        self._place = (reading.sequence, reading.roll, reading.position_mm)
        specimen = self._specimen(reading)
        self._current.add(specimen.id)
        self.count(announced=1)
        resuming, self._resuming = self._resuming, False
        return DueSpecimen(reading.sequence, Cue(specimen, may_be_stored=resuming))

    def _specimen(self, reading: PlcReading) -> Specimen:
        """Return what the PLC announced; unassigned if it cannot be read whole."""
        name = f"{reading.roll or 'specimen'}-{self.session:04X}-{reading.sequence:05d}"
        self.unreadable = ""
        try:
            label = parse_label(reading.label) if reading.label else self._label
        except LabelError as error:
            self.unreadable = str(error)
        if None in (reading.roll, reading.lot, reading.label):
            self.unreadable = "roll, lot or label in the PLC's registers is not text"
        if self.unreadable:
            self.count(refused=1)
            return Specimen(name, "", "", reading.position_mm / 1000.0, None)
        return Specimen(
            name, reading.lot or self._lot, reading.roll or "", reading.position_mm / 1000.0, label
        )


def _distance(start: int, end: int) -> int:
    """Return how many steps lead from one sequence number to another when 65535 is followed by 1."""
    return (end - start) % MAX_SEQUENCE
