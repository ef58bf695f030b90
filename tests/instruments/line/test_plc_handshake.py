"""Which specimen is due, whoever restarts: a PLC in memory, and stations that come and go."""

import random
from dataclasses import dataclass, field

import pytest

from instruments.line.plc_handshake import DueSpecimen, Handshake
from instruments.line.plc_registers import (
    LABEL_BYTES,
    LOT_BYTES,
    ROLL_BYTES,
    Answer,
    VerdictCode,
    decode_reading,
    encode_text,
    words_to_read,
)
from qc_daemon.domain.label import parse_label
from qc_daemon.domain.line import StationState


@dataclass
class MemoryPlc:
    """Registers and the fabric that moves past; the fabric goes on when the registers are lost."""

    registers: list[int] = field(default_factory=lambda: [0] * words_to_read(True))
    passed: int = 0

    def announce(self, roll: str = "R-1", lot: str = "", label: str = "") -> None:
        self.passed += 1
        self.registers[3:5] = [0, 100 * self.passed]
        self.registers[6:14] = encode_text(roll, ROLL_BYTES)
        self.registers[30:38] = encode_text(lot, LOT_BYTES)
        self.registers[38:70] = encode_text(label, LABEL_BYTES)
        self.registers[2] = self.registers[2] % 65535 + 1

    def forget(self) -> None:
        self.registers = [0] * len(self.registers)


@dataclass
class MemoryStation:
    """A handshake with a store that outlives it, polled by hand."""

    plc: MemoryPlc
    stored: dict[str, float]
    measured: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start anew, knowing only what is stored."""
        self.handshake = Handshake("LOT", parse_label("cotton 60 polyester 40"))

    def poll(self) -> DueSpecimen | None:
        due = self.handshake.see(decode_reading(self.plc.registers), 0.0)
        self.tell()
        return due

    def tell(self) -> None:
        self.plc.registers[20:30] = self.handshake.next_block(StationState.RUNNING, 0)

    def accept(self, due: DueSpecimen) -> None:
        """Measure, unless it is stored already."""
        specimen = due.cue.specimen
        if not (due.cue.may_be_stored and specimen.id in self.stored):
            self.stored[specimen.id] = specimen.position_m
            self.measured.append(specimen.position_m)

    def answer(self, due: DueSpecimen) -> None:
        self.handshake.answer(due, Answer(due.sequence, VerdictCode.PASS, 0))
        self.tell()


@pytest.fixture
def plc() -> MemoryPlc:
    return MemoryPlc()


@pytest.fixture
def station(plc: MemoryPlc) -> MemoryStation:
    return MemoryStation(plc, {})


def inspect(station: MemoryStation) -> None:
    due = station.poll()
    assert due is not None
    station.accept(due)
    station.answer(due)


def test_nothing_is_due_before_the_plc_has_announced_anything(station: MemoryStation) -> None:
    assert station.poll() is None
    assert station.handshake.counts.announced == 0


def test_a_specimen_is_due_once_and_its_answer_names_it(plc: MemoryPlc, station: MemoryStation) -> None:
    plc.announce()
    due = station.poll()
    assert due is not None
    assert (due.cue.specimen.roll, due.cue.specimen.lot, due.cue.specimen.position_m) == ("R-1", "LOT", 0.1)
    assert station.poll() is None
    station.answer(due)
    assert plc.registers[22:24] == [1, VerdictCode.PASS]
    assert station.poll() is None


def test_specimens_that_pass_during_an_inspection_are_counted_as_missed(
    plc: MemoryPlc, station: MemoryStation
) -> None:
    plc.announce()
    inspect(station)
    for _ in range(4):
        plc.announce()
    inspect(station)
    assert station.handshake.counts.missed == 3
    assert station.measured == [0.1, 0.5]


def test_the_count_begins_again_after_65535_without_a_miss(plc: MemoryPlc, station: MemoryStation) -> None:
    plc.registers[2] = 65533
    for _ in range(4):
        plc.announce()
        inspect(station)
    assert plc.registers[2] == 2
    assert len(station.measured) == 4
    assert station.handshake.counts.missed == 0
    assert station.handshake.counts.device_restarts == 0


def test_a_count_that_jumps_back_begins_anew(plc: MemoryPlc, station: MemoryStation) -> None:
    plc.registers[2] = 500
    plc.announce()
    inspect(station)
    plc.registers[2] = 9
    plc.announce()
    inspect(station)
    assert station.handshake.counts.device_restarts == 1
    assert station.handshake.counts.missed == 9
    assert len(station.measured) == 2


def test_a_plc_that_forgets_and_counts_up_to_the_same_number_is_not_mistaken(
    plc: MemoryPlc, station: MemoryStation
) -> None:
    plc.announce()
    inspect(station)
    plc.forget()
    plc.announce()  # number 1 again, but another specimen
    inspect(station)
    assert station.measured == [0.1, 0.2]
    assert len(station.stored) == 2


def test_an_answer_for_a_specimen_from_before_the_restart_of_the_plc_is_dropped_and_counted(
    plc: MemoryPlc, station: MemoryStation
) -> None:
    plc.announce()
    due = station.poll()
    assert due is not None
    plc.forget()
    station.poll()
    station.answer(due)
    assert plc.registers[22:24] == [0, VerdictCode.NONE]
    assert station.handshake.counts.unanswered == 1


def test_a_plc_that_lost_only_what_the_station_wrote_gets_its_answer_again_and_no_second_inspection(
    plc: MemoryPlc, station: MemoryStation
) -> None:
    plc.announce()
    inspect(station)
    plc.registers[20:29] = [0] * 9
    assert station.poll() is None
    assert plc.registers[22:24] == [1, VerdictCode.PASS]


def test_a_station_that_restarts_after_its_answer_measures_nothing_again(
    plc: MemoryPlc, station: MemoryStation
) -> None:
    plc.announce()
    inspect(station)
    station.start()
    assert station.poll() is None
    assert plc.registers[22:24] == [1, VerdictCode.PASS]  # and leaves its answer in place
    plc.announce()
    plc.announce()
    inspect(station)
    assert station.handshake.counts.missed == 1


def test_a_station_that_dies_between_acceptance_and_answer_answers_from_what_is_stored(
    plc: MemoryPlc, station: MemoryStation
) -> None:
    plc.announce()
    due = station.poll()
    assert due is not None
    station.accept(due)
    station.start()
    again = station.poll()
    assert again is not None
    assert again.cue.specimen == due.cue.specimen
    assert (due.cue.may_be_stored, again.cue.may_be_stored) == (False, True)
    station.accept(again)
    station.answer(again)
    assert station.measured == [0.1]
    assert plc.registers[22:24] == [1, VerdictCode.PASS]


def test_a_session_number_that_was_drawn_before_hides_no_specimen(
    plc: MemoryPlc, station: MemoryStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "randrange", lambda end: 0 if station.handshake.session < 2 else end - 1)
    numbers = []
    for _ in range(4):
        plc.announce()
        inspect(station)
        numbers.append(plc.registers[28])
        plc.forget()
    assert len(set(numbers)) < len(numbers)
    assert station.measured == [pytest.approx(0.1 * number) for number in range(1, 5)]


def test_only_the_first_specimen_after_a_restart_of_the_station_may_be_stored(
    plc: MemoryPlc, station: MemoryStation
) -> None:
    plc.announce()
    inspect(station)
    station.start()
    assert station.poll() is None  # that one is answered: the next is new
    plc.announce()
    due = station.poll()
    assert due is not None and not due.cue.may_be_stored


@pytest.mark.parametrize("seed", range(40))
def test_whoever_restarts_whenever_nothing_is_missed_or_doubled(
    plc: MemoryPlc, station: MemoryStation, seed: int
) -> None:
    """The line waits for each answer; the PLC may restart between specimens, the station at any step."""
    chance = random.Random(seed)

    for _ in range(60):
        if chance.random() < 0.15:
            plc.forget()
            if chance.random() < 0.5:
                station.poll()
        plc.announce()
        expected = plc.passed
        while plc.registers[22] != plc.registers[2] or plc.registers[23] == 0:
            due = station.poll()
            assert due is not None
            if chance.random() < 0.2:
                station.start()
                continue
            station.accept(due)
            if chance.random() < 0.2:
                station.start()
                continue
            station.answer(due)
        assert station.measured == [pytest.approx(0.1 * number) for number in range(1, expected + 1)]
        assert station.handshake.counts.missed == 0


def test_lot_and_label_of_the_plc_win_over_those_of_the_configuration(
    plc: MemoryPlc, station: MemoryStation
) -> None:
    plc.announce(lot="LOT-7", label="棉60% 涤纶40%")
    due = station.poll()
    assert due is not None and due.cue.specimen.label is not None
    assert due.cue.specimen.lot == "LOT-7"
    assert due.cue.specimen.label.percent_of("polyester") == 40.0


@pytest.mark.parametrize("spoil", ["label", "roll"])
def test_what_cannot_be_read_is_inspected_without_label_and_said(
    plc: MemoryPlc, station: MemoryStation, spoil: str
) -> None:
    plc.announce(label="coton 60" if spoil == "label" else "")
    if spoil == "roll":
        plc.registers[6:14] = [0xFFFE] * 8
    due = station.poll()
    assert due is not None
    assert (due.cue.specimen.roll, due.cue.specimen.lot, due.cue.specimen.label) == ("", "", None)
    assert station.handshake.counts.refused == 1
    assert ('"coton 60"' if spoil == "label" else "not text") in station.handshake.unreadable
    plc.announce()
    station.poll()
    assert station.handshake.unreadable == ""


def test_a_heartbeat_that_stands_still_is_noticed(plc: MemoryPlc, station: MemoryStation) -> None:
    handshake = station.handshake
    handshake.see(decode_reading(plc.registers), 10.0)
    assert handshake.beats(14.9, within_s=5.0)
    handshake.see(decode_reading(plc.registers), 15.1)
    assert not handshake.beats(15.1, within_s=5.0)
    plc.registers[0] = 1
    handshake.see(decode_reading(plc.registers), 16.0)
    assert handshake.beats(16.1, within_s=5.0)
