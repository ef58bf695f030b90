"""Every broken promise is found from outside, and a station at work is not slandered."""

import hashlib
import re
import shutil
import threading
from pathlib import Path

import pytest
import zstandard
from builders_storage import (
    acquisition,
    composition,
    conclusion,
    new_id,
    refusal,
    station_store,
    unlabelled,
    waiting,
)
from pysqlite3 import dbapi2

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.inspection import ReportFile
from storage.fsck import FsckCounts, check_station
from storage.journal import Journal


@pytest.fixture
def station(tmp_path, finished_station) -> Path:
    """A copy of the stopped station, to be tampered with."""
    return shutil.copytree(finished_station, tmp_path / "station")


@pytest.fixture(scope="module")
def finished_station(tmp_path_factory) -> Path:
    """A stopped station: a pass with a report, a refusal, one without a label, one undecided."""
    folder = tmp_path_factory.mktemp("finished") / "station"
    with station_store(folder) as store:
        abouts = [acquisition(0), acquisition(1), acquisition(2, specimen=unlabelled()), acquisition(3)]
        numbers = [store.add_acquisition(about).number for about in abouts]
        passed = conclusion(abouts[0])
        store.add_conclusion(numbers[0], passed)
        store.add_conclusion(numbers[1], refusal(abouts[1]))
        store.add_conclusion(numbers[2], conclusion(abouts[2]))
        (folder / "reports").mkdir()
        report = folder / "reports" / "1.pdf"
        report.write_bytes(b"%PDF")
        sha256 = hashlib.sha256(b"%PDF").hexdigest()
        store.add_report(numbers[0], passed.id, ReportFile(str(report), "both", sha256))
    return folder


def tamper(station: Path, *statements: str) -> None:
    """Change the database behind the station's back."""
    connection = dbapi2.connect(station / "qc.sqlite3")
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def blob_of(station: Path, column: str, table: str = "acquisitions") -> Path:
    connection = dbapi2.connect(station / "qc.sqlite3")
    ((sha256,),) = connection.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT 1")
    connection.close()
    return station / "blobs" / sha256[:2] / f"{sha256}.zst"


def problem_of(station: Path) -> str:
    report = check_station(station)
    assert not report.ok
    return "\n".join(report.problems)


def test_a_station_that_kept_its_promises_is_ok(station):
    report = check_station(station)
    assert (report.ok, report.problems, report.notes) == (True, (), ())
    blobs = sum(1 for _ in (station / "blobs").rglob("*.zst"))
    assert report.checked == FsckCounts(0, 0, 4, 3, 4, 1, blobs)


def test_checking_changes_no_file(station):
    before = {path: path.read_bytes() for path in station.rglob("*") if path.is_file()}
    check_station(station)
    assert {path: path.read_bytes() for path in before} == before
    added = {path for path in station.rglob("*") if path.is_file()} - before.keys()
    # SQLite's own index of the write-ahead log, which is empty
    assert {path.name for path in added} <= {"qc.sqlite3-shm", "qc.sqlite3-wal"}
    assert (station / "qc.sqlite3-wal").stat().st_size == 0


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE acquisitions SET position_m = 13 WHERE number = 2", "acquisition 2: its row was altered"),
        (
            "UPDATE acquisitions SET accepted_at = '2026-11-25T00:00:00.000000Z' WHERE number = 2",
            "2: its row",
        ),
        ("UPDATE declared_fibres SET percent = 61 WHERE acquisition_number = 2", "acquisition 2: its row"),
        ("UPDATE instruments SET firmware = 'x'", "acquisition 1: its row was altered"),
        ("UPDATE acquisitions SET accepted_at = 'yesterday' WHERE number = 1", "a row cannot be read"),
        (
            "UPDATE conclusions SET outcome = 'FAIL' WHERE sequence = 1",
            "its verdict is FAIL, but .* give PASS",
        ),
        (
            "UPDATE conclusions SET outcome = 'PASS' WHERE sequence = 2",
            "its verdict is PASS, but .* give REFER",
        ),
        (
            "UPDATE conclusions SET max_deviation_pp = 1 WHERE sequence = 1",
            "verdict is PASS, but .* give REFER",
        ),
        (
            "UPDATE fibre_shares SET percent = 59, lo_percent = 58 WHERE position = 0",
            "shares sum to 99.000 %",
        ),
        ("DELETE FROM fibre_shares WHERE conclusion_sequence = 1", "shares sum to 0.000 %"),
        ("UPDATE reasons SET code = 'because' WHERE conclusion_sequence = 1", "'because' is not a valid"),
        ("UPDATE acquisitions SET white_reference_sequence = NULL WHERE number = 1", "no white reference"),
        ("UPDATE acquisitions SET number = 7 WHERE number = 4", "acquisition 4 to 6 is lost"),
        ("DELETE FROM white_references WHERE sequence = 1", "points at a row of white_references"),
        ("DELETE FROM open_work WHERE acquisition_number = 4", "4: the list .* wrong about its conclusion"),
        ("DELETE FROM open_work WHERE acquisition_number = 2", "2: the list .* wrong about its report"),
        ("UPDATE alembic_version SET version_num = '0999'", "has schema 0999, this software knows up to"),
    ],
)
def test_a_changed_row_is_found(station, statement, problem):
    tamper(station, statement)
    found = problem_of(station)
    assert re.search(problem, found), found


def test_a_lost_acquisition_is_found(station):
    tamper(
        station,
        "DELETE FROM reasons WHERE conclusion_sequence = 2",
        "DELETE FROM conclusion_grounds WHERE conclusion_sequence = 2",
        "DELETE FROM conclusions WHERE sequence = 2",
        "DELETE FROM identities WHERE acquisition_number = 2",
        "DELETE FROM declared_fibres WHERE acquisition_number = 2",
        "DELETE FROM open_work WHERE acquisition_number = 2",
        "DELETE FROM acquisitions WHERE number = 2",
    )
    assert problem_of(station) == "acquisition 2 is lost: neither in database, journal nor quarantine"


@pytest.mark.parametrize(
    ("column", "table"),
    [
        ("scan_sha256", "acquisitions"),
        ("image_sha256", "acquisitions"),
        ("tile_reflectance_sha256", "white_references"),
        ("evidence_sha256", "conclusions"),
        ("mask_sha256", "conclusions"),
        ("fill_sha256", "conclusions"),
    ],
)
def test_a_missing_or_exchanged_blob_is_found(station, column, table):
    blob = blob_of(station, column, table)
    blob.write_bytes(zstandard.compress(b"something else"))
    assert f"{blob} holds other bytes than its name says" in problem_of(station)
    blob.unlink()
    assert f"{blob} is missing; " in problem_of(station)


def test_an_altered_or_missing_report_is_found(station):
    report = station / "reports" / "1.pdf"
    report.write_bytes(b"%PDF, but better")
    assert problem_of(station) == f"{report}: report of acquisition 1 was altered"
    report.unlink()
    assert problem_of(station) == f"{report}: report of acquisition 1: No such file or directory"


def test_a_report_written_anew_replaces_the_older_one(station):
    report = station / "reports" / "1.pdf"
    report.write_bytes(b"%PDF two")
    with station_store(station) as store:
        stored = store.load_conclusion(1)
        store.add_report(
            1, stored.id, ReportFile(str(report), "both", hashlib.sha256(b"%PDF two").hexdigest())
        )
    assert check_station(station).ok


def test_a_blob_of_no_row_is_only_noted(station):
    with station_store(station) as store:
        store._blobs.put([b"written before a crash"])
    report = check_station(station)
    assert report.ok
    assert report.notes == ("1 blobs belong to no row: a crash or work under way leaves such",)


def journal_with(station: Path, number: int, acquisition_id: str) -> Path:
    return waiting(station, acquisition(9, id=acquisition_id), number)


def test_a_waiting_acquisition_is_only_noted(station):
    journal_with(station, 5, new_id())
    report = check_station(station)
    assert report.ok
    assert report.notes == ("acquisition 5 waits in the journal for the database",)
    assert report.checked.journal == 1


def test_a_torn_journal_file_is_found(station):
    path = journal_with(station, 5, new_id())
    path.write_bytes(path.read_bytes()[:-1])
    assert f"{path}: torn or altered" in problem_of(station)


def test_a_stray_file_in_the_journal_is_found(station):
    (station / "journal" / "notes.acq").write_text("")
    assert "notes.acq is not named NUMBER-ID.acq" in problem_of(station)


def test_a_number_given_twice_is_found(station):
    journal_with(station, 1, new_id())
    assert "acquisition 1 is stored with other facts than the journal has" in problem_of(station)


def test_a_number_that_is_twice_in_the_journal_is_found(station):
    journal_with(station, 5, new_id())
    journal_with(station, 5, new_id())
    assert "number 5 is twice in the journal" in problem_of(station)


def test_a_number_both_stored_and_quarantined_is_found(station):
    path = journal_with(station, 1, new_id())
    Journal(station / "journal", station / "quarantine").quarantine(path, "test")
    assert "number 1 was given to more than one acquisition" in problem_of(station)


def test_a_quarantined_file_that_is_gone_is_found(station):
    path = journal_with(station, 5, new_id())
    Journal(station / "journal", station / "quarantine").quarantine(path, "test")
    with station_store(station) as store:
        store.recover()
    assert check_station(station).ok
    (station / "quarantine" / path.name).unlink()
    assert f"{path.name} is recorded but its file is gone" in problem_of(station)


def test_a_damaged_database_file_is_found(station):
    path = station / "qc.sqlite3"
    data = bytearray(path.read_bytes())
    data[5 * 4096 : 5 * 4096 + 200] = b"\xff" * 200
    path.write_bytes(data)
    assert "database: " in problem_of(station) or "malformed" in problem_of(station)


def test_a_missing_database_is_found(station):
    (station / "qc.sqlite3").unlink()
    assert "qc.sqlite3 does not exist" in problem_of(station)


def test_a_missing_station_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="expected the folder of a station"):
        check_station(tmp_path / "nowhere")


def test_a_station_at_work_is_not_slandered(station):
    done = threading.Event()

    def work() -> None:
        with station_store(station) as store:
            seed = 10
            while not done.is_set():
                about = acquisition(seed)
                store.add_conclusion(
                    store.add_acquisition(about).number, conclusion(about, composition=composition(70.0))
                )
                seed += 1

    worker = threading.Thread(target=work)
    worker.start()
    try:
        reports = [check_station(station) for _ in range(8)]
    finally:
        done.set()
        worker.join()
    assert [report.problems for report in reports] == [()] * 8
    assert reports[-1].checked.acquisitions > reports[0].checked.acquisitions
