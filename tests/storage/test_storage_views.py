"""The views say what was stored, and docs/history.md says what the views are."""

import dataclasses
import hashlib
import re
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from builders_storage import (
    CAMERA,
    GB_TOLERANCE,
    NOON,
    SPECTROMETER,
    acquisition,
    check_run,
    composition,
    conclusion,
    dark_reference,
    refusal,
    specimen,
    station_store,
    unlabelled,
    white_reference,
)

from qc_daemon.domain.calibration import ControlReset
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.inspection import ReportFile
from qc_daemon.domain.verdict import judge
from storage.alarm_rows import SqlAlarmStore
from storage.database_url import database_url
from storage.history import QueryResult, run_query
from storage.views import VIEWS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "history.md").read_text("utf-8")
SECTIONS = re.split(r"^## ", DOCUMENT, flags=re.MULTILINE)
OLD_WHITE, WHITE = white_reference(101), white_reference(102)


def failed(about):
    """Cotton is 80 % instead of 60 %."""
    answer = composition(80.0)
    return conclusion(
        about, composition=answer, verdict=judge(answer, about.specimen.label, GB_TOLERANCE, ())
    )


@pytest.fixture(scope="module")
def station(tmp_path_factory) -> Path:
    """Roll R1: a refusal that passed when judged again, and a fail. Roll R2: no label, and one undecided."""
    folder = tmp_path_factory.mktemp("station")
    with station_store(folder, now=lambda: NOON) as store:
        store.add_reference(OLD_WHITE)
        store.add_reference(WHITE)
        abouts = [
            acquisition(0, white=WHITE),
            acquisition(1, white=WHITE, specimen=specimen(id="S-2", position_m=40.0)),
            acquisition(2, white=WHITE, frame=None, specimen=unlabelled(id="S-3", roll="R2", position_m=3.0)),
            acquisition(3, white=None, specimen=specimen(id="S-4", roll="R2", position_m=1.0)),
        ]
        numbers = [store.add_acquisition(about).number for about in abouts]
        passed = conclusion(abouts[0], concluded_at=NOON + timedelta(hours=1))
        for number, drawn in (
            (numbers[0], refusal(abouts[0])),
            (numbers[0], passed),
            (numbers[1], failed(abouts[1])),
            (numbers[2], dataclasses.replace(conclusion(abouts[2]), defects=())),
        ):
            store.add_conclusion(number, drawn)
        report = folder / "reports" / "1.pdf"
        report.parent.mkdir()
        report.write_bytes(b"%PDF")
        sha256 = hashlib.sha256(b"%PDF").hexdigest()
        store.add_report(numbers[0], passed.id, ReportFile(str(report), "zh", sha256))
        alarms = SqlAlarmStore(store)
        alarms.raise_alarm("link_lost", SPECTROMETER.serial, "unplugged", NOON)
        alarms.clear_alarm("link_lost", SPECTROMETER.serial, NOON)
        alarms.raise_alarm("link_lost", SPECTROMETER.serial, "unplugged again", NOON)
        alarms.escalate_alarm("link_lost", SPECTROMETER.serial, "station", "nobody came", NOON)
        alarms.acknowledge_alarm("link_lost", SPECTROMETER.serial, "Wang", "new cable ordered", NOON)
        store.add_dark(dark_reference())
        store.add_check(check_run(WHITE))
        store.reset_control(ControlReset(SPECTROMETER.serial, "Wang", "new lamp", NOON))
        store.add_event("instrument_lost", "spectrometer", "serial 6460024: unplugged", NOON)
    return folder


@pytest.fixture
def ask(station):
    def answer(sql: str, time_limit_s: float = 5.0, row_limit: int = 100) -> QueryResult:
        return run_query(database_url(station / "qc.sqlite3"), sql, time_limit_s, row_limit)

    return answer


def test_every_view_and_column_is_documented_in_its_order(ask):
    documented = {
        section.split("\n", 1)[0]: re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
        for section in SECTIONS
        if section.startswith("v_")
    }
    assert documented == {name: list(ask(f"SELECT * FROM {name}").columns) for name in VIEWS}


def test_inspections_show_the_current_conclusion_and_what_is_undecided(ask):
    assert ask(
        "SELECT number, specimen, verdict, reasons, class, defects, conclusions, report,"
        " conclusion_id IS NULL FROM v_inspections"
    ).rows == (
        (1, "S-1", "PASS", "within_tolerance:cotton, within_tolerance:polyester", "cotton", 2, 2,
         "reports/1.pdf", 0),
        (2, "S-2", "FAIL", "outside_tolerance:cotton, outside_tolerance:polyester", "cotton", 2, 1, None, 0),
        (3, "S-3", "REFER", "no_label", "cotton", 0, 1, None, 0),
        (4, "S-4", "UNDECIDED", None, None, None, 0, None, 1),
    )  # fmt: skip


def test_inspections_name_their_instruments_reference_and_image(ask):
    assert ask(
        "SELECT spectrometer_serial, camera_serial, camera_expected, reference_id,"
        " image_sha256 IS NULL, label FROM v_inspections"
    ).rows == (
        (SPECTROMETER.serial, CAMERA.serial, 1, WHITE.id, 0, "cotton 60 polyester 40"),
        (SPECTROMETER.serial, CAMERA.serial, 1, WHITE.id, 0, "cotton 60 polyester 40"),
        (SPECTROMETER.serial, None, 1, WHITE.id, 1, None),
        (SPECTROMETER.serial, CAMERA.serial, 1, None, 0, "cotton 60 polyester 40"),
    )


def test_fibre_shares_are_compared_with_the_label(ask):
    assert ask("SELECT number, fibre, percent, declared_percent, deviation_pp FROM v_fibre_shares").rows == (
        (1, "cotton", 60.0, 60.0, 0.0),
        (1, "polyester", 40.0, 40.0, 0.0),
        (2, "cotton", 80.0, 60.0, 20.0),
        (2, "polyester", 20.0, 40.0, -20.0),
        (3, "cotton", 60.0, None, None),
        (3, "polyester", 40.0, None, None),
    )


def test_a_fibre_that_the_label_does_not_name_is_declared_with_nought(tmp_path):
    with station_store(tmp_path) as store:
        about = acquisition()
        answer = composition(
            main_fibre="wool", shares=(dataclasses.replace(composition(100.0).shares[0], fibre="wool"),)
        )
        store.add_conclusion(store.add_acquisition(about).number, conclusion(about, composition=answer))
    url = database_url(tmp_path / "qc.sqlite3")
    assert run_query(url, "SELECT fibre, declared_percent, deviation_pp FROM v_fibre_shares", 1, 9).rows == (
        ("wool", 0.0, 100.0),
    )


def test_rolls_and_lots_are_counted(ask):
    assert ask(
        "SELECT roll, inspections, passed, failed, referred, undecided, defects,"
        " first_position_m, last_position_m FROM v_rolls"
    ).rows == (("R1", 2, 1, 1, 0, 0, 4, 12.5, 40.0), ("R2", 2, 0, 0, 1, 1, 0, 1.0, 3.0))
    assert ask(
        "SELECT lot, rolls, inspections, passed, failed, referred, undecided, defects FROM v_lots"
    ).rows == (("L1", 2, 4, 1, 1, 1, 1, 4),)


def test_defects_of_a_replaced_conclusion_are_not_shown(ask):
    assert ask("SELECT number, kind, severity, x_px FROM v_defects").rows == (
        (1, "hole", "major", 3),
        (1, "slub", "minor", 9),
        (2, "hole", "major", 3),
        (2, "slub", "minor", 9),
    )


def test_references_instruments_models_and_alarms_are_counted(ask):
    assert ask("SELECT id, is_current, inspections FROM v_references").rows == (
        (OLD_WHITE.id, 0, 0),
        (WHITE.id, 1, 3),
    )
    assert (
        ask(
            "SELECT config_name, pga_gain, system_temperature_c, lamp_photodiode_counts FROM v_references"
        ).rows
        == (("hadamard", 64, 31.5, 812),) * 2
    )
    assert ask("SELECT kind, inspections, white_references FROM v_instruments").rows == (
        (SPECTROMETER.kind, 4, 2),
        (CAMERA.kind, 3, 0),
    )
    assert ask("SELECT role, conclusions, last_concluded_at FROM v_models").rows == (
        ("composition", 3, "2026-11-24T13:00:00.000000Z"),
        ("cleaner", 3, "2026-11-24T13:00:00.000000Z"),
    )
    assert ask("SELECT code, message, cleared_at, active FROM v_alarms").rows == (
        ("link_lost", "unplugged", "2026-11-24T12:00:00.000000Z", 0),
        ("link_lost", "unplugged again", None, 1),
    )


def test_darks_checks_and_resets_are_shown(ask):
    assert ask("SELECT instrument_serial, config_name, pga_gain FROM v_darks").rows == (
        (SPECTROMETER.serial, "hadamard", 64),
    )
    assert ask(
        "SELECT kind, position_nm, measured, residual, rule, in_control, reference_id FROM v_checks"
    ).rows == (
        ("wavelength", 1000.0, 1000.25, 0.25, "", 0, WHITE.id),
        ("wavelength", 1200.0, None, None, "not found", 0, WHITE.id),
    )
    assert ask("SELECT * FROM v_control_resets").rows == (
        (SPECTROMETER.serial, "Wang", "new lamp", "2026-11-24T12:00:00.000000Z"),
    )


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM acquisitions",
        "UPDATE conclusions SET outcome = 'PASS'",
        "INSERT INTO models VALUES (9, 'a', 'b', 'c')",
        "DROP VIEW v_inspections",
        "CREATE TEMP TABLE mine (x)",
        "ATTACH 'other.sqlite3' AS other",
        "VACUUM INTO 'copy.sqlite3'",
        "PRAGMA query_only = OFF",
        "BEGIN",
        "WITH x AS (SELECT 1) DELETE FROM models",
    ],
)
def test_everything_but_reading_is_refused(ask, station, sql, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = (station / "qc.sqlite3").read_bytes()
    with pytest.raises(InputError, match="expected one SELECT that only reads"):
        ask(sql)
    assert (station / "qc.sqlite3").read_bytes() == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC number", 'cannot be answered: near "SELEC": syntax error'),
        ("SELECT specimn FROM v_inspections", "no such column: specimn"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT load_extension('x')", "not authorized to use function: load_extension"),
        ("SELECT '\ud83d'", "surrogates not allowed"),
        ("", "gives no table"),
    ],
)
def test_a_question_that_cannot_be_read_is_one_line(ask, sql, message):
    with pytest.raises(InputError, match=message) as refused:
        ask(sql)
    assert "\n" not in str(refused.value)


def test_events_are_told_and_are_no_alarms(ask):
    (row,) = ask("SELECT happened_at, code, subject, message FROM v_events").rows
    assert row[1:] == ("instrument_lost", "spectrometer", "serial 6460024: unplugged")
    assert row[0].startswith("2026-11-24T12:00")
    assert ask("SELECT * FROM v_alarms WHERE code = 'instrument_lost'").rows == ()


def test_the_sqlite_of_python_reads_the_views_too(station):
    connection = sqlite3.connect(f"{(station / 'qc.sqlite3').as_uri()}?mode=ro", uri=True)
    for name in VIEWS:
        connection.execute(f"SELECT * FROM {name}").fetchall()
    connection.close()


def test_an_endless_question_is_given_up(ask):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(InputError, match=r"took longer than 0\.1 s"):
        ask(endless, time_limit_s=0.1)


def test_rows_beyond_the_limit_are_left_out_and_that_is_said(ask):
    all_rows, some_rows = (
        ask("SELECT number FROM v_inspections"),
        ask("SELECT number FROM v_inspections", row_limit=3),
    )
    assert (len(all_rows.rows), all_rows.truncated) == (4, False)
    assert (len(some_rows.rows), some_rows.truncated) == (3, True)
    assert not ask("SELECT number FROM v_inspections", row_limit=4).truncated


def test_a_question_is_answered_while_the_station_writes(station, ask):
    with station_store(station):
        assert ask("SELECT count(*) FROM v_inspections").rows == ((4,),)
