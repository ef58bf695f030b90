"""Upgrades of stations with data, from each older schema: whole or not at all, wherever they are cut."""

import hashlib
from contextlib import closing
from pathlib import Path

import pytest
from builders_storage import acquisition, conclusion, station_store
from cut_upgrades import upgrade_cut_before
from old_stations import tables_of, take_back
from pysqlite3 import dbapi2

from storage.database_url import database_url
from storage.ledger_check import check_ledger
from storage.schema import current, newest_revision, upgrade

OLDER = ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008"]
# Each cut is an upgrade of its own; this many of them find every kind of step.
EVERY = 9


@pytest.fixture(scope="module")
def station(tmp_path_factory) -> Path:
    """A stopped station of this software with two inspections."""
    folder = tmp_path_factory.mktemp("upgrades") / "station"
    with station_store(folder) as store:
        for seed in range(2):
            about = acquisition(seed)
            store.add_conclusion(store.add_acquisition(about).number, conclusion(about))
    with closing(dbapi2.connect(folder / "qc.sqlite3")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


def contents(path: Path, tables: list[str] | None = None) -> dict[str, tuple[int, str]]:
    """How many rows each table has, and their hash."""
    with closing(dbapi2.connect(path)) as connection:
        found = {}
        for table in tables or tables_of(connection):
            rows = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            found[table] = (len(rows), hashlib.sha256(repr(rows).encode()).hexdigest())
        return found


@pytest.mark.parametrize("revision", OLDER)
def test_an_upgrade_that_is_cut_leaves_the_old_schema_and_each_row(station, tmp_path, monkeypatch, revision):
    path = tmp_path / "qc.sqlite3"
    path.write_bytes((station / "qc.sqlite3").read_bytes())
    take_back(path, revision)
    before = contents(path)
    statement = OLDER.index(revision)  # other cuts for each schema
    while upgrade_cut_before(path, statement, monkeypatch):
        assert current(database_url(path)) == revision
        assert contents(path) == before
        statement += EVERY
    assert statement > EVERY
    assert current(database_url(path)) == newest_revision()


@pytest.mark.parametrize("revision", OLDER)
def test_an_upgraded_station_has_each_row_of_before_and_a_ledger_that_covers_them(
    station, tmp_path, revision
):
    folder = tmp_path / "station"
    (folder / "reports").mkdir(parents=True)
    (folder / "blobs").symlink_to(station / "blobs")
    path = folder / "qc.sqlite3"
    path.write_bytes((station / "qc.sqlite3").read_bytes())
    take_back(path, revision)
    kept = ["acquisitions", "declared_fibres", "fibre_shares", "reasons", "defects", "models", "instruments"]
    before = contents(path, kept)
    upgrade(database_url(path))
    assert contents(path, kept) == before
    assert check_ledger(folder).problems == ()
