"""Questions to a station's PostgreSQL: one SELECT, or all rows of a view as they come."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import psycopg

from qc_daemon.domain.errors import InputError
from storage.postgres import PostgresDatabase
from storage.timestamps import utc_text

if TYPE_CHECKING:
    from storage.history import Value

# What may hold a colon that names no parameter: texts, names, comments, casts.
_PARAMETER = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | :: | :(?P<name>[A-Za-z_]\w*) | %""",
    re.VERBOSE | re.DOTALL,
)
# Classes of errors that are the question's: its syntax and names, its values, what is not supported.
_FAULTS_OF_QUESTION = frozenset({"0A", "21", "22", "2F", "34", "38", "42", "54"})
_ROWS_AT_ONCE = 10_000
_AS_SQLITE = {"bigint": "INTEGER", "integer": "INTEGER", "double precision": "REAL"}


def ask(
    database: PostgresDatabase,
    sql: str,
    time_limit_s: float,
    most_rows: int,
    parameters: Mapping[str, str],
) -> tuple[tuple[str, ...], list[tuple["Value", ...]]]:
    """Return the columns and the first rows of the answer to one SELECT.

    The server itself refuses what is none: a cursor stands for one SELECT, in a session that only reads.

    Raises:
        InputError: the SQL cannot be read, would change something, or took too long.
    """
    with (
        closing(database.connect_to_ask(time_limit_s)) as connection,
        _questions_faults_named(time_limit_s),
        connection.cursor(name="question") as cursor,
    ):
        # its type asks for texts of the program, for fear of others' parts in them; this one is a person's
        cursor.execute(_with_places(sql), dict(parameters))
        rows = [tuple(map(plain, row)) for row in cursor.fetchmany(most_rows)]
        assert cursor.description is not None  # a cursor has columns
        return tuple(column.name for column in cursor.description), rows


@contextmanager
def all_rows(
    database: PostgresDatabase, view: str
) -> Iterator[tuple[dict[str, str], Iterator[list[tuple["Value", ...]]]]]:
    """Yield the type of each column of a view as SQLite calls it, and all its rows some at a time.

    They are those of one moment, and the server keeps what was not asked for yet.
    """
    with closing(database.connect_to_ask(0.0)) as connection, connection.cursor(name="export") as cursor:
        cursor.execute(f"SELECT * FROM {view}")  # noqa: S608 a view of ours
        assert cursor.description is not None
        types = {column.name: _AS_SQLITE.get(column.type_display, "TEXT") for column in cursor.description}
        yield types, _batches(cursor)


def plain(cell: object) -> "Value":
    """Return a cell as SQLite would have it."""
    if cell is None or isinstance(cell, str | float | bytes):
        return cell
    if isinstance(cell, datetime) and cell.tzinfo is not None:
        return utc_text(cell)
    return int(cell) if isinstance(cell, int) else str(cell)  # true is 1


def _batches(cursor: psycopg.ServerCursor[tuple[object, ...]]) -> Iterator[list[tuple["Value", ...]]]:
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield [tuple(map(plain, row)) for row in rows]


def _with_places(sql: str) -> str:
    """Return a question whose `:name` are places of psycopg."""

    def place(found: re.Match[str]) -> str:
        name = found["name"]
        return f"%({name})s" if name else found[0].replace("%", "%%")

    return _PARAMETER.sub(place, sql)


@contextmanager
def _questions_faults_named(time_limit_s: float) -> Iterator[None]:
    """Tell faults of the question (InputError) from faults of the database."""
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise InputError(f"the SQL took longer than {time_limit_s:g} s; narrow it down") from error
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise InputError(
            f"the SQL is refused: expected one SELECT that only reads ({_first_line(error)})"
        ) from error
    except UnicodeEncodeError as error:
        raise InputError(f"the SQL cannot be answered: {error}") from error
    except psycopg.Error as error:
        state = error.sqlstate
        if (state or "")[:2] in _FAULTS_OF_QUESTION or (
            state is None and isinstance(error, psycopg.ProgrammingError | psycopg.DataError)
        ):
            raise InputError(f"the SQL cannot be answered: {_first_line(error)}") from error
        raise


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
