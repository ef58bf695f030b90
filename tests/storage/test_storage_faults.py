"""Locked, moved, full, failing: acquisitions go on or are refused, and none is lost or doubled."""

import dataclasses
import errno
import os
import subprocess
from pathlib import Path

import pytest
from builders_storage import (
    SPECTROMETER,
    acquisition,
    conclusion,
    same,
    station_store,
    waiting,
    waiting_since_before,
    white_reference,
)
from pysqlite3 import dbapi2

from qc_daemon.domain.errors import InputError, IntegrityError, StoreUnavailable
from storage import sqlite_file
from storage.blobs import BlobStore
from storage.facts import content_sha256
from storage.fsck import check_station
from storage.inspection_store import Drained
from storage.journal import Journal
from storage.ledger_check import check_ledger


@pytest.fixture(autouse=True)
def short_wait(monkeypatch):
    """A locked database is given up on soon, so that the tests are."""
    monkeypatch.setattr(sqlite_file, "_WRITER_WAIT_S", 0.02)


def locked(station):
    """Another program that holds the database's write lock, like a shell left open in a transaction."""
    other = dbapi2.connect(station / "qc.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other


def test_acquisitions_go_on_while_the_database_is_locked(tmp_path):
    with station_store(tmp_path) as store:
        store.add_acquisition(acquisition(0))
        other = locked(tmp_path)
        waiting = [acquisition(seed) for seed in (1, 2, 3)]
        assert [store.add_acquisition(about).number for about in waiting] == [2, 3, 4]
        assert store.drain() == 3
        assert same(store.load_acquisition(3), waiting[1])  # from the journal
        with pytest.raises(InputError, match="inspection 3 is UNDECIDED"):
            store.load_conclusion(3)
        assert store.unconcluded() == [1, 2, 3, 4]
        assert check_station(tmp_path).ok
        other.execute("ROLLBACK")
        assert store.recover().drained == Drained((2, 3, 4), (), ())
        assert same(store.load_acquisition(3), waiting[1])  # from the database
        assert store.unconcluded() == [1, 2, 3, 4]
    assert check_station(tmp_path).ok


def test_a_conclusion_about_a_waiting_acquisition_waits_too(tmp_path):
    with station_store(tmp_path) as store:
        other = locked(tmp_path)
        about = acquisition()
        number = store.add_acquisition(about).number
        stored = conclusion(about)
        with pytest.raises(StoreUnavailable, match="acquisition 1 still waits in the journal"):
            store.add_conclusion(number, stored)
        assert store.accepting
        other.execute("ROLLBACK")
        store.add_conclusion(number, stored)
        assert same(store.load_conclusion(number), stored)


def test_a_reference_that_cannot_be_stored_is_refused_and_the_old_one_stays(tmp_path):
    with station_store(tmp_path) as store:
        old = white_reference(1)
        store.add_reference(old)
        other = locked(tmp_path)
        with pytest.raises(StoreUnavailable, match="database is locked"):
            store.add_reference(white_reference(2))
        assert same(store.current_reference(SPECTROMETER.serial), old)
        other.execute("ROLLBACK")


def test_a_reference_that_waited_with_its_acquisition_does_not_replace_a_newer_one(tmp_path):
    with station_store(tmp_path) as store:
        other = locked(tmp_path)
        store.add_acquisition(acquisition(white=white_reference(1)))
        other.execute("ROLLBACK")
        new = white_reference(2)
        store.add_reference(new)
        store.recover()
        assert same(store.current_reference(SPECTROMETER.serial), new)


def test_a_station_starts_while_its_database_is_locked(tmp_path):
    with station_store(tmp_path) as store:
        store.add_acquisition(acquisition())
    other = locked(tmp_path)
    with station_store(tmp_path) as store:
        assert store.add_acquisition(acquisition()).number == 2
    other.execute("ROLLBACK")
    with station_store(tmp_path) as store:
        assert store.recover().drained == Drained((2,), (), ())
        assert store.add_acquisition(acquisition()).number == 3


def test_acquisitions_wait_while_the_database_file_is_away(tmp_path):
    """SQLite would write on into the moved file, and a copy put back would lack it."""
    path, away = tmp_path / "qc.sqlite3", tmp_path / "elsewhere.sqlite3"
    with station_store(tmp_path) as store:
        store.add_acquisition(acquisition())
        path.rename(away)
        assert store.add_acquisition(acquisition()).number == 2
        assert store.drain() == 1
        away.rename(path)
        assert store.recover().drained.stored == (2,)
    assert check_station(tmp_path).ok


def test_an_entry_that_is_in_the_database_already_is_not_stored_twice(tmp_path):
    """A crash between the commit and the removal leaves the journal file."""
    with station_store(tmp_path) as store:
        path = waiting(tmp_path, acquisition(), 1)
        content = path.read_bytes()
        assert store.recover().drained == Drained((1,), (), ())
        path.write_bytes(content)
        assert check_station(tmp_path).notes == (
            "acquisition 1 is stored; the next start removes it from the journal",
        )
        assert store.recover().drained == Drained((1,), (), ())
        assert store.unconcluded() == [1]
    assert check_station(tmp_path).ok


def test_other_facts_under_a_stored_number_and_id_are_kept_aside(tmp_path):
    about = acquisition()
    with station_store(tmp_path) as store:
        store.add_acquisition(about)
        waiting(tmp_path, dataclasses.replace(about, acquire_seconds=9.0), 1)
        assert store.recover().drained.quarantined == (1,)
        assert "already stored with other facts" in store.active_alarms()[0].message
        assert same(store.load_acquisition(1), about)


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"x" + data[1:]])
def test_a_damaged_entry_goes_into_quarantine_with_its_reason_and_the_next_ones_go_on(tmp_path, damage):
    with station_store(tmp_path) as store:
        other = locked(tmp_path)
        for _ in range(3):
            store.add_acquisition(acquisition())
        path = sorted((tmp_path / "journal").iterdir())[1]
        path.write_bytes(damage(path.read_bytes()))
        other.execute("ROLLBACK")
        assert store.recover().drained == Drained((1, 3), (2,), ())
        assert (tmp_path / "quarantine" / path.name).exists()
        (alarm,) = store.active_alarms()
        assert (alarm.code, alarm.subject) == ("acquisition_quarantined", "2")
        assert "torn or altered" in alarm.message
        assert store.add_acquisition(acquisition()).number == 4
    report = check_station(tmp_path)
    assert report.ok, report.problems
    assert report.checked.quarantine == 1


def test_the_number_of_a_quarantined_acquisition_is_not_given_again(tmp_path):
    with station_store(tmp_path) as store:
        other = locked(tmp_path)
        store.add_acquisition(acquisition())
        next((tmp_path / "journal").iterdir()).write_bytes(b"")
        other.execute("ROLLBACK")
        store.drain()
    with station_store(tmp_path) as store:
        assert store.add_acquisition(acquisition()).number == 2


def test_a_quarantined_number_is_remembered_when_its_file_is_taken_away(tmp_path):
    about = acquisition()
    with station_store(tmp_path) as store:
        store.add_acquisition(about)
        with pytest.raises(IntegrityError, match="it is in quarantine"):
            store.add_acquisition(about)
    for file in (tmp_path / "quarantine").iterdir():
        file.unlink()
    with station_store(tmp_path) as store:
        assert store.add_acquisition(acquisition()).number == 3


def test_the_same_acquisition_again_is_kept_aside(tmp_path):
    about = acquisition()
    with station_store(tmp_path) as store:
        store.add_acquisition(about)
        with pytest.raises(IntegrityError, match="it is in quarantine"):
            store.add_acquisition(about)
        assert "already stored as number 1" in store.active_alarms()[0].message
        assert store.add_acquisition(acquisition()).number == 3
    assert check_station(tmp_path).ok


def test_a_quarantined_file_without_a_row_gets_one_at_the_next_start(tmp_path):
    with station_store(tmp_path) as store:
        path = waiting(tmp_path, acquisition(), 1)
        Journal(tmp_path / "journal", tmp_path / "quarantine").quarantine(path, "by hand")
        assert check_station(tmp_path).notes == (
            f"quarantine: {path.name} has no row yet; the next start records it",
        )
        store.recover()
        assert store.active_alarms()[0].message == f"{path.name}: by hand"
    assert check_station(tmp_path).notes == ()


def test_recovery_sweeps_what_was_never_accepted(tmp_path):
    with station_store(tmp_path) as store:
        store.add_acquisition(acquisition())
        for folder in ("journal", "quarantine", "blobs/incoming"):
            (tmp_path / folder / "half.tmp").write_bytes(b"ha")
        assert store.recover().unfinished_files == 3
        assert list(tmp_path.rglob("*.tmp")) == []


def failing(code: int):
    def fail(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_after_a_failed_flush_nothing_is_accepted_until_a_restart(tmp_path, monkeypatch):
    with station_store(tmp_path) as store:
        about = acquisition()
        number = store.add_acquisition(about).number
        with monkeypatch.context() as faulty:
            faulty.setattr(os, "fsync", failing(errno.EIO))
            with pytest.raises(StoreUnavailable, match="Input/output error"):
                store.add_acquisition(acquisition())
        with pytest.raises(StoreUnavailable, match=r"until a restart: .*Input/output error"):
            store.add_acquisition(acquisition())
        with pytest.raises(StoreUnavailable, match="until a restart"):
            store.add_conclusion(number, conclusion(about))
        assert not store.accepting
    with station_store(tmp_path) as store:
        assert store.add_acquisition(acquisition()).number == 2
    assert check_station(tmp_path).ok


def test_a_flush_that_fails_after_acceptance_keeps_the_acquisition_for_the_next_start(tmp_path, monkeypatch):
    about = acquisition()
    with station_store(tmp_path) as store:
        waiting_since_before(tmp_path, about, 1)
        with monkeypatch.context() as faulty:
            faulty.setattr(os, "fsync", failing(errno.EIO))
            with pytest.raises(StoreUnavailable, match="blobs"):
                store.drain()
        assert not store.accepting
    with station_store(tmp_path) as store:
        assert store.recover().drained.stored == (1,)
        assert same(store.load_acquisition(1), about)


def test_nothing_of_an_acquisition_is_in_the_database_before_it_is_on_disk(tmp_path, monkeypatch):
    """Rows are written while the disk takes the bytes; when it refuses them they must go again."""
    with station_store(tmp_path) as store:
        store.add_acquisition(acquisition())
        head = store.ledger_head()
        with monkeypatch.context() as faulty:
            faulty.setattr(os, "fsync", failing(errno.EIO))
            with pytest.raises(StoreUnavailable, match="is not accepted"):
                store.add_acquisition(acquisition(1))
        assert store.ledger_head() == head
        assert store.unconcluded() == [1]
    report = check_station(tmp_path)
    assert (report.ok, report.notes) == (True, ()), report


def test_an_acquisition_whose_contents_are_gone_is_kept_aside(tmp_path):
    """On a disk that keeps names in no order, a power cut may leave the entry alone, never accepted."""
    with station_store(tmp_path):
        about = acquisition()
        waiting(tmp_path, about, 1)
        image = BlobStore(tmp_path / "blobs").path_of(content_sha256(about.frame.encoded))
        image.unlink()
    with station_store(tmp_path) as store:
        assert check_station(tmp_path).problems == (
            f"{image} is missing; acquisition 1, which waits, needs it",
        )
        assert store.recover().drained == Drained((), (1,), ())
        assert f"{image} is missing" in store.active_alarms()[0].message
        assert store.add_acquisition(acquisition(1)).number == 2
    assert check_station(tmp_path).ok


def test_the_journal_of_older_software_is_drained_after_an_upgrade(tmp_path):
    """Its entries hold their contents themselves."""
    abouts = [acquisition(seed, white=white_reference()) for seed in range(3)]
    with station_store(tmp_path):
        pass
    for number, about in enumerate(abouts, 1):
        waiting_since_before(tmp_path, about, number)
    assert check_station(tmp_path).ok
    with station_store(tmp_path) as store:
        assert same(store.load_acquisition(2), abouts[1])  # from the journal
        assert store.recover().drained == Drained((1, 2, 3), (), ())
        for number, about in enumerate(abouts, 1):
            assert same(store.load_acquisition(number), about)
            store.add_conclusion(number, conclusion(about))
        assert store.add_acquisition(acquisition(3)).number == 4
    report = check_station(tmp_path)
    assert (report.ok, report.notes) == (True, ()), report
    assert check_ledger(tmp_path).problems == ()


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 1.5 MB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small file system is not permitted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_refuses_before_anything_is_lost_and_goes_on_when_freed(tiny_disk):
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(bytes(500_000))
    station = tiny_disk / "station"
    accepted: dict[int, str] = {}
    with station_store(station) as store:
        with pytest.raises(StoreUnavailable, match=r"the disk is full, .* the acquisition is not accepted"):
            for seed in range(1000):
                about = acquisition(seed)
                accepted[store.add_acquisition(about).number] = about.id
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            store.drain()  # so that the alarm of the station stays
        assert store.accepting  # no restart is wanted
        report = check_station(station)
        assert report.ok, report.problems
        ballast.unlink()
        assert store.drain() == 0
        about = acquisition()
        accepted[store.add_acquisition(about).number] = about.id
        assert {number: store.load_acquisition(number).id for number in accepted} == accepted
        assert list(accepted) == list(range(1, len(accepted) + 1))
    assert len(accepted) > 3
    report = check_station(station)
    assert (report.ok, report.notes) == (True, ()), report


def full_for(part: str):
    """An open of files that finds no room for those of one part of the station."""
    real_open = Path.open

    def full(path: Path, *arguments, **options):
        if part in path.parts:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_open(path, *arguments, **options)

    return full


@pytest.mark.parametrize("part", ["incoming", "journal"])
def test_without_room_for_one_of_its_files_nothing_of_an_acquisition_stays(tmp_path, monkeypatch, part):
    """Others may fill the disk between the look for room and the writing."""
    with station_store(tmp_path) as store:
        with monkeypatch.context() as faulty:
            faulty.setattr(Path, "open", full_for(part))
            with pytest.raises(StoreUnavailable, match=r"No space left .* the acquisition is not accepted"):
                store.add_acquisition(acquisition())
        assert list(tmp_path.rglob("*.tmp")) == []
        assert store.accepting
        assert store.add_acquisition(acquisition()).number == 1
    report = check_station(tmp_path)
    assert (report.ok, report.notes) == (True, ()), report


def test_what_older_software_accepted_waits_while_its_contents_have_no_room(tmp_path, monkeypatch):
    about = acquisition()
    with station_store(tmp_path) as store:
        waiting_since_before(tmp_path, about, 1)
        with monkeypatch.context() as faulty:
            faulty.setattr(Path, "open", full_for("incoming"))
            assert store.drain() == 1
            assert same(store.load_acquisition(1), about)
        assert store.accepting
        assert store.drain() == 0
        assert same(store.load_acquisition(1), about)
    assert check_station(tmp_path).ok


def test_a_database_without_room_keeps_acquisitions_waiting(tmp_path):
    with station_store(tmp_path) as store:
        store.add_acquisition(acquisition(0))
        with store._writing_engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        while not store.drain():
            store.add_acquisition(acquisition())
        assert store.accepting
        with store._writing_engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert store.drain() == 0
    assert check_station(tmp_path).ok
