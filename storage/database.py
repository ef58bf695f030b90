"""The database of a station, a SQLite file or a PostgreSQL: one connection that writes, others that read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import sqlalchemy
from sqlalchemy import Engine

from qc_daemon.domain.errors import IntegrityError, StoreUnavailable


class DatabaseBusy(StoreUnavailable):
    """The database is locked, away or without room for now; trying again may help."""


class Database(Protocol):
    """Where the rows of a station are. Its text is its name in messages and holds no password."""

    @property
    def driver_error(self) -> type[Exception]:
        """What the driver raises if it is used without SQLAlchemy."""
        ...

    def exists(self) -> bool:
        """Tell whether it can be opened without making it."""
        ...

    def identity(self) -> object:
        """Return what another database that was put in its place would not have."""
        ...

    def open_writer(self, migrating: bool = False) -> Engine:
        """Return an engine with one connection, which nobody else can write beside.

        Migrations may take long, and build tables anew that others point at.

        Raises:
            StoreUnavailable: what is installed here cannot use it.
        """
        ...

    def open_reader(self) -> Engine:
        """Return an engine that can change nothing; each transaction sees one moment.

        Raises:
            StoreUnavailable: it does not exist, or what is installed here cannot use it.
        """
        ...

    def is_busy(self, error: BaseException | None) -> bool:
        """Tell whether it may answer later, after such an error of its driver."""
        ...


@contextmanager
def one_line_errors(database: Database) -> Iterator[None]:
    """Turn errors into the station's: busy, broken, or facts that contradict each other or cannot be kept."""
    try:
        yield
    except (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.DataError) as error:
        raise IntegrityError(f"{database}: {_first_line(error.orig)}") from error
    except sqlalchemy.exc.DBAPIError as error:
        raise _unavailable(database, error.orig) from error
    except database.driver_error as error:
        raise _unavailable(database, error) from error


def _unavailable(database: Database, error: BaseException | None) -> StoreUnavailable:
    kind = DatabaseBusy if database.is_busy(error) else StoreUnavailable
    return kind(f"{database}: {_first_line(error)}")


def _first_line(error: BaseException | None) -> str:
    """Return what an error says, without the excerpt of the SQL that PostgreSQL adds."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no answer"
