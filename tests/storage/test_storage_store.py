"""The store as the daemon uses it: numbers, idempotency, references, reports, lists, alarms."""

import dataclasses
import hashlib
import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from builders_storage import (
    DECODERS,
    NOON,
    SPECTROMETER,
    acquisition,
    composition,
    conclusion,
    new_id,
    refusal,
    same,
    scan,
    specimen,
    station_store,
    white_reference,
)
from sqlalchemy import event

from qc_daemon.domain.errors import InputError, IntegrityError, StoreUnavailable
from qc_daemon.domain.inspection import ReportFile
from qc_daemon.domain.spectrum import InstrumentIdentity
from qc_daemon.domain.verdict import Outcome
from storage.fsck import check_station
from storage.inspection_reader import open_inspections
from storage.station_folder import StationFolder, StationLock


@pytest.fixture
def station(tmp_path) -> Path:
    return tmp_path / "station"


def write_report(folder: Path, name: str, content: bytes) -> ReportFile:
    path = folder / "reports" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return ReportFile(str(path), "both", hashlib.sha256(content).hexdigest())


def test_numbers_count_up_from_one_and_go_on_after_a_restart(station):
    with station_store(station) as store:
        assert [store.add_acquisition(acquisition()).number for _ in range(3)] == [1, 2, 3]
    with station_store(station) as store:
        assert store.add_acquisition(acquisition()).number == 4


def test_an_acquisition_leaves_the_journal_once_it_is_in_the_database(station):
    with station_store(station) as store:
        store.add_acquisition(acquisition())
        assert list((station / "journal").iterdir()) == []


def test_concluding_twice_with_one_id_stores_one_conclusion(station):
    with station_store(station) as store:
        about = acquisition()
        number = store.add_acquisition(about).number
        stored = conclusion(about)
        store.add_conclusion(number, stored)
        store.add_conclusion(number, stored)
        (summary,) = store.find(str(number))
        assert summary.conclusion_id == stored.id
        assert same(store.load_conclusion(number), stored)


def test_a_second_conclusion_is_the_current_one_and_the_first_stays(station):
    with station_store(station) as store:
        about = acquisition()
        number = store.add_acquisition(about).number
        first = conclusion(about)
        # A clock that was set back does not make the newer opinion the older one.
        second = conclusion(about, composition=composition(80.0), concluded_at=NOON - timedelta(days=1))
        store.add_conclusion(number, first)
        report = write_report(station, "first.pdf", b"first")
        store.add_conclusion(number, second)
        store.add_report(number, first.id, report)  # possible only while the first is there
        assert same(store.load_conclusion(number), second)


def test_a_conclusion_about_another_acquisition_is_refused(station):
    with station_store(station) as store:
        one, other = acquisition(), acquisition()
        number = store.add_acquisition(one).number
        store.add_acquisition(other)
        with pytest.raises(IntegrityError, match=f"but number {number} is {one.id}"):
            store.add_conclusion(number, conclusion(other))
        with pytest.raises(IntegrityError, match="acquisition 99 does not exist"):
            store.add_conclusion(99, conclusion(one))
        assert store.unconcluded() == [1, 2]


def test_an_acquisition_without_a_conclusion_is_undecided(station):
    with station_store(station) as store:
        abouts = [acquisition() for _ in range(3)]
        numbers = [store.add_acquisition(about).number for about in abouts]
        store.add_conclusion(numbers[1], refusal(abouts[1]))
        assert store.unconcluded() == [numbers[0], numbers[2]]
        with pytest.raises(InputError, match="inspection 1 is UNDECIDED"):
            store.load_conclusion(numbers[0])
        assert [summary.outcome for summary in store.of_lot("L1")] == [None, Outcome.REFER, None]


def test_what_has_no_report_of_its_current_conclusion_is_unreported(station):
    with station_store(station) as store:
        abouts = [acquisition() for _ in range(3)]
        for about in abouts:
            store.add_acquisition(about)
        drawn = [conclusion(about) for about in abouts[:2]]
        for number, one in enumerate(drawn, start=1):
            store.add_conclusion(number, one)
        assert store.unreported() == [1, 2]  # 3 has nothing to report
        store.add_report(1, drawn[0].id, write_report(station, "1.pdf", b"one"))
        assert store.unreported() == [2]
        again = conclusion(abouts[0])
        store.add_conclusion(1, again)
        assert store.unreported() == [1, 2]
        store.add_report(1, drawn[0].id, write_report(station, "1-old.pdf", b"one, late"))
        assert store.unreported() == [1, 2]
        store.add_report(1, again.id, write_report(station, "1-new.pdf", b"another"))
        assert store.unreported() == [2]
    assert check_station(station).ok


def test_the_newest_reference_of_an_instrument_is_the_current_one(station):
    other = InstrumentIdentity("nirscan-nano", "NIRscan Nano", "999", "2.1.0")
    with station_store(station) as store:
        assert store.current_reference(SPECTROMETER.serial) is None
        old, of_other = white_reference(1), white_reference(2, instrument=other, scan=scan(2, "999"))
        # taken earlier by a clock that ran ahead, stored later: it is the valid one
        new = white_reference(3, taken_at=old.taken_at - timedelta(hours=1))
        for reference in (old, of_other, new):
            store.add_reference(reference)
        assert same(store.current_reference(SPECTROMETER.serial), new)
        assert same(store.current_reference("999"), of_other)


def test_storing_a_reference_twice_is_storing_it_once(station):
    with station_store(station) as store:
        old, new = white_reference(1), white_reference(2)
        for reference in (old, new, old):
            store.add_reference(reference)
        assert same(store.current_reference(SPECTROMETER.serial), new)


def test_another_reference_under_a_known_id_is_refused(station):
    with station_store(station) as store:
        first = white_reference(1)
        store.add_reference(first)
        with pytest.raises(IntegrityError, match="already stored with other facts"):
            store.add_reference(dataclasses.replace(first, tile_id="PTFE-13"))


def test_a_reference_that_came_with_an_acquisition_only_is_stored_with_it(station):
    with station_store(station) as store:
        white = white_reference(8)
        store.add_acquisition(acquisition(white=white))
        assert same(store.current_reference(SPECTROMETER.serial), white)


def test_reports_are_found_again_after_the_folder_moved(station, tmp_path):
    about = acquisition()
    with station_store(station) as store:
        number = store.add_acquisition(about).number
        stored = conclusion(about)
        store.add_conclusion(number, stored)
        report = write_report(station, "1.pdf", b"%PDF")
        store.add_report(number, stored.id, report)
        store.add_report(number, stored.id, report)
        assert store.find("1")[0].reports == (report,)
        with pytest.raises(IntegrityError, match="has no conclusion"):
            store.add_report(number, new_id(), report)
    moved = station.rename(tmp_path / "elsewhere")
    with station_store(moved) as store:
        (found,) = store.find("1")[0].reports
        assert Path(found.path).read_bytes() == b"%PDF"


def test_inspections_are_found_by_number_specimen_id_prefix_lot_and_time(station):
    times = [NOON]
    with station_store(station, now=lambda: times[-1]) as store:
        abouts = [
            acquisition(specimen=specimen(id=name, lot=lot))
            for name, lot in (("S-1", "L1"), ("S-2", "L2"), ("1", "L2"))
        ]
        for about in abouts:
            store.add_acquisition(about)
            times.append(times[-1] + timedelta(hours=1))

        def numbers(found):
            return [summary.number for summary in found]

        assert numbers(store.find("S-2")) == [2]
        assert numbers(store.find("1")) == [1, 3]  # number 1, and the specimen that is called so
        assert numbers(store.find(abouts[1].id[:13].upper())) == [2]
        assert numbers(store.find("%")) == []
        assert numbers(store.find("9" * 40)) == []
        assert numbers(store.of_lot("L2")) == [2, 3]
        assert numbers(store.accepted_between(NOON, NOON + timedelta(hours=2))) == [1, 2]


def test_a_second_writer_is_refused_and_told_who_writes(station):
    with (
        station_store(station),
        pytest.raises(StoreUnavailable, match=rf"already written by process {os.getpid()}"),
        station_store(station),
    ):
        pass


def test_the_lock_of_another_process_counts_and_ends_with_it(station):
    station.mkdir()
    program = (
        "import sys, pathlib\n"
        "from storage.station_folder import StationFolder, StationLock\n"
        "with StationLock(StationFolder(pathlib.Path(sys.argv[1]))):\n"
        "    print('locked', flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(station)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(StoreUnavailable, match=f"process {holder.pid};"), station_store(station):
            pass
        holder.kill()
    with StationLock(StationFolder(station)):
        pass


def test_a_reader_sees_what_the_writer_just_stored_and_needs_no_lock(station):
    with station_store(station) as store:
        stored = acquisition()
        number = store.add_acquisition(stored).number
        with open_inspections(station, None, DECODERS.scans, DECODERS.image) as reader:
            assert same(reader.load_acquisition(number), stored)
            assert reader.unconcluded() == [number]


def test_a_reader_of_a_folder_without_a_station_says_so(tmp_path):
    with (
        pytest.raises(StoreUnavailable, match=r"qc\.sqlite3 does not exist"),
        open_inspections(tmp_path, None, DECODERS.scans, DECODERS.image),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreUnavailable, match=r"/file/station: Not a directory"),
        station_store(tmp_path / "file" / "station"),
    ):
        pass


def test_two_threads_get_different_numbers(station):
    with station_store(station) as store:
        given: list[int] = []
        threads = [
            threading.Thread(
                target=lambda: given.extend(store.add_acquisition(acquisition()).number for _ in range(5))
            )
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(given) == list(range(1, 16))
        assert store.unconcluded() == sorted(given)


def test_an_inspection_takes_few_statements(tmp_path):
    """Once instruments and models are known: 20 for all rows and their entries in the ledger."""
    statements: list[str] = []
    white = white_reference()
    with station_store(tmp_path) as store:
        event.listen(store._writing_engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
        for seed in range(2):
            statements.clear()
            about = acquisition(seed, white=white)
            store.add_conclusion(store.add_acquisition(about).number, conclusion(about))
    assert len(statements) <= 20, statements
