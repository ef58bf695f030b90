"""The schema of a database: which revision it has, and how it gets to the newest."""

from functools import cache
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from qc_daemon.domain.errors import StoreUnavailable
from storage.database import database_path, one_line_errors, open_reader, open_writer

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> str:
    """Create a database or bring it to the newest schema; return that revision.

    It happens in one transaction: killed in between, the database has the old schema. The caller
    holds the station's lock.

    Raises:
        StoreUnavailable: it cannot be written, or its schema is not known here; then it is untouched.
    """
    path = database_path(url)
    if path.exists():
        revision = _known_revision(path)
        if revision == newest_revision():
            return revision
    writer = open_writer(path, foreign_keys=False)
    try:
        with one_line_errors(path), writer.begin() as connection:
            config = _alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            _require_foreign_keys(path, connection)
    finally:
        writer.dispose()
    return newest_revision()


def current(url: str) -> str | None:
    """Return the revision of a database; None if it has none yet.

    Raises:
        StoreUnavailable: it does not exist, or is not a database of a station.
    """
    return _revision(database_path(url))


def require_newest_schema(path: Path) -> None:
    """Raise StoreUnavailable unless a database has the schema that this software reads."""
    revision = _known_revision(path)
    if revision != newest_revision():
        raise StoreUnavailable(
            f"{path} has schema {revision or 'none'}, expected {newest_revision()}; upgrade it first"
        )


@cache
def newest_revision() -> str:
    """Return the newest revision that this software knows."""
    head = ScriptDirectory.from_config(_alembic_config()).get_current_head()
    assert head is not None
    return head


def _known_revision(path: Path) -> str | None:
    revision = _revision(path)
    if revision is not None and revision not in _known_revisions():
        raise StoreUnavailable(f"{path} has schema {revision}, this software knows up to {newest_revision()}")
    return revision


@cache
def _known_revisions() -> frozenset[str]:
    scripts = ScriptDirectory.from_config(_alembic_config()).walk_revisions()
    return frozenset(script.revision for script in scripts)


def _revision(path: Path) -> str | None:
    reader = open_reader(path)
    try:
        with one_line_errors(path), reader.connect() as connection:
            revision = MigrationContext.configure(connection).get_current_revision()
            if revision is None and sqlalchemy.inspect(connection).get_table_names():
                raise StoreUnavailable(f"{path} has tables but no schema revision; it is not a station's")
    finally:
        reader.dispose()
    return revision


def _require_foreign_keys(path: Path, connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise StoreUnavailable(f"{path}: the upgrade would break a reference of table {broken[0]}")


def _alembic_config() -> Config:
    config = Config()
    # "%" would start an interpolation
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
