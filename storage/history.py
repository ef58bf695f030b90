"""One SQL question to a station's database: it can read, for a limited time, and nothing else."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pysqlite3 import dbapi2

from qc_daemon.domain.errors import InputError
from storage.database import one_line_errors
from storage.database_url import database_of
from storage.schema import require_newest_schema
from storage.sqlite_file import SqliteFile, read_only_uri, require_safe_sqlite

Value = str | int | float | bytes | None

_ALLOWED_ACTIONS = frozenset(
    {dbapi2.SQLITE_SELECT, dbapi2.SQLITE_READ, dbapi2.SQLITE_FUNCTION, dbapi2.SQLITE_RECURSIVE}
)
_INSTRUCTIONS_BETWEEN_CHECKS = 10_000  # below a millisecond


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A table: column names, rows, and whether rows beyond the limit were left out."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    truncated: bool


def run_query(
    url: str,
    sql: str,
    time_limit_s: float,
    row_limit: int,
    parameters: Mapping[str, str] = MappingProxyType({}),
) -> QueryResult:
    """Answer one SELECT (or WITH … SELECT); the connection can do nothing else.

    `parameters` fill in the names after a colon that the SQL has. Moments are ISO-8601 texts in the
    answer of either kind of database.

    Raises:
        InputError: the SQL cannot be read, would change something, or took too long.
        StoreUnavailable: the database does not exist, does not answer or has another schema.
    """
    database = database_of(url)
    require_newest_schema(database)
    with one_line_errors(database):
        if isinstance(database, SqliteFile):
            columns, rows = _ask(database, sql, time_limit_s, row_limit + 1, parameters)
        else:
            from storage.postgres import PostgresDatabase
            from storage.postgres_questions import ask

            assert isinstance(database, PostgresDatabase)
            columns, rows = ask(database, sql, time_limit_s, row_limit + 1, parameters)
    return QueryResult(columns, tuple(rows[:row_limit]), len(rows) > row_limit)


def _ask(
    database: SqliteFile, sql: str, time_limit_s: float, most_rows: int, parameters: Mapping[str, str]
) -> tuple[tuple[str, ...], list[tuple[Value, ...]]]:
    with closing(_open_for_reading(database)) as connection:
        deadline = time.monotonic() + time_limit_s
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS_BETWEEN_CHECKS)
        with _questions_faults_named(time_limit_s):
            cursor = connection.execute(sql, dict(parameters))
            rows = cursor.fetchmany(most_rows)
        if cursor.description is None:
            raise InputError("the SQL gives no table; expected one SELECT")
        return tuple(column[0] for column in cursor.description), rows


def _open_for_reading(database: SqliteFile) -> Any:
    require_safe_sqlite(dbapi2.sqlite_version_info)
    connection = dbapi2.connect(read_only_uri(database.path), uri=True, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    connection.set_authorizer(_authorise)
    return connection


def _authorise(action: int, _first: str | None, second: str | None, *_: str | None) -> int:
    loads_code = action == dbapi2.SQLITE_FUNCTION and second == "load_extension"
    allowed = action in _ALLOWED_ACTIONS and not loads_code
    return int(dbapi2.SQLITE_OK if allowed else dbapi2.SQLITE_DENY)


@contextmanager
def _questions_faults_named(time_limit_s: float) -> Iterator[None]:
    """Tell faults of the question (InputError) from faults of the database."""
    try:
        yield
    except (dbapi2.Warning, UnicodeEncodeError) as error:  # several statements; half a character
        raise InputError(f"the SQL cannot be answered: {error}") from error
    except dbapi2.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code == dbapi2.SQLITE_AUTH:
            raise InputError(f"the SQL is refused: expected one SELECT that only reads ({error})") from error
        if code == dbapi2.SQLITE_INTERRUPT:
            raise InputError(f"the SQL took longer than {time_limit_s:g} s; narrow it down") from error
        if code in (None, dbapi2.SQLITE_ERROR, dbapi2.SQLITE_TOOBIG, dbapi2.SQLITE_MISMATCH):
            raise InputError(f"the SQL cannot be answered: {error}") from error
        raise
