"""Corrections: views show what an inspection is called now, and the facts stay."""

from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from builders_storage import NOON, acquisition, conclusion, same, station_store
from pysqlite3 import dbapi2

from qc_daemon.domain.corrections import CorrectedField, Correction
from qc_daemon.domain.errors import InputError, LabelError
from storage.fsck import check_station
from storage.lab_results import confirmed_specimens, import_lab_file
from storage.ledger_check import check_ledger
from storage.period_rows import day_record, lot_record
from storage.report_reader import SqlReportReader


@pytest.fixture
def station(tmp_path) -> Path:
    """A stopped station with two inspections of lot L1, roll R1, labelled cotton 60 polyester 40."""
    folder = tmp_path / "station"
    with station_store(folder) as store:
        for seed in range(2):
            about = acquisition(seed)
            store.add_conclusion(store.add_acquisition(about).number, conclusion(about))
    return folder


def correction(field: CorrectedField, value: str, number: int = 1) -> Correction:
    return Correction(number, field, value, "Li Na", "roll card swapped", NOON)


def rows(station: Path, query: str) -> list[tuple]:
    with closing(dbapi2.connect(station / "qc.sqlite3")) as connection:
        return connection.execute(query).fetchall()


def correct(station: Path, *corrections: Correction) -> None:
    with station_store(station) as store:
        for one in corrections:
            store.add_correction(one)


def test_views_show_the_corrected_value_and_say_so(station):
    correct(
        station,
        correction(CorrectedField.LOT, "L2"),
        correction(CorrectedField.ROLL, "R7"),
        correction(CorrectedField.SPECIMEN, "S-9"),
        correction(CorrectedField.POSITION_M, "20"),
    )
    columns = "number, specimen, lot, roll, position_m, corrected"
    assert rows(station, f"SELECT {columns} FROM v_inspections ORDER BY number") == [
        (1, "S-9", "L2", "R7", 20.0, 1),
        (2, "S-1", "L1", "R1", 12.5, 0),
    ]
    assert rows(station, "SELECT lot, roll, inspections FROM v_rolls ORDER BY lot") == [
        ("L1", "R1", 1),
        ("L2", "R7", 1),
    ]
    assert {lot for (lot,) in rows(station, "SELECT lot FROM v_defects WHERE number = 1")} == {"L2"}


def test_the_facts_and_each_old_value_stay_readable(station):
    correct(station, correction(CorrectedField.LOT, "L2"), correction(CorrectedField.LOT, "L3"))
    assert rows(station, "SELECT lot FROM acquisitions WHERE number = 1") == [("L1",)]
    columns = "field, old_value, value, who, why, is_current"
    assert rows(station, f"SELECT {columns} FROM v_corrections") == [
        ("lot", "L1", "L2", "Li Na", "roll card swapped", 0),
        ("lot", "L2", "L3", "Li Na", "roll card swapped", 1),
    ]
    assert rows(station, "SELECT actor FROM v_ledger WHERE kind = 'correction'") == [("Li Na",)] * 2
    assert check_ledger(station).problems == ()
    report = check_station(station)
    assert report.ok, report.problems


def test_a_corrected_label_serves_the_next_conclusion_and_the_first_stays_judged_by_its_own(station):
    correct(station, correction(CorrectedField.LABEL, "cotton 90 polyester 10"))
    with station_store(station) as store:
        about = store.load_acquisition(1)
        assert about.specimen.label.text == "cotton 90 polyester 10"
        store.add_conclusion(1, conclusion(about))
    verdicts = rows(station, "SELECT outcome FROM conclusions WHERE acquisition_number = 1 ORDER BY sequence")
    assert verdicts == [("PASS",), ("FAIL",)]
    declared = "SELECT fibre, declared_percent FROM v_fibre_shares WHERE number = 1 ORDER BY fibre"
    assert rows(station, declared) == [("cotton", 90.0), ("polyester", 10.0)]
    report = check_station(station)
    assert report.ok, report.problems
    assert check_ledger(station).problems == ()


def test_what_was_measured_comes_back_as_it_was(station):
    with station_store(station) as store:
        before = store.load_acquisition(2)
        store.add_correction(correction(CorrectedField.LOT, "L2"))
        assert same(store.load_acquisition(2), before)
        assert store.load_acquisition(1).scan.raw == acquisition(0).scan.raw


def test_inspections_are_found_by_what_they_are_called_now(station):
    correct(station, correction(CorrectedField.LOT, "L2"), correction(CorrectedField.SPECIMEN, "S-9"))
    with station_store(station) as store:
        assert [one.number for one in store.find("S-9")] == [1]
        assert [one.number for one in store.find("S-1")] == [2]
        assert [(one.number, one.lot) for one in store.of_lot("L2")] == [(1, "L2")]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (CorrectedField.POSITION_M, "abc", "expected metres"),
        (CorrectedField.POSITION_M, "inf", "expected metres"),
        (CorrectedField.LOT, "  ", "value is empty"),
    ],
)
def test_a_value_that_cannot_be_is_refused(field, value, expected):
    with pytest.raises(InputError, match=expected):
        correction(field, value)


def test_a_label_that_cannot_be_read_is_refused():
    with pytest.raises(LabelError):
        correction(CorrectedField.LABEL, "cotton 60 polyester 50")


def test_nobody_and_no_reason_are_refused():
    with pytest.raises(InputError, match="who is empty"):
        Correction(1, CorrectedField.LOT, "L2", "", "why", NOON)
    with pytest.raises(InputError, match="why is empty"):
        Correction(1, CorrectedField.LOT, "L2", "who", " ", NOON)


def test_a_correction_of_nothing_is_refused(station):
    with station_store(station) as store:
        with pytest.raises(InputError, match='lot is "L1" already'):
            store.add_correction(correction(CorrectedField.LOT, "L1"))
        with pytest.raises(InputError, match="inspection 99 does not exist"):
            store.add_correction(correction(CorrectedField.LOT, "L2", number=99))
        assert store.accepting


def test_a_name_that_was_changed_without_a_correction_is_found(station):
    with closing(dbapi2.connect(station / "qc.sqlite3")) as connection, connection:
        connection.execute("UPDATE identities SET lot = 'L9' WHERE acquisition_number = 2")
    (problem,) = check_ledger(station).problems
    assert problem == "identities: acquisition 2 is not called as its facts and corrections say"


def test_reports_and_laboratory_results_go_by_the_corrected_names(station, tmp_path):
    correct(
        station,
        correction(CorrectedField.LOT, "L2"),
        correction(CorrectedField.ROLL, "R7"),
        correction(CorrectedField.SPECIMEN, "S-9"),
        correction(CorrectedField.POSITION_M, "20"),
    )
    results = tmp_path / "lab.csv"
    results.write_text(
        "specimen,method,laboratory,date,basis,cotton,polyester\nS-9,m,SGS,2026-11-25,dry mass,61,39\n"
    )
    with station_store(station) as store:
        assert import_lab_file(store.transaction, results, "Li Na", NOON).never_inspected == ()
        with store.reading() as session:
            (figures,) = (one.figures for one in lot_record(session, "L2").inspections)
            assert (figures.specimen, figures.roll, figures.position_m) == ("S-9", "R7", 20.0)
            assert [one.number for one in lot_record(session, "L1").inspections] == [2]
            assert [(one.number, one.specimen) for one in confirmed_specimens(session)] == [(1, "S-9")]
            lots = {one.number: one.lot for one in day_record(session, accepted_on(store)).inspections}
            assert lots == {1: "L2", 2: "L1"}
        places = SqlReportReader(store).surroundings(1).positions
        assert [(place.number, place.position_m) for place in places] == [(1, 20.0)]


def test_a_lot_report_shows_each_conclusion_with_the_label_that_it_was_judged_by(station):
    correct(station, correction(CorrectedField.LABEL, "cotton 90 polyester 10"))
    with station_store(station) as store:
        with store.reading() as session:
            before = lot_record(session, "L1").inspections[0].figures.label
        about = store.load_acquisition(1)
        store.add_conclusion(1, conclusion(about))
        with store.reading() as session:
            after = lot_record(session, "L1").inspections[0].figures.label
    assert (before.percent_of("cotton"), after.percent_of("cotton")) == (60.0, 90.0)


def accepted_on(store) -> date:
    return store.find("1")[0].accepted_at.date()
