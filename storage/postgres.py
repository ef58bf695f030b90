"""A station's database on a PostgreSQL: one station for each database, which no other may write."""

from typing import Any

import psycopg
from psycopg.adapt import Loader
from sqlalchemy import URL, Engine, create_engine, event

from qc_daemon.domain.errors import StoreUnavailable
from storage.database import DatabaseBusy, one_line_errors

_MIN_VERSION = 15
_STATION_LOCK = 7_421_905  # any number that all stations of this software agree on
# The line must not wait for a server that is away, locked or slow: the journal keeps what it measures.
_CONNECT_WAIT_S = 2
_LOCK_WAIT_MS = 500
_STATEMENT_WAIT_MS = 5_000
_SILENT_MS = 3_000  # a cut cable is noticed after that
# A server that lost a station must forget it, or the station could not come back and write.
_SERVER_FORGETS = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
_BUSY_CLASSES = frozenset(
    {
        "08",  # the connection
        "25",  # a standby that only reads
        "28",  # not let in
        "40",  # rolled back for another's sake
        "53",  # out of room, memory or connections
        "55",  # locked
        "57",  # cancelled, shutting down, starting up
        "58",  # the server's disk
    }
)


class PostgresDatabase:
    """Implements Database on a server.

    Args:
        url: with the password, if the server asks for one that neither PGPASSWORD nor a passfile holds.
    """

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql+psycopg")
        shown = URL.create("postgresql", url.username, host=url.host, port=url.port, database=url.database)
        self._name = shown.render_as_string()

    def __str__(self) -> str:
        return self._name

    @property
    def driver_error(self) -> type[Exception]:
        """What the driver raises."""
        return psycopg.Error

    def exists(self) -> bool:
        """Tell that it can be opened: an administrator made it, and whether it answers is seen then."""
        return True

    def identity(self) -> str:
        """Return its name: a server does not let a database go that is connected to."""
        return self._name

    def open_writer(self, migrating: bool = False) -> Engine:
        """Return an engine whose connection holds the right to write this database.

        What it commits is on disk, whatever the server's settings are.

        Raises:
            StoreUnavailable: it does not answer, another process writes it, or it is too old.
        """
        limit_ms = 0 if migrating else _STATEMENT_WAIT_MS
        engine = self._engine(
            f"-c synchronous_commit=on -c statement_timeout={limit_ms} {_SERVER_FORGETS}",
            pool_size=1,
            max_overflow=0,
        )
        event.listen(engine, "connect", self._take)
        with one_line_errors(self), engine.connect():
            pass  # a second station must be told at once, not at its first row
        return engine

    def open_reader(self) -> Engine:
        """Return an engine that can change nothing; each transaction sees one moment."""
        return self._engine("-c default_transaction_read_only=on", isolation_level="REPEATABLE READ")

    def connect_to_ask(self, time_limit_s: float) -> psycopg.Connection[tuple[Any, ...]]:
        """Return a connection that only reads, for statements that take no longer than that; 0 for ever."""
        limit_ms = round(time_limit_s * 1000)
        options = f"-c default_transaction_read_only=on -c statement_timeout={limit_ms}"
        address = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = psycopg.connect(address, **_settings(options))
        _understand_numbers(connection, None)
        return connection

    def is_busy(self, error: BaseException | None) -> bool:
        """Tell whether the server is away, full, shutting down, or somebody holds a lock."""
        state = getattr(error, "sqlstate", None)
        if state is None:
            return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return state[:2] in _BUSY_CLASSES

    def _engine(self, options: str, **settings: Any) -> Engine:
        engine = create_engine(self._url, connect_args=_settings(options), pool_pre_ping=True, **settings)
        event.listen(engine, "connect", _understand_numbers)
        return engine

    def _take(self, connection: Any, _record: object) -> None:
        """Make a new connection the one that writes, until it ends."""
        version = connection.info.server_version // 10_000
        if version < _MIN_VERSION:
            raise StoreUnavailable(f"{self}: PostgreSQL {version}; expected {_MIN_VERSION} or newer")
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise StoreUnavailable(f"{self}: its encoding is {encoding}; expected a database in UTF8")
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", (_STATION_LOCK,))
        except psycopg.errors.LockNotAvailable as error:
            raise DatabaseBusy(f"{self} is already written by another process; expected one") from error
        finally:
            connection.rollback()  # the lock stays with the connection


class _Number(Loader):
    """Makes a plain number of what a sum or a mean is in PostgreSQL; no column of ours is such."""

    def load(self, data: Any) -> int | float:
        """Return a whole number as such."""
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdecimal() else float(text)


def _understand_numbers(connection: Any, _record: object) -> None:
    connection.adapters.register_loader("numeric", _Number)


def _settings(options: str) -> dict[str, Any]:
    return {
        "connect_timeout": _CONNECT_WAIT_S,
        "tcp_user_timeout": _SILENT_MS,
        "options": f"{options} -c lock_timeout={_LOCK_WAIT_MS} -c timezone=UTC",
        "application_name": "qc-station",
        "client_encoding": "utf8",
    }
