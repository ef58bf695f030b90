"""Which database the URL of a configuration names."""

from pathlib import Path

import sqlalchemy
from sqlalchemy.engine import make_url

from qc_daemon.domain.errors import InputError
from storage.database import Database
from storage.sqlite_file import SqliteFile

_EXPECTED = "expected sqlite:///PATH or postgresql://USER@HOST/DATABASE"


def database_of(url: str) -> Database:
    """Return the database of a URL; nothing connects to it yet.

    Raises:
        InputError: it is neither that of a SQLite file nor that of a PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise InputError(f"database URL: {_EXPECTED}") from error
    if parsed.get_backend_name() == "postgresql" and parsed.database:
        from storage.postgres import PostgresDatabase  # stations with a file need no driver of it

        return PostgresDatabase(parsed)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        shown = parsed.set(query={}).render_as_string(hide_password=True)
        raise InputError(f'database URL "{shown}": {_EXPECTED}')
    return SqliteFile(Path(parsed.database).resolve())


def sqlite_file(url: str, instead: str) -> SqliteFile:
    """Return the SQLite file of a URL, for what a server has tools of its own for.

    Raises:
        InputError: the database is a PostgreSQL; `instead` says what does the same there.
    """
    database = database_of(url)
    if not isinstance(database, SqliteFile):
        raise InputError(f"{database}: expected a SQLite file; {instead}")
    return database


def database_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{path.resolve()}"


def with_password(url: str, password: str | None) -> str:
    """Return the URL of a server with the password that a file holds, if there is one."""
    return url if password is None else make_url(url).set(password=password).render_as_string(False)
