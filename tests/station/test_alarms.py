"""Alarms from raising to clearing: two people, no database, nobody at all."""

from pathlib import Path

import pytest
from fakes import FakeClock, MemoryStore

from qc_daemon.alarms import Alarms
from qc_daemon.domain.alarms import CATALOGUE, TRANSITIONS, AlarmEvent, AlarmState, kind_of, next_state
from qc_daemon.domain.errors import InputError
from qc_daemon.status import StatusBoard


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock, self.store = FakeClock(), MemoryStore()
        self.board = StatusBoard(folder / "status.json", self.clock)
        self.alarms = Alarms(self.board, self.store, self.clock)

    def states(self) -> list[AlarmState]:
        return [alarm.state for alarm in self.alarms.active]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("state", list(AlarmState))
@pytest.mark.parametrize("event", list(AlarmEvent))
def test_only_what_is_in_the_table_may_happen(state: AlarmState, event: AlarmEvent) -> None:
    if event in TRANSITIONS[state]:
        assert next_state(state, event) is TRANSITIONS[state][event]
    else:
        with pytest.raises(ValueError, match=f"{state.value} cannot be {event.value}"):
            next_state(state, event)


def test_the_second_who_takes_an_alarm_on_hears_who_was_first(bench: Bench) -> None:
    bench.alarms.raise_alarm("store", "locked")
    assert bench.alarms.acknowledge_alarm("store", "", "Wang", "I restart it") == ""
    first = bench.alarms.acknowledge_alarm("store", "", "Li", "me too")
    assert first.startswith("Wang 2026-11-24 12:00:00 UTC: I restart it")
    assert bench.store.alarm_changes == [("acknowledged", "store", "Wang", "I restart it")]
    assert bench.board.status.alarm_details[0].acknowledged_by == "Wang"


@pytest.mark.parametrize(
    ("code", "who", "why", "said"),
    [
        ("line", "Wang", "I look", "is not active"),
        ("store", " ", "I look", "expected a name and a reason"),
        ("store", "Wang", "", "expected a name and a reason"),
    ],
)
def test_an_alarm_is_taken_on_with_a_name_and_a_reason(
    bench: Bench, code: str, who: str, why: str, said: str
) -> None:
    bench.alarms.raise_alarm("store", "locked")
    with pytest.raises(InputError, match=said):
        bench.alarms.acknowledge_alarm(code, "", who, why)
    assert bench.states() == [AlarmState.RAISED]


def test_what_nobody_takes_on_escalates_once_in_its_time(bench: Bench) -> None:
    bench.alarms.raise_alarm("store", "locked")  # 10 minutes
    bench.alarms.raise_alarm("mqtt", "away")  # may wait
    bench.alarms.raise_alarm("instrument", "gone")
    bench.alarms.acknowledge_alarm("instrument", "", "Wang", "new cable")
    bench.clock.advance(599.0)
    bench.alarms.escalate_due()
    assert AlarmState.ESCALATED not in bench.states()
    bench.clock.advance(2.0)
    bench.alarms.escalate_due()
    bench.alarms.escalate_due()
    assert bench.states() == [AlarmState.ESCALATED, AlarmState.RAISED, AlarmState.ACKNOWLEDGED]
    assert [change[:2] for change in bench.store.alarm_changes] == [
        ("acknowledged", "instrument"), ("escalated", "store"),
    ]  # fmt: skip


def test_an_escalated_alarm_can_be_taken_on_but_a_taken_one_is_not_escalated(bench: Bench) -> None:
    bench.alarms.raise_alarm("line", "PLC away")
    bench.alarms.escalate_alarm("line", "", "Li", "it is the third time")
    assert bench.alarms.acknowledge_alarm("line", "", "Wang", "I call the electrician") == ""
    with pytest.raises(InputError, match="nobody took on"):
        bench.alarms.escalate_alarm("line", "", "Li", "again")


def test_what_happened_without_a_database_comes_into_the_history_later(bench: Bench) -> None:
    bench.store.database_down = True
    bench.alarms.raise_alarm("store", "locked")
    bench.alarms.acknowledge_alarm("store", "", "Wang", "I look")
    assert bench.store.alarms == {}
    bench.store.database_down = False
    bench.alarms.store_late()
    assert bench.store.alarms == {"store": "locked"}
    assert bench.store.alarm_changes == [("acknowledged", "store", "Wang", "I look")]


def test_what_tells_of_the_past_ends_when_somebody_has_read_it(bench: Bench) -> None:
    bench.store.alarms["acquisition_quarantined"] = "damaged"
    bench.store.alarms["line"] = "of an earlier run"
    bench.alarms.take_over()
    assert [alarm.code for alarm in bench.alarms.active] == ["acquisition_quarantined"]
    assert list(bench.store.alarms) == ["acquisition_quarantined"]
    bench.alarms.acknowledge_alarm("acquisition_quarantined", "", "Wang", "read")
    assert (bench.alarms.active, bench.store.alarms) == ((), {})


def test_the_word_for_the_plc_says_how_bad_it_is(bench: Bench) -> None:
    assert bench.alarms.word == 0
    bench.alarms.raise_alarm("mqtt", "away")
    assert bench.alarms.word == 0x0103
    bench.alarms.raise_alarm("store", "locked")
    bench.alarms.escalate_alarm("store", "", "Li", "help")
    assert bench.alarms.word == 0x020F
    bench.alarms.acknowledge_alarm("store", "", "Wang", "here")
    bench.alarms.acknowledge_alarm("mqtt", "", "Wang", "here")
    assert bench.alarms.word == 0x0205


def test_every_alarm_of_the_code_is_in_the_catalogue() -> None:
    import re

    package = Path(__file__).parent.parent.parent / "qc_daemon"
    raised = {
        code
        for file in package.rglob("*.py")
        for code in re.findall(r'raise_alarm\(\s*"(\w+)"', file.read_text(encoding="utf-8"))
    }
    assert len(raised) > 8
    assert raised <= set(CATALOGUE)
    assert kind_of("of a newer software").en.title == "unknown alarm"
