import re
from pathlib import Path

import pytest
from alembic import command
from builders_storage import station_store

from qc_daemon.domain.errors import StoreUnavailable
from qc_daemon.domain.inspection import ModelVersion
from storage import schema
from storage.database_url import database_url
from storage.history import run_query
from storage.model_activations import active_model
from storage.schema import current, upgrade
from storage.sqlite_file import SqliteFile

FIRST = ModelVersion("composition", "isic-net-1", "1" * 64)
SECOND = ModelVersion("composition", "isic-net-2", "2" * 64)
OTHER = ModelVersion("defects", "net", "3" * 64)


def test_a_station_that_never_ran_uses_its_default(tmp_path: Path) -> None:
    assert active_model(tmp_path / "station", "composition") is None


def test_the_newest_word_on_a_role_counts_and_survives_a_restart(tmp_path: Path) -> None:
    station = tmp_path / "station"
    with station_store(station) as store:
        assert active_model(station, "composition") is None
        for model in (FIRST, SECOND, OTHER, FIRST):
            store.activate_model(model)
    with station_store(station):
        assert active_model(station, "composition") == FIRST
        assert active_model(station, "defects") == OTHER


def test_each_activation_stays_as_a_row_with_its_time_and_digest(tmp_path: Path) -> None:
    station = tmp_path / "station"
    with station_store(station) as store:
        store.activate_model(FIRST)
        store.activate_model(SECOND)
    sql = "SELECT name, digest, activated_at FROM model_activations ORDER BY sequence"
    rows = run_query(database_url(station / "qc.sqlite3"), sql, 5.0, 10).rows
    assert [row[:2] for row in rows] == [(FIRST.name, FIRST.digest), (SECOND.name, SECOND.digest)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(row[2])) for row in rows)


def test_a_station_of_the_schema_before_uses_its_default_and_is_brought_forward(tmp_path: Path) -> None:
    station = tmp_path / "station"
    station.mkdir()
    path = station / "qc.sqlite3"
    writer = SqliteFile(path).open_writer(migrating=True)
    with writer.begin() as connection:
        config = schema._alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    writer.dispose()
    assert active_model(station, "composition") is None
    assert current(database_url(path)) == "0001"
    upgrade(database_url(path))
    with station_store(station) as store:
        store.activate_model(SECOND)
    assert active_model(station, "composition") == SECOND


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "qc.sqlite3").write_bytes(b"not a database " * 100)
    with pytest.raises(StoreUnavailable, match=r"qc\.sqlite3: file is not a database"):
        active_model(tmp_path, "composition")
