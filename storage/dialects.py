"""What SQLite and PostgreSQL do not say alike: pieces of SQL, and what is asked of a database as a whole."""

# ruff: noqa: S608  (names of tables and columns of this software)

from collections.abc import Iterator
from typing import Protocol

from sqlalchemy import Connection, text


class SqlDialect(Protocol):
    """Expressions of one kind of database; arguments are SQL themselves."""

    def joined(self, value: str, separator: str) -> str:
        """Return the aggregate that strings texts together, in the order of the rows."""
        ...

    def truncated(self, value: str) -> str:
        """Return a number without its fraction."""
        ...

    def rounded(self, value: str, digits: int) -> str:
        """Return a number with so many digits after the point."""
        ...

    def day(self, moment: str) -> str:
        """Return the date of a moment in UTC as a text."""
        ...

    def minutes(self, start: str, end: str) -> str:
        """Return how long it is from one moment to another."""
        ...

    def matches(self, value: str, pattern: str) -> str:
        """Return whether a text fits a pattern in which * stands for any characters and ? for one."""
        ...


class SqliteSql:
    """Implements SqlDialect within SQLite 3.37."""

    def joined(self, value: str, separator: str) -> str:
        """Return the aggregate."""
        return f"group_concat({value}, '{separator}')"

    def truncated(self, value: str) -> str:
        """Return the whole number."""
        return f"CAST({value} AS INTEGER)"

    def rounded(self, value: str, digits: int) -> str:
        """Return the rounded number."""
        return f"round({value}, {digits})"

    def day(self, moment: str) -> str:
        """Return the date: moments are ISO-8601 texts."""
        return f"substr({moment}, 1, 10)"

    def minutes(self, start: str, end: str) -> str:
        """Return minutes."""
        return f"(julianday({end}) - julianday({start})) * 24 * 60"

    def matches(self, value: str, pattern: str) -> str:
        """Return the condition, which an index helps with."""
        return f"{value} GLOB {pattern}"


class PostgresSql:
    """Implements SqlDialect for PostgreSQL 15 and later, whose sessions have UTC as time zone."""

    def joined(self, value: str, separator: str) -> str:
        """Return the aggregate."""
        return f"string_agg({value}, '{separator}')"

    def truncated(self, value: str) -> str:
        """Return the whole number; a cast would round it."""
        return f"CAST(trunc({value}) AS BIGINT)"

    def rounded(self, value: str, digits: int) -> str:
        """Return the rounded number; only a numeric can be rounded so."""
        return f"round(CAST({value} AS numeric), {digits})"

    def day(self, moment: str) -> str:
        """Return the date."""
        return f"to_char({moment}, 'YYYY-MM-DD')"

    def minutes(self, start: str, end: str) -> str:
        """Return minutes."""
        return f"extract(epoch FROM {end} - {start}) / 60"

    def matches(self, value: str, pattern: str) -> str:
        """Return the condition; % and _ stand for themselves as they do elsewhere."""
        return rf"{value} LIKE translate(replace(replace({pattern}, '%', '\%'), '_', '\_'), '*?', '%_')"


SQLITE, POSTGRESQL = SqliteSql(), PostgresSql()


def sql_of(connection: Connection) -> SqlDialect:
    """Return how the database of a connection says it."""
    return POSTGRESQL if is_postgresql(connection) else SQLITE


def is_postgresql(connection: Connection) -> bool:
    """Tell which kind of database a connection goes to."""
    return connection.dialect.name == "postgresql"


def view_names(connection: Connection) -> list[str]:
    """Return the names of the views of a database; on a server only those named as this software's are."""
    of_sqlite = "SELECT name FROM sqlite_master WHERE type = 'view'"
    of_server = r"SELECT viewname FROM pg_views WHERE schemaname = current_schema() AND viewname LIKE 'v\_%'"
    return list(connection.scalars(text(of_server if is_postgresql(connection) else of_sqlite)))


def database_problems(connection: Connection) -> Iterator[str]:
    """Yield what is wrong with a database as a whole: its pages, and rows that point at nothing."""
    if not is_postgresql(connection):  # a server's pages are its administrator's: pg_amcheck reads them
        yield from (line for line in connection.scalars(text("PRAGMA integrity_check")) if line != "ok")
    yield from broken_references(connection)


def broken_references(connection: Connection) -> Iterator[str]:
    """Yield a line for each row, or on a server each table, that points at rows that do not exist."""
    if is_postgresql(connection):
        yield from _broken_on_server(connection)
        return
    for table, row, target, _ in connection.execute(text("PRAGMA foreign_key_check")):
        yield f"row {row} of {table} points at a row of {target} that does not exist"


def _broken_on_server(connection: Connection) -> Iterator[str]:
    """Look for what a session without triggers, or a restored dump without them, may have left."""
    constraints = connection.execute(
        text(
            "SELECT conrelid::regclass::text, a.attname, confrelid::regclass::text, f.attname"
            " FROM pg_constraint AS c"
            " JOIN pg_attribute AS a ON a.attrelid = conrelid AND a.attnum = conkey[1]"
            " JOIN pg_attribute AS f ON f.attrelid = confrelid AND f.attnum = confkey[1]"
            " WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY c.conname"
        )
    ).all()
    for table, column, target, key in constraints:
        broken = connection.scalar(
            text(
                f"SELECT count(*) FROM {table} AS t WHERE {column} IS NOT NULL"
                f" AND NOT EXISTS (SELECT 1 FROM {target} AS r WHERE r.{key} = t.{column})"
            )
        )
        if broken:
            yield f"{broken} rows of {table} point at rows of {target} that do not exist"
