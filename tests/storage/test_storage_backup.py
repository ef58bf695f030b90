"""A backup of a station at work is whole, grows by what is new, and comes back as it was."""

import threading

import pytest
from builders_storage import acquisition, conclusion, same, station_store, waiting

from qc_daemon.domain.errors import InputError, IntegrityError
from storage.backup import backup_station, restore_station
from storage.fsck import check_station


@pytest.fixture
def station(tmp_path):
    folder = tmp_path / "station"
    with station_store(folder) as store:
        for seed in range(3):
            about = acquisition(seed)
            store.add_conclusion(store.add_acquisition(about).number, conclusion(about))
    return folder


def test_a_backup_comes_back_as_it_was(station, tmp_path):
    done = backup_station(station, tmp_path / "backup")
    assert (done.found.ok, done.found.checked.acquisitions) == (True, 3)
    restored = tmp_path / "restored"
    assert restore_station(tmp_path / "backup", restored).ok
    with station_store(station) as before, station_store(restored) as after:
        for number in (1, 2, 3):
            assert same(before.load_acquisition(number), after.load_acquisition(number))
            assert same(before.load_conclusion(number), after.load_conclusion(number))
        assert after.add_acquisition(acquisition(9)).number == 4


def test_a_second_backup_copies_only_what_is_new(station, tmp_path):
    backup_station(station, tmp_path / "backup")
    assert backup_station(station, tmp_path / "backup").copied_files == 0
    with station_store(station) as store:
        store.add_acquisition(acquisition(7))
    again = backup_station(station, tmp_path / "backup")
    assert 0 < again.copied_files <= 4
    assert again.found.checked.acquisitions == 4


def test_a_station_is_copied_whole_while_it_writes(station, tmp_path):
    stop = threading.Event()
    with station_store(station) as store:

        def work():
            seed = 100
            while not stop.is_set():
                about = acquisition(seed)
                store.add_conclusion(store.add_acquisition(about).number, conclusion(about))
                seed += 1

        worker = threading.Thread(target=work)
        worker.start()
        try:
            found = [backup_station(station, tmp_path / "backup").found for _ in range(3)]
        finally:
            stop.set()
            worker.join()
    assert all(report.ok for report in found)
    counts = [report.checked.acquisitions for report in found]
    assert counts == sorted(counts)
    assert counts[0] >= 3


def test_what_waits_in_the_journal_is_copied_too(station, tmp_path):
    waiting(station, acquisition(5), 4)
    done = backup_station(station, tmp_path / "backup")
    assert (done.found.ok, done.found.checked.journal) == (True, 1)
    restore_station(tmp_path / "backup", tmp_path / "restored")
    with station_store(tmp_path / "restored") as store:
        assert store.recover().drained.stored == (4,)


def test_a_backup_is_never_restored_over_a_station(station, tmp_path):
    backup_station(station, tmp_path / "backup")
    before = (station / "qc.sqlite3").read_bytes()
    with pytest.raises(InputError, match="is not empty; expected a folder without a station"):
        restore_station(tmp_path / "backup", station)
    assert (station / "qc.sqlite3").read_bytes() == before


def test_a_damaged_backup_is_not_put_in_place(station, tmp_path):
    backup_station(station, tmp_path / "backup")
    next((tmp_path / "backup" / "blobs").glob("??/*.zst")).write_bytes(b"damaged")
    with pytest.raises(IntegrityError, match="is damaged"):
        restore_station(tmp_path / "backup", tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_a_restore_that_was_killed_is_begun_anew(station, tmp_path):
    backup_station(station, tmp_path / "backup")
    (tmp_path / "restored.unfinished" / "blobs").mkdir(parents=True)
    assert restore_station(tmp_path / "backup", tmp_path / "restored").ok
    assert check_station(tmp_path / "restored").ok


@pytest.mark.parametrize("target", ["station", "other"])
def test_a_folder_that_is_no_backup_is_left_alone(station, tmp_path, target):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.doc").write_text("mine")
    with pytest.raises(InputError, match="expected"):
        backup_station(station, tmp_path / target)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.doc"]


def test_a_folder_without_a_database_cannot_be_restored(tmp_path):
    with pytest.raises(InputError, match=r"has no qc\.sqlite3"):
        restore_station(tmp_path, tmp_path / "restored")


def test_a_backup_may_lie_inside_the_station(station):
    target = station / "backup"
    backup_station(station, target)
    assert backup_station(station, target).found.ok
    assert not (target / "backup").exists()
