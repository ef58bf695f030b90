"""The trigger and an emulated PLC in its own process, over a real socket."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fakes import FakeClock
from line_kit import a_conclusion, blind, until

from instruments.emulators.process import EmulatorProcess
from instruments.line import plc_modbus
from instruments.line.modbus_link import ModbusLink
from instruments.line.plc_modbus import PlcTrigger
from instruments.line.plc_registers import FaultCode
from qc_daemon.domain.errors import LinkLost, LinkTimeout, ProtocolError
from qc_daemon.domain.line import Cue, NoVerdict, StationState
from qc_daemon.domain.reasons import ReasonCode
from qc_daemon.domain.verdict import Outcome


@pytest.fixture(scope="module")
def shared_plc() -> Iterator[EmulatorProcess]:
    """An emulated PLC that announces when told to."""
    with EmulatorProcess("instruments.emulators.plc", ["--pace-s", "0"]) as process:
        yield process


@pytest.fixture
def plc(shared_plc: EmulatorProcess) -> EmulatorProcess:
    """The same, healthy, before its first specimen."""
    shared_plc.tell("reset")
    return shared_plc


@pytest.fixture
def connect(plc: EmulatorProcess) -> Iterator[Callable[..., PlcTrigger]]:
    """Start triggers that are told of the emulated PLC."""
    with ExitStack() as stack:

        def start(**changes: Any) -> PlcTrigger:
            settings: dict[str, Any] = {
                "lot": "LOT", "label": None, "lot_and_label": True, "interval_s": None, "clock": FakeClock(),
            }  # fmt: skip
            link = ModbusLink("127.0.0.1", plc.ready["port"], 1, timeout_s=0.3)
            trigger = stack.enter_context(PlcTrigger(link, **{**settings, **changes}))
            trigger.announce(StationState.RUNNING)
            return trigger

        yield start


def next_of(trigger: PlcTrigger) -> Cue:
    return until(lambda: trigger.next_cue(blind, 0.1))


def answers(plc: EmulatorProcess, count: int) -> list[dict[str, Any]]:
    """Return the answers of the PLC's report once there are that many."""
    return until(lambda: (got := plc.tell("report 1000")["answers"]) and len(got) >= count and got)


def test_a_specimen_is_announced_with_all_that_the_plc_knows_of_it(
    plc: EmulatorProcess, connect: Callable[..., PlcTrigger]
) -> None:
    trigger = connect()
    plc.tell("announce")
    trigger.answer(next_of(trigger), a_conclusion())
    plc.tell("announce")
    specimen = next_of(trigger).specimen
    assert (specimen.roll, specimen.lot, specimen.position_m) == ("R-1", "EMULATED-LOT", 2.5)
    assert specimen.label is not None and specimen.label.text == "cotton 60 polyester 40"
    assert specimen.id.startswith("R-1-") and specimen.id.endswith("-00002")


@pytest.mark.parametrize(
    ("outcome", "codes", "verdict", "fault"),
    [
        (Outcome.PASS, [ReasonCode.WITHIN_TOLERANCE], "PASS", FaultCode.NONE),
        (Outcome.FAIL, [ReasonCode.OUTSIDE_TOLERANCE], "FAIL", FaultCode.NONE),
        (Outcome.REFER, [ReasonCode.UNDECIDED_WITHIN_UNCERTAINTY], "REFER", FaultCode.NONE),
        (Outcome.REFER, [ReasonCode.IMAGE_MISSING], "REFER", FaultCode.CAMERA),
        (Outcome.REFER, [ReasonCode.REFERENCE_EXPIRED], "REFER", FaultCode.WHITE_REFERENCE),
        (Outcome.REFER, [ReasonCode.SATURATED], "REFER", FaultCode.NOT_MEASURABLE),
    ],
)
def test_the_plc_is_told_verdict_fibre_share_interval_and_fault(
    plc: EmulatorProcess,
    connect: Callable[..., PlcTrigger],
    outcome: Outcome,
    codes: list[ReasonCode],
    verdict: str,
    fault: FaultCode,
) -> None:
    trigger = connect()
    plc.tell("announce")
    trigger.answer(next_of(trigger), a_conclusion(outcome, *codes))
    (answer,) = answers(plc, 1)
    del answer["received_at"]
    assert answer == {
        "specimen": 1, "sequence": 1, "verdict": verdict, "fibre": 1, "percent": 60.4, "half_width_pp": 3.0,
        "fault": fault,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("why", "fault"),
    [
        (NoVerdict.SPECTROMETER, FaultCode.SPECTROMETER),
        (NoVerdict.STORE, FaultCode.DATABASE),
        (NoVerdict.UNDECIDED, FaultCode.UNDECIDED),
    ],
)
def test_the_plc_is_told_that_there_is_no_verdict_and_why(
    plc: EmulatorProcess, connect: Callable[..., PlcTrigger], why: NoVerdict, fault: FaultCode
) -> None:
    trigger = connect()
    plc.tell("announce")
    trigger.refuse(next_of(trigger), why)
    (answer,) = answers(plc, 1)
    assert (answer["verdict"], answer["fault"], answer["fibre"]) == ("NO_VERDICT", fault, 0)


def test_while_the_spectrometer_is_gone_the_plc_is_answered_at_once(
    plc: EmulatorProcess, connect: Callable[..., PlcTrigger]
) -> None:
    trigger = connect()
    trigger.announce(StationState.DEGRADED)
    plc.tell("announce")
    (answer,) = answers(plc, 1)
    assert (answer["verdict"], answer["fault"]) == ("NO_VERDICT", FaultCode.SPECTROMETER)
    assert trigger.health.counts.missed == 1
    assert trigger.next_cue(blind, 0.05) is None


@pytest.mark.parametrize("fault", ["restart=0.2", "power_cut=0.2"])
def test_a_plc_that_restarts_between_two_specimens_costs_neither(
    plc: EmulatorProcess, connect: Callable[..., PlcTrigger], fault: str
) -> None:
    trigger = connect()
    taken = []
    for number in range(1, 7):
        plc.tell("announce")
        cue = next_of(trigger)
        taken.append(cue.specimen.position_m)
        trigger.answer(cue, a_conclusion())
        answers(plc, number)
        if number % 2:
            plc.tell(f"fault {fault}")
            until(lambda: trigger.health.state == "lost")
            until(lambda: trigger.health.state == "running")
    assert taken == [0.0, 2.5, 5.0, 7.5, 10.0, 12.5]
    assert trigger.health.counts.missed == 0
    assert trigger.health.counts.announced == 6
    assert trigger.health.counts.device_restarts == (3 if fault.startswith("restart") else 0)


def test_an_answer_given_while_the_plc_is_away_is_told_when_it_is_back(
    plc: EmulatorProcess, connect: Callable[..., PlcTrigger]
) -> None:
    trigger = connect()
    plc.tell("announce")
    cue = next_of(trigger)
    plc.tell("fault power_cut=0.4")
    until(lambda: trigger.health.state == "lost")
    trigger.answer(cue, a_conclusion(Outcome.FAIL))
    assert answers(plc, 1)[0]["verdict"] == "FAIL"


def test_a_station_that_restarts_with_a_specimen_in_hand_is_told_of_it_again(
    plc: EmulatorProcess, connect: Callable[..., PlcTrigger]
) -> None:
    first = connect()
    plc.tell("announce")
    cue = next_of(first)
    first.__exit__(None, None, None)
    again = next_of(connect())
    assert again.specimen == cue.specimen
    assert (cue.may_be_stored, again.may_be_stored) == (False, True)


def test_a_jump_of_the_count_is_counted_as_missed(
    plc: EmulatorProcess, connect: Callable[..., PlcTrigger]
) -> None:
    trigger = connect()
    plc.tell("announce")
    trigger.answer(next_of(trigger), a_conclusion())
    answers(plc, 1)
    plc.tell("fault sequence_jump=7")
    plc.tell("announce")
    trigger.answer(next_of(trigger), a_conclusion())
    assert answers(plc, 2)[-1]["sequence"] == 9
    assert trigger.health.counts.missed == 7


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ("no_reply", "no reply within 0.3 s"),
        ("refuse", "refuses reading registers 0 to 69"),
        ("slow=0.6", "no reply within 0.3 s"),
        ("power_cut=1000", "no connection; expected a Modbus TCP server"),
    ],
)
def test_a_plc_that_does_not_serve_is_said_in_one_line_and_found_again(
    plc: EmulatorProcess, connect: Callable[..., PlcTrigger], fault: str, trouble: str
) -> None:
    trigger = connect()
    until(lambda: trigger.health.state == "running")
    plc.tell(f"fault {fault}")
    until(lambda: trouble in trigger.health.trouble)
    assert trigger.health.state == "lost"
    if fault.startswith("power_cut"):
        return
    plc.tell(f"clear {fault.partition('=')[0]}")
    until(lambda: trigger.health.state == "running")
    plc.tell("announce")
    assert next_of(trigger).specimen.position_m == 0.0
    assert trigger.health.trouble == ""


def test_a_slow_plc_gets_its_answers_late_but_whole(
    plc: EmulatorProcess, connect: Callable[..., PlcTrigger]
) -> None:
    trigger = connect()
    plc.tell("fault slow=0.1")
    plc.tell("announce")
    trigger.answer(next_of(trigger), a_conclusion())
    assert answers(plc, 1)[0]["verdict"] == "PASS"
    assert trigger.health.counts.missed == 0


def test_measurements_go_on_unassigned_at_the_usual_rate_while_the_heart_of_the_plc_stands_still(
    plc: EmulatorProcess, connect: Callable[..., PlcTrigger], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plc_modbus, "_SILENT_AFTER_S", 0.8)
    trigger = connect(interval_s=0.1)
    until(lambda: trigger.health.state == "running")
    plc.tell("fault frozen_heartbeat")
    first = next_of(trigger)
    begun_s = time.monotonic()
    assert trigger.health.state == "silent"
    assert "heartbeat has stood still" in trigger.health.trouble
    assert (first.specimen.roll, first.specimen.lot, first.specimen.label) == ("", "", None)
    assert first.specimen.id.startswith("unassigned-")
    for _ in range(5):
        trigger.answer(next_of(trigger), a_conclusion())  # nobody asked: nothing is told
    assert time.monotonic() - begun_s >= 0.45
    assert trigger.health.counts.unassigned == 6
    assert plc.tell("report")["answered"] == 0
    plc.tell("clear frozen_heartbeat")
    until(lambda: trigger.health.state == "running")
    plc.tell("announce")
    assert until(lambda: (cue := trigger.next_cue(blind, 0.1)) and cue.specimen.roll == "R-1")


def test_the_plc_sees_the_heart_of_the_station_beat_and_its_state_to_the_end(
    plc: EmulatorProcess, connect: Callable[..., PlcTrigger]
) -> None:
    trigger = connect()
    beats = {until(lambda: plc.tell("report")["station"][0]) for _ in range(3)}
    until(lambda: (now := plc.tell("report")["station"][0]) not in beats and now)
    assert plc.tell("report")["station"][1] == 2
    trigger.__exit__(None, None, None)
    assert plc.tell("report")["station"][1] == 0


def test_a_verdict_reaches_the_plc_within_a_tenth_of_a_second(
    plc: EmulatorProcess, connect: Callable[..., PlcTrigger]
) -> None:
    """Of 20 verdicts the median; the processors are shared, so a single one may take longer."""
    trigger = connect()
    delays_s = []
    for number in range(1, 21):
        plc.tell("announce")
        cue = next_of(trigger)
        told_at = time.time()
        trigger.answer(cue, a_conclusion())
        delays_s.append(answers(plc, number)[-1]["received_at"] - told_at)
    assert sorted(delays_s)[10] < 0.1


def test_the_link_names_what_went_wrong(plc: EmulatorProcess) -> None:
    link = ModbusLink("127.0.0.1", plc.ready["port"], 1, timeout_s=0.2)
    with pytest.raises(LinkLost, match="not connected"):
        link.read(0, 1)
    link.open()
    with pytest.raises(ProtocolError, match=r"refuses writing registers 69 to 70 \(exception 2\);"):
        link.write(69, [1, 2])
    plc.tell("fault no_reply")
    with pytest.raises(LinkTimeout, match=r"no reply within 0\.2 s"):
        link.read(0, 1)
    link.close()
    link.close()


def test_a_server_that_speaks_something_else_is_no_plc() -> None:
    """Bytes that are no Modbus are not taken for registers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = ModbusLink("127.0.0.1", server.getsockname()[1], 1, timeout_s=0.3)
        link.open()
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)
            with pytest.raises((LinkLost, LinkTimeout)):
                link.read(0, 29)
        link.close()


def test_the_plc_is_told_of_alarms(plc: EmulatorProcess, connect: Callable[..., PlcTrigger]) -> None:
    trigger = connect()
    trigger.show_alarms(0x0207)
    until(lambda: plc.tell("report")["station"][9] == 0x0207)
