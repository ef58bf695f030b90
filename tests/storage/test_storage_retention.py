"""Bytes go by the rule and leave their hash; what is held, needed or used again stays."""

from datetime import timedelta

import pytest
from builders_storage import NOON, acquisition, conclusion, specimen, station_store, waiting
from pysqlite3 import dbapi2

from qc_daemon.domain.errors import InputError, Retired
from qc_daemon.domain.inspection import ReportFile
from qc_daemon.domain.retention import EvidenceKind, RetentionRule
from storage import sqlite_file
from storage.facts import content_sha256
from storage.fsck import check_station
from storage.retention import plan_retention, retire
from storage.retention_rows import set_hold

LATER = NOON + timedelta(days=100)
OLD = {kind: RetentionRule(max_age_days=30) for kind in EvidenceKind}
IMAGES = {EvidenceKind.IMAGE: RetentionRule(max_age_days=30)}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "station"


@pytest.fixture
def store(folder):
    """Lots L1 and L2, one inspection each with conclusion and report; a third has no report yet."""
    with station_store(folder, now=lambda: NOON) as opened:
        for seed, lot in enumerate(("L1", "L2", "L3")):
            about = acquisition(seed, specimen=specimen(lot=lot))
            number = opened.add_acquisition(about).number
            drawn = conclusion(about)
            opened.add_conclusion(number, drawn)
            if lot != "L3":
                path = folder / "reports" / f"{number}.pdf"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(f"%PDF {number}".encode())
                sha256 = content_sha256(path.read_bytes())
                opened.add_report(number, drawn.id, ReportFile(str(path), "en", sha256))
        yield opened


def retired(store) -> list[tuple[str, str]]:
    with store.reading() as session:
        query = "SELECT kind, rule FROM v_retired ORDER BY kind"
        return [tuple(row) for row in session.connection().exec_driver_sql(query)]


def test_old_bytes_go_and_hashes_results_and_the_rule_stay(store, folder):
    done = {one.kind: one.contents for one in retire(store, folder, OLD, LATER)}
    # The evidence and the mask of all three are one content each, which the third still needs.
    assert done == {EvidenceKind.RAW: 2, EvidenceKind.IMAGE: 4, EvidenceKind.REPORT: 2}
    assert set(retired(store)) == {
        ("raw", "raw older than 30 days"),
        ("image", "image older than 30 days"),
        ("report", "report older than 30 days"),
    }
    with pytest.raises(Retired, match="was retired on 2027-03-04: raw older than 30 days"):
        store.load_acquisition(1)
    assert store.find("1")[0].main_fibre == "cotton"
    assert not (folder / "reports" / "1.pdf").exists()
    assert check_station(folder).problems == ()


def test_what_still_needs_work_stays(store, folder):
    retire(store, folder, OLD, LATER)
    assert store.load_acquisition(3).frame is not None
    assert store.load_conclusion(3).cleaned is not None


def test_a_second_run_finds_nothing_more(store, folder):
    retire(store, folder, OLD, LATER)
    assert sum(one.contents for one in retire(store, folder, OLD, LATER + timedelta(days=1))) == 0


def test_a_plan_changes_nothing(store, folder):
    assert len(list(plan_retention(store.reading, folder, OLD, LATER))) == 8
    assert retired(store) == []
    assert store.load_acquisition(1).frame is not None


def test_a_held_lot_stays_until_it_is_released(store, folder):
    with store.transaction() as session:
        set_hold(session, "L1", True, "Wang", "complaint 7", LATER)
    retire(store, folder, IMAGES, LATER)
    assert store.load_acquisition(1).frame is not None
    with pytest.raises(Retired):
        store.load_acquisition(2)
    with store.transaction() as session:
        set_hold(session, "L1", False, "Wang", "settled", LATER)
    retire(store, folder, IMAGES, LATER)
    with pytest.raises(Retired):
        store.load_acquisition(1)
    with store.reading() as session:
        holds = session.connection().exec_driver_sql("SELECT lot, held, who, is_current FROM v_holds").all()
    assert holds == [("L1", 1, "Wang", 0), ("L1", 0, "Wang", 1)]


@pytest.mark.parametrize(
    ("lot", "held", "message"),
    [("L9", True, 'lot "L9": nothing of it was inspected'), ("L1", False, 'lot "L1" is not held')],
)
def test_a_hold_that_makes_no_sense_is_one_line(store, lot, held, message):
    with pytest.raises(InputError, match=message), store.transaction() as session:
        set_hold(session, lot, held, "Wang", "x", LATER)


def test_bytes_that_are_stored_again_are_no_longer_gone(store, folder):
    retire(store, folder, IMAGES, LATER)
    old = acquisition(0)
    store._now = lambda: LATER + timedelta(hours=1)  # accepted after the run
    number = store.add_acquisition(acquisition(0, frame=old.frame)).number
    retire(store, folder, IMAGES, LATER + timedelta(days=1))
    assert store.load_acquisition(number).frame.encoded == old.frame.encoded
    assert check_station(folder).problems == ()


def test_what_waits_in_the_journal_keeps_its_bytes(store, folder):
    """The same image again, accepted while the database did not answer: its row comes after the plan."""
    old = acquisition(0)
    store._now = lambda: LATER
    path = waiting(folder, acquisition(7, frame=old.frame), 4)
    retire(store, folder, IMAGES, NOON + timedelta(days=31))
    assert not path.exists()
    assert store.load_acquisition(4).frame.encoded == old.frame.encoded
    retire(store, folder, IMAGES, NOON + timedelta(days=40))
    assert check_station(folder).problems == ()


def test_nothing_goes_while_acquisitions_wait(store, folder, monkeypatch):
    monkeypatch.setattr(sqlite_file, "_WRITER_WAIT_S", 0.02)
    waiting(folder, acquisition(7, frame=acquisition(0).frame), 4)
    other = dbapi2.connect(folder / "qc.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert sum(one.contents for one in retire(store, folder, IMAGES, LATER)) == 0
    other.close()
    assert store.load_acquisition(1).frame is not None


def test_a_run_that_was_killed_before_it_deleted_is_made_good(store, folder, monkeypatch):
    def dies(_path):
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("storage.retention._delete", dies)
        with pytest.raises(KeyboardInterrupt):
            retire(store, folder, IMAGES, LATER)
    assert store.load_acquisition(1).frame is not None
    retire(store, folder, IMAGES, LATER)
    with pytest.raises(Retired):
        store.load_acquisition(1)


def test_what_is_missing_without_a_rule_is_still_a_problem(store, folder):
    retire(store, folder, IMAGES, LATER)
    sha256 = content_sha256(acquisition(1).scan.raw)
    store._blobs.path_of(sha256).unlink()
    (problem,) = check_station(folder).problems
    assert "is missing; acquisition 2 needs it" in problem
