"""The database file: settings, schema, upgrades that happen whole or not at all."""

import hashlib

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from builders_storage import acquisition, station_store
from cut_upgrades import upgrade_cut_before
from pysqlite3 import dbapi2
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from qc_daemon.domain.errors import InputError, StoreUnavailable
from storage.database_url import database_of, database_url
from storage.schema import current, newest_revision, upgrade
from storage.sqlite_file import SqliteFile, require_safe_sqlite
from storage.tables import Base
from storage.views import VIEWS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "qc.sqlite3"


def definitions(path) -> dict[str, str]:
    with SqliteFile(path).open_reader().connect() as connection:
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
    return {name: " ".join(sql.split()) for name, sql in rows}


def test_the_migrations_make_exactly_the_tables_of_the_code(path):
    upgrade(database_url(path))
    made = definitions(path)
    dialect = sqlite.dialect()
    for table in Base.metadata.sorted_tables:
        assert made[table.name] == " ".join(str(CreateTable(table).compile(dialect=dialect)).split())
        for index in table.indexes:
            assert made[index.name] == str(CreateIndex(index).compile(dialect=dialect))
    with SqliteFile(path).open_reader().connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_every_table_of_ours_is_strict(path):
    upgrade(database_url(path))
    with SqliteFile(path).open_reader().connect() as connection:
        lists = connection.exec_driver_sql("PRAGMA table_list").mappings().all()
    loose = {row["name"] for row in lists if row["type"] == "table" and not row["strict"]}
    assert {name for name in loose if not name.startswith("sqlite_")} == {"alembic_version"}


def test_every_constraint_has_a_name():
    for table in Base.metadata.sorted_tables:
        assert all(constraint.name for constraint in table.constraints), table.name


def test_the_writer_is_durable_and_the_reader_cannot_write(path):
    upgrade(database_url(path))
    with SqliteFile(path).open_writer().connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "journal_size_limit")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "journal_size_limit": 64 * 2**20,
    }
    reading = SqliteFile(path).open_reader().connect()
    with reading as connection, pytest.raises(Exception, match="readonly database"):
        connection.exec_driver_sql("DELETE FROM acquisitions")


def test_a_writing_transaction_takes_the_lock_at_its_start(path):
    upgrade(database_url(path))
    other = dbapi2.connect(path, timeout=0, isolation_level=None)
    with SqliteFile(path).open_writer().begin(), pytest.raises(dbapi2.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 2)])
def test_a_sqlite_that_can_corrupt_a_database_is_refused(version, path, monkeypatch):
    monkeypatch.setattr(dbapi2, "sqlite_version_info", version)
    found = ".".join(map(str, version))
    with pytest.raises(StoreUnavailable, match=rf"SQLite {found} can corrupt .* 3\.51\.3 or newer"):
        upgrade(database_url(path))
    assert not path.exists()


def test_the_first_safe_sqlite_is_accepted():
    require_safe_sqlite((3, 51, 3))


@pytest.mark.parametrize(
    "url",
    [
        "mysql://qc:secret@plant/qc",
        "postgresql://qc:secret@plant",
        "sqlite://",
        "sqlite:///:memory:",
        "qc.sqlite3",
    ],
)
def test_a_url_of_another_database_is_refused_without_its_password(url):
    with pytest.raises(InputError, match="expected sqlite:///PATH or postgresql://") as refused:
        database_of(url)
    assert "secret" not in str(refused.value)


def test_a_path_with_odd_characters_works(tmp_path):
    path = tmp_path / "50 % ?#é" / "qc.sqlite3"
    path.parent.mkdir()
    upgrade(database_url(path))
    assert current(database_url(path)) == newest_revision()


def test_upgrading_twice_changes_nothing(path):
    upgrade(database_url(path))
    before = definitions(path)
    assert upgrade(database_url(path)) == newest_revision()
    assert definitions(path) == before


def make_revision(path, revision: str) -> bytes:
    upgrade(database_url(path))
    with SqliteFile(path).open_writer().begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.exec_driver_sql("INSERT INTO models VALUES (1, 'composition', 'future', 'ff')")
    dbapi2.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return hashlib.sha256(path.read_bytes()).digest()


def test_a_database_of_a_newer_schema_is_refused_and_untouched(tmp_path):
    station = tmp_path / "station"
    with station_store(station):
        pass
    path = station / "qc.sqlite3"
    before = make_revision(path, "0999")
    message = rf"qc\.sqlite3 has schema 0999, this software knows up to {newest_revision()}"
    with pytest.raises(StoreUnavailable, match=message), station_store(station):
        pass
    with pytest.raises(StoreUnavailable, match=message):
        upgrade(database_url(path))
    assert current(database_url(path)) == "0999"
    dbapi2.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_another_programs_database_is_refused(path):
    other = dbapi2.connect(path)
    other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    with pytest.raises(StoreUnavailable, match="has tables but no schema revision"):
        upgrade(database_url(path))


def test_a_file_that_is_no_database_is_one_line(path):
    path.write_bytes(b"not a database " * 100)
    with pytest.raises(StoreUnavailable, match=r"qc\.sqlite3: file is not a database"):
        upgrade(database_url(path))


def test_a_missing_database_is_one_line(path):
    with pytest.raises(StoreUnavailable, match="does not exist"):
        current(database_url(path))


def test_an_upgrade_cut_at_any_statement_leaves_the_old_schema(tmp_path, monkeypatch):
    statement = 0
    path = tmp_path / "qc.sqlite3"
    while upgrade_cut_before(path, statement, monkeypatch):
        assert current(database_url(path)) is None
        assert definitions(path) == {}
        statement += 1
    assert statement > len(Base.metadata.tables) + len(VIEWS)
    assert current(database_url(path)) == newest_revision()
    assert VIEWS.keys() <= definitions(path).keys()


def test_a_station_whose_database_is_gone_does_not_start_afresh(tmp_path):
    station = tmp_path / "station"
    with station_store(station) as store:
        store.add_acquisition(acquisition())
    for file in station.glob("qc.sqlite3*"):
        file.unlink()
    refused = pytest.raises(StoreUnavailable, match=r"is missing or empty, but .* holds accepted")
    with refused, station_store(station):
        pass
    assert not (station / "qc.sqlite3").exists()
