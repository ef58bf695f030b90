"""Databases as older software left them: made by the migrations up to a revision, with rows of today."""

from pathlib import Path

from alembic import command
from pysqlite3 import dbapi2

from storage.schema import _alembic_config
from storage.sqlite_file import SqliteFile
from storage.views import drop_views

_LEDGER_BEGINS = "0008"
_UNFINISHED = ("ledger",)  # its table is there before it has a first entry


def take_back(path: Path, revision: str) -> None:
    """Make a stopped station's database what the software of `revision` would have left."""
    newer = path.with_name("newer.sqlite3")
    _checkpoint(path)
    path.rename(newer)
    writer = SqliteFile(path).open_writer(migrating=True)
    with writer.begin() as connection:
        config = _alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        drop_views(connection)
    writer.dispose()
    _copy_rows(newer, path, _UNFINISHED if revision < _LEDGER_BEGINS else ())
    newer.unlink()


def tables_of(connection: dbapi2.Connection, schema: str = "main") -> list[str]:
    """The tables of a database, those of SQLite and of the migrations left out."""
    query = f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table'"
    names = [name for (name,) in connection.execute(query)]
    return [name for name in names if not name.startswith("sqlite_") and name != "alembic_version"]


def _checkpoint(path: Path) -> None:
    connection = dbapi2.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _copy_rows(newer: Path, path: Path, left_out: tuple[str, ...]) -> None:
    connection = dbapi2.connect(path, isolation_level=None)
    connection.execute("ATTACH ? AS newer", (str(newer),))
    for table in set(tables_of(connection)) - set(left_out):
        connection.execute(f"DELETE FROM main.{table}")  # such as the first entry of the ledger
        columns = ", ".join(name for _, name, *_ in connection.execute(f"PRAGMA main.table_info({table})"))
        connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}")
    connection.execute("DETACH newer")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
