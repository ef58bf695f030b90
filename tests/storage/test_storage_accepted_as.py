"""A specimen that the line announces again is found, wherever its acquisition has got to."""

from pathlib import Path

import pytest
from builders_storage import acquisition, specimen, station_store
from pysqlite3 import dbapi2

from storage import sqlite_file


def test_a_specimen_is_found_in_the_database_under_its_newest_number(tmp_path: Path) -> None:
    with station_store(tmp_path) as store:
        assert store.accepted_as("S-1") is None
        store.add_acquisition(acquisition(0))
        store.add_acquisition(acquisition(1, specimen=specimen(id="S-2")))
        store.add_acquisition(acquisition(2))
        assert [store.accepted_as(name) for name in ("S-1", "S-2", "S-3")] == [3, 2, None]
    with station_store(tmp_path) as store:
        assert store.accepted_as("S-1") == 3


def test_a_specimen_is_found_while_its_acquisition_waits_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "_WRITER_WAIT_S", 0.02)
    with station_store(tmp_path) as store:
        store.add_acquisition(acquisition(0))
        other = dbapi2.connect(tmp_path / "qc.sqlite3", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        store.add_acquisition(acquisition(1, specimen=specimen(id="S-2")))
        assert store.drain() == 1
        assert [store.accepted_as(name) for name in ("S-1", "S-2", "S-3")] == [1, 2, None]
        other.execute("ROLLBACK")


def test_the_newest_of_a_lot_are_found_without_those_of_another(tmp_path: Path) -> None:
    with station_store(tmp_path) as store:
        for number, lot in enumerate(("A", "B", "A", "A")):
            store.add_acquisition(acquisition(number, specimen=specimen(lot=lot)))
        assert [tuple(store.newest_of_lot(lot, 2)) for lot in "ABC"] == [(4, 3), (2,), ()]
