"""Calibration as rows: what was known at a moment, charts, resets, and stations of the schema before."""

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest
from builders_storage import (
    NOON,
    SPECTROMETER,
    acquisition,
    check_run,
    conclusion,
    dark_reference,
    same,
    station_store,
    white_reference,
)
from old_stations import take_back
from pysqlite3 import dbapi2

from qc_daemon.domain.calibration import CheckKind, CheckRun, CheckValue, ControlReset
from qc_daemon.domain.control_charts import ChartPoint
from qc_daemon.domain.errors import IntegrityError
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import Tolerance
from storage.database_url import database_url
from storage.fsck import check_station
from storage.history import run_query
from storage.schema import current, newest_revision

WHITE = white_reference(102)
SERIAL = SPECTROMETER.serial


def a_run(minute: float, *rules: str, kind: CheckKind = CheckKind.TILE, **changes: object) -> CheckRun:
    """A check `minute` minutes after noon whose values broke these rules."""
    values = tuple(
        CheckValue(1000.0 + 100.0 * place, 0.5, 0.5 + minute / 1000.0, rule)
        for place, rule in enumerate(rules)
    )
    at = NOON + timedelta(minutes=minute)
    return check_run(WHITE, kind=kind, standard_id="GREY-1", done_at=at, values=values, **changes)


def codes(store, minute: float) -> list[ReasonCode]:
    standing = store.calibration_standing(SERIAL, NOON + timedelta(minutes=minute))
    return [reason.code for reason in standing.out_of_control]


@pytest.fixture
def store(tmp_path: Path):
    with station_store(tmp_path / "station") as opened:
        opened.add_reference(WHITE)
        yield opened


def test_nothing_is_held_against_a_spectrometer_that_was_never_checked(store) -> None:
    standing = store.calibration_standing(SERIAL, NOON)
    assert standing.out_of_control == () and standing.reconnected_at is None


def test_a_check_out_of_control_holds_from_its_time_until_one_in_control(store) -> None:
    for run in (a_run(1, ""), a_run(3, "", "2_2s"), a_run(5, "", "")):
        store.add_check(run)
    assert [codes(store, minute) for minute in (0, 2, 3, 4, 5)] == [
        [],
        [],
        [ReasonCode.TILE_OUT_OF_CONTROL],
        [ReasonCode.TILE_OUT_OF_CONTROL],
        [],
    ]


def test_the_reason_names_band_and_rule(store) -> None:
    store.add_check(a_run(1, "", "2_2s", "ewma"))
    standing = store.calibration_standing(SERIAL, NOON + timedelta(minutes=2))
    assert standing.out_of_control == (Reason(ReasonCode.TILE_OUT_OF_CONTROL, "1100 nm, 2_2s"),)


def test_each_kind_of_check_speaks_for_itself(store) -> None:
    store.add_check(a_run(1, "1_3s", kind=CheckKind.WAVELENGTH))
    store.add_check(a_run(2, "limit"))
    assert codes(store, 3) == [ReasonCode.TILE_OUT_OF_CONTROL, ReasonCode.WAVELENGTH_OUT_OF_CONTROL]
    store.add_check(a_run(4, "", kind=CheckKind.WAVELENGTH))
    assert codes(store, 5) == [ReasonCode.TILE_OUT_OF_CONTROL]


def test_another_spectrometer_is_not_meant(store) -> None:
    other = dataclasses.replace(SPECTROMETER, serial="other")
    store.add_check(a_run(1, "limit", instrument=other))
    assert codes(store, 2) == []


def test_a_named_reset_lifts_it_from_then_on_and_begins_the_charts_anew(store) -> None:
    store.add_check(a_run(1, ""))
    store.add_check(a_run(2, "limit"))
    chart = (SERIAL, CheckKind.TILE, "GREY-1", 1000.0)
    assert store.chart(*chart) == (
        ChartPoint(pytest.approx(0.001), ""),
        ChartPoint(pytest.approx(0.002), "limit"),
    )
    store.reset_control(ControlReset(SERIAL, "Wang", "tile cleaned", NOON + timedelta(minutes=3)))
    assert codes(store, 2.5) == [ReasonCode.TILE_OUT_OF_CONTROL]
    assert codes(store, 3) == []
    assert store.chart(*chart) == ()
    store.add_check(a_run(4, "limit"))
    assert codes(store, 5) == [ReasonCode.TILE_OUT_OF_CONTROL]
    assert len(store.chart(*chart)) == 1


def test_charts_are_kept_apart_by_standard_and_place(store) -> None:
    store.add_check(a_run(1, "", ""))
    store.add_check(dataclasses.replace(a_run(2, ""), standard_id="GREY-2"))
    assert len(store.chart(SERIAL, CheckKind.TILE, "GREY-1", 1100.0)) == 1
    assert len(store.chart(SERIAL, CheckKind.TILE, "GREY-2", 1000.0)) == 1
    assert store.chart(SERIAL, CheckKind.WAVELENGTH, "GREY-1", 1000.0) == ()


def test_a_reconnection_is_known_from_its_moment_on(store) -> None:
    store.add_reconnection(SERIAL, NOON)
    store.add_reconnection(SERIAL, NOON + timedelta(minutes=10))
    before, between, after = (
        store.calibration_standing(SERIAL, NOON + timedelta(minutes=minute)).reconnected_at
        for minute in (-1, 5, 15)
    )
    assert (before, between, after) == (None, NOON, NOON + timedelta(minutes=10))
    assert store.calibration_standing("other", NOON).reconnected_at is None


def test_a_white_reference_that_is_stored_twice_has_its_conditions_once(store, tmp_path: Path) -> None:
    store.add_reference(WHITE)
    sql = "SELECT id, pga_gain, system_temperature_c FROM v_references"
    rows = run_query(database_url(tmp_path / "station" / "qc.sqlite3"), sql, 5.0, 9).rows
    assert rows == ((WHITE.id, 64, 31.5),)


def test_a_check_against_a_reference_that_is_not_stored_is_refused(store) -> None:
    with pytest.raises(IntegrityError, match=r"its white reference .* is not stored"):
        store.add_check(check_run(white_reference(103)))


def test_what_was_done_last_is_listed_for_each_spectrometer(store) -> None:
    store.add_dark(dark_reference())
    store.add_check(a_run(1, "limit"))
    (last,) = store.last_calibrations()
    assert (last.instrument, last.white_source, last.white_at) == (SPECTROMETER, "tile", WHITE.taken_at)
    assert last.dark_at == NOON - timedelta(minutes=10)
    assert (last.tile_at, last.tile_in_control) == (NOON + timedelta(minutes=1), False)
    assert (last.wavelength_at, last.wavelength_in_control) == (None, True)
    store.reset_control(ControlReset(SERIAL, "Wang", "tile cleaned", NOON + timedelta(minutes=2)))
    assert store.last_calibrations()[0].tile_in_control


def test_a_station_with_calibrations_keeps_its_promises_and_a_lost_scan_is_found(tmp_path: Path) -> None:
    station = tmp_path / "station"
    dark = dark_reference()
    with station_store(station) as store:
        store.add_reference(WHITE)
        store.add_dark(dark)
        store.add_check(check_run(WHITE))
    assert check_station(station).problems == ()
    for blob in (station / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()
    assert any(f"calibration scan {dark.id}" in problem for problem in check_station(station).problems)


def test_a_check_whose_word_does_not_fit_its_values_is_found(tmp_path: Path) -> None:
    station = tmp_path / "station"
    with station_store(station) as store:
        store.add_reference(WHITE)
        store.add_check(a_run(1, "limit"))
    database = dbapi2.connect(station / "qc.sqlite3")
    database.execute("UPDATE check_runs SET in_control = 1")
    database.commit()
    database.close()
    assert any("do not agree with whether it is in control" in one for one in check_station(station).problems)


RULE_OF_BEFORE = Tolerance("GB/T 29862-2013", "1", "GB/T 29862-2013, 7.4", 5.0, 10.0, 3.0)


def test_a_station_of_the_schema_before_keeps_its_data_and_can_be_checked(tmp_path: Path) -> None:
    station, about = tmp_path / "station", acquisition(0, white=WHITE)
    drawn = conclusion(about, tolerance=RULE_OF_BEFORE)
    with station_store(station) as store:
        store.add_conclusion(store.add_acquisition(about).number, drawn)
    path = station / "qc.sqlite3"
    take_back(path, "0002")
    assert current(database_url(path)) == "0002"
    with station_store(station) as store:
        assert current(database_url(path)) == newest_revision()
        assert same(store.load_acquisition(1), about)
        assert same(store.load_conclusion(1), drawn)
        store.add_check(a_run(1, "limit"))
        assert codes(store, 2) == [ReasonCode.TILE_OUT_OF_CONTROL]
    rows = run_query(database_url(path), "SELECT id, config_name, inspections FROM v_references", 5.0, 9).rows
    assert rows == ((WHITE.id, None, 1),)
    assert check_station(station).ok


def test_a_spectrometer_that_warms_up_is_known_to_have_done_so(tmp_path):
    def events_at(store, *named):
        for minute, code in named:
            store.add_event(code, "spectrometer", "serial 1", NOON + timedelta(minutes=minute))

    with station_store(tmp_path / "station") as store:
        events_at(
            store, (0, "instrument_warming"), (3, "instrument_needs_reference"), (4, "instrument_ready")
        )
        standing = [
            store.calibration_standing("1", NOON + timedelta(minutes=minute)).warming for minute in (-1, 1, 5)
        ]
        assert standing == [False, True, False]
        events_at(store, (10, "instrument_warming"))  # and then the station was killed
        assert store.calibration_standing("1", NOON + timedelta(minutes=20)).warming
        assert not store.calibration_standing("1", NOON + timedelta(minutes=41)).warming
