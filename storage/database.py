"""Connections to the station's SQLite database: one that writes, others that can only read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from pysqlite3 import dbapi2
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url

from qc_daemon.domain.errors import InputError, IntegrityError, StoreUnavailable

# Up to 3.51.2 two connections that write or checkpoint at once can corrupt a WAL database.
MIN_SQLITE = (3, 51, 3)

# The line must not wait for a locked database: the journal keeps what it measures.
_WRITER_WAIT_S = 0.5
_READER_WAIT_S = 5.0
_WRITER_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    f"journal_size_limit = {64 * 1024 * 1024}",
)
# Primary result codes BUSY, LOCKED, FULL and CANTOPEN: the database may answer later.
_BUSY_CODES = frozenset({5, 6, 13, 14})


class DatabaseBusy(StoreUnavailable):
    """The database is locked, away or without room for now; trying again may help."""


def database_path(url: str) -> Path:
    """Return the file of a database URL.

    Raises:
        InputError: it is not the URL of a SQLite file.
    """
    try:
        parsed = make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise InputError(f'database URL "{url}": expected sqlite:///PATH') from error
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        shown = parsed.render_as_string(hide_password=True)
        raise InputError(f'database URL "{shown}": expected sqlite:///PATH')
    return Path(parsed.database).resolve()


def database_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{path.resolve()}"


def open_writer(path: Path, foreign_keys: bool = True) -> Engine:
    """Return an engine with one connection, whose transactions hold the write lock from the start.

    A migration that rebuilds a table needs `foreign_keys` off.

    Raises:
        StoreUnavailable: the SQLite library is too old.
    """
    require_safe_sqlite(dbapi2.sqlite_version_info)
    pragmas = (*_WRITER_PRAGMAS, f"foreign_keys = {'ON' if foreign_keys else 'OFF'}")
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        module=dbapi2,
        pool_size=1,
        max_overflow=0,
        connect_args={"timeout": _WRITER_WAIT_S, "isolation_level": None},
    )
    event.listen(engine, "connect", _setting(pragmas))
    # A deferred transaction that turns from reading to writing fails at once, however long it may wait.
    event.listen(engine, "begin", _beginning("BEGIN IMMEDIATE"))
    return engine


def open_reader(path: Path) -> Engine:
    """Return an engine that cannot change the file; each transaction sees one moment.

    Raises:
        StoreUnavailable: the file does not exist, or the SQLite library is too old.
    """
    require_safe_sqlite(dbapi2.sqlite_version_info)
    if not path.is_file():
        raise StoreUnavailable(f"{path} does not exist; expected the database of a station")
    engine = create_engine(
        URL.create("sqlite", database=read_only_uri(path), query={"uri": "true"}),
        module=dbapi2,
        connect_args={"timeout": _READER_WAIT_S, "isolation_level": None},
    )
    event.listen(engine, "connect", _setting(("query_only = ON",)))
    event.listen(engine, "begin", _beginning("BEGIN"))
    return engine


def read_only_uri(path: Path) -> str:
    """Return the SQLite URI that opens a file for reading only."""
    return f"{path.resolve().as_uri()}?mode=ro"


def require_safe_sqlite(version: tuple[int, int, int]) -> None:
    """Raise StoreUnavailable if this SQLite can corrupt a WAL database."""
    if version < MIN_SQLITE:
        found, wanted = (".".join(map(str, numbers)) for numbers in (version, MIN_SQLITE))
        raise StoreUnavailable(f"SQLite {found} can corrupt a database; expected {wanted} or newer")


@contextmanager
def one_line_errors(path: Path) -> Iterator[None]:
    """Turn database errors into the station's: busy, broken, or facts that contradict each other."""
    try:
        yield
    except sqlalchemy.exc.IntegrityError as error:
        raise IntegrityError(f"{path}: {error.orig}") from error
    except sqlalchemy.exc.DBAPIError as error:
        raise _unavailable(path, error.orig) from error
    except dbapi2.Error as error:
        raise _unavailable(path, error) from error


def _unavailable(path: Path, error: BaseException | None) -> StoreUnavailable:
    primary_code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    kind = DatabaseBusy if primary_code in _BUSY_CODES else StoreUnavailable
    return kind(f"{path}: {error}")


def _setting(pragmas: tuple[str, ...]) -> Callable[[Any, object], None]:
    def set_pragmas(connection: Any, _record: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    return set_pragmas


def _beginning(statement: str) -> Callable[[Connection], None]:
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin
