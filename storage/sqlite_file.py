"""A station's database as one SQLite file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2
from sqlalchemy import URL, Connection, Engine, create_engine, event

from qc_daemon.domain.errors import StoreUnavailable

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


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """Implements Database in one file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def driver_error(self) -> type[Exception]:
        """What the driver raises."""
        return dbapi2.Error  # type: ignore[no-any-return]

    def exists(self) -> bool:
        """Tell whether there is a file."""
        return self.path.is_file()

    def identity(self) -> tuple[int, int] | None:
        """Return what the file system knows the file by: SQLite would write on into one that was moved."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def open_writer(self, migrating: bool = False) -> Engine:
        """Return an engine whose transactions hold the write lock from the start.

        Raises:
            StoreUnavailable: the SQLite library is too old.
        """
        require_safe_sqlite(dbapi2.sqlite_version_info)
        # A migration that rebuilds a table would else be taken for deleting all that points at it.
        pragmas = (*_WRITER_PRAGMAS, f"foreign_keys = {'OFF' if migrating else 'ON'}")
        engine = create_engine(
            URL.create("sqlite", database=str(self.path)),
            module=dbapi2,
            pool_size=1,
            max_overflow=0,
            connect_args={"timeout": _WRITER_WAIT_S, "isolation_level": None},
        )
        event.listen(engine, "connect", _setting(pragmas))
        # A deferred transaction that turns from reading to writing fails at once, however long it may wait.
        event.listen(engine, "begin", _beginning("BEGIN IMMEDIATE"))
        return engine

    def open_reader(self) -> Engine:
        """Return an engine that cannot change the file; each transaction sees one moment.

        Raises:
            StoreUnavailable: the file does not exist, or the SQLite library is too old.
        """
        require_safe_sqlite(dbapi2.sqlite_version_info)
        if not self.path.is_file():
            raise StoreUnavailable(f"{self.path} does not exist; expected the database of a station")
        engine = create_engine(
            URL.create("sqlite", database=read_only_uri(self.path), query={"uri": "true"}),
            module=dbapi2,
            connect_args={"timeout": _READER_WAIT_S, "isolation_level": None},
        )
        event.listen(engine, "connect", _setting(("query_only = ON",)))
        event.listen(engine, "begin", _beginning("BEGIN"))
        return engine

    def is_busy(self, error: BaseException | None) -> bool:
        """Tell whether the file is locked, away or without room."""
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY_CODES


def read_only_uri(path: Path) -> str:
    """Return the SQLite URI that opens a file for reading only."""
    return f"{path.resolve().as_uri()}?mode=ro"


def require_safe_sqlite(version: tuple[int, int, int]) -> None:
    """Raise StoreUnavailable if this SQLite can corrupt a WAL database."""
    if version < MIN_SQLITE:
        found, wanted = (".".join(map(str, numbers)) for numbers in (version, MIN_SQLITE))
        raise StoreUnavailable(f"SQLite {found} can corrupt a database; expected {wanted} or newer")


def _setting(pragmas: tuple[str, ...]) -> Callable[[Any, object], None]:
    def set_pragmas(connection: Any, _record: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    return set_pragmas


def _beginning(statement: str) -> Callable[[Connection], None]:
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin
