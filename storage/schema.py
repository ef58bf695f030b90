"""The schema of a database: which revision it has, and how it gets to the newest."""

from functools import cache
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from qc_daemon.domain.errors import StoreUnavailable
from storage.database import Database, one_line_errors
from storage.database_url import database_of
from storage.dialects import broken_references

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> str:
    """Create a database or bring it to the newest schema; return that revision.

    It happens in one transaction: killed in between, the database has the old schema. The caller
    holds the station's lock.

    Raises:
        StoreUnavailable: it cannot be written, or its schema is not known here; then it is untouched.
    """
    database = database_of(url)
    if database.exists() and _known_revision(database) == newest_revision():
        return newest_revision()
    writer = database.open_writer(migrating=True)
    try:
        with one_line_errors(database), writer.begin() as connection:
            config = _alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            for problem in broken_references(connection):
                raise StoreUnavailable(f"{database}: the upgrade would break a reference: {problem}")
    finally:
        writer.dispose()
    return newest_revision()


def current(url: str) -> str | None:
    """Return the revision of a database; None if it has none yet.

    Raises:
        StoreUnavailable: it does not exist, or is not a database of a station.
    """
    return _revision(database_of(url))


def require_newest_schema(database: Database) -> None:
    """Raise StoreUnavailable unless a database has the schema that this software reads."""
    revision = _known_revision(database)
    if revision != newest_revision():
        raise StoreUnavailable(
            f"{database} has schema {revision or 'none'}, expected {newest_revision()}; upgrade it first"
        )


def is_empty(database: Database) -> bool:
    """Tell whether a database does not exist, or has no table of a station yet.

    Raises:
        StoreUnavailable: it does not answer, or is not a database of a station.
    """
    return not database.exists() or _revision(database) is None


@cache
def newest_revision() -> str:
    """Return the newest revision that this software knows."""
    head = ScriptDirectory.from_config(_alembic_config()).get_current_head()
    assert head is not None
    return head


def _known_revision(database: Database) -> str | None:
    revision = _revision(database)
    if revision is not None and revision not in _known_revisions():
        raise StoreUnavailable(
            f"{database} has schema {revision}, this software knows up to {newest_revision()}"
        )
    return revision


@cache
def _known_revisions() -> frozenset[str]:
    scripts = ScriptDirectory.from_config(_alembic_config()).walk_revisions()
    return frozenset(script.revision for script in scripts)


def _revision(database: Database) -> str | None:
    reader = database.open_reader()
    try:
        with one_line_errors(database), reader.connect() as connection:
            revision = MigrationContext.configure(connection).get_current_revision()
            if revision is None and sqlalchemy.inspect(connection).get_table_names():
                raise StoreUnavailable(f"{database} has tables but no schema revision; it is not a station's")
    finally:
        reader.dispose()
    return revision


def _alembic_config() -> Config:
    config = Config()
    # "%" would start an interpolation
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
