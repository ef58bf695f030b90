"""Alarms in the history: raised once, taken on by the first, escalated, cleared."""

from datetime import timedelta

import pytest
from builders_storage import NOON, station_store

from qc_daemon.domain.alarms import AlarmState
from storage.alarm_rows import SqlAlarmStore


@pytest.fixture
def alarms(tmp_path):
    with station_store(tmp_path / "station") as store:
        yield SqlAlarmStore(store)


def standing(alarms):
    return [(one.code, one.subject, one.message, one.state) for one in alarms.active_alarms()]


def test_an_alarm_comes_and_goes_once(alarms):
    alarms.raise_alarm("line", "6100023", "unplugged", NOON)
    alarms.raise_alarm("line", "6100023", "still unplugged", NOON)
    alarms.raise_alarm("disk", "", "2 GB left", NOON)
    alarms.clear_alarm("disk", "", NOON)
    alarms.clear_alarm("never_raised", "", NOON)
    assert standing(alarms) == [("line", "6100023", "unplugged", AlarmState.RAISED)]
    alarms.clear_alarm("line", "6100023", NOON)
    assert standing(alarms) == []
    alarms.raise_alarm("line", "6100023", "again", NOON)
    assert standing(alarms) == [("line", "6100023", "again", AlarmState.RAISED)]


def test_who_took_an_alarm_on_first_stays_on_record(alarms):
    later = NOON + timedelta(minutes=1)
    alarms.raise_alarm("store", "", "locked", NOON)
    alarms.escalate_alarm("store", "", "station", "nobody took it on", NOON)
    alarms.acknowledge_alarm("store", "", "Wang", "I restart it", NOON)
    alarms.acknowledge_alarm("store", "", "Li", "me too", later)
    alarms.escalate_alarm("store", "", "Li", "too late", later)
    (alarm,) = alarms.active_alarms()
    assert (alarm.state, alarm.acknowledged_by, alarm.acknowledged_why) == (
        AlarmState.ACKNOWLEDGED, "Wang", "I restart it",
    )  # fmt: skip
    assert (alarm.acknowledged_at, alarm.escalated_at) == (NOON, NOON)


def test_a_new_alarm_does_not_inherit_who_took_the_last_one(alarms):
    alarms.raise_alarm("store", "", "locked", NOON)
    alarms.acknowledge_alarm("store", "", "Wang", "I look", NOON)
    alarms.clear_alarm("store", "", NOON)
    alarms.raise_alarm("store", "", "locked again", NOON)
    assert standing(alarms) == [("store", "", "locked again", AlarmState.RAISED)]


def test_what_is_not_active_cannot_be_taken_on(alarms):
    alarms.acknowledge_alarm("store", "", "Wang", "I look", NOON)
    alarms.raise_alarm("store", "", "locked", NOON)
    assert standing(alarms) == [("store", "", "locked", AlarmState.RAISED)]
