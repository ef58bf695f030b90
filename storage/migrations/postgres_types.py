"""Gives the columns of all revisions the types of PostgreSQL.

The revisions are written in the types of SQLite and stay as they were released.
"""

from typing import Any

import sqlalchemy as sa
from alembic.ddl.postgresql import PostgresqlImpl

from storage.column_types import server_type


class StationPostgresqlImpl(PostgresqlImpl):
    """What Alembic does to the PostgreSQL of a station; it is found by the name of its dialect."""

    __dialect__ = "postgresql"

    def create_table(self, table: sa.Table, **options: Any) -> None:
        """Create a table."""
        for column in table.columns:
            column.type = server_type(column)
        super().create_table(table, **options)

    def add_column(self, table_name: str, column: sa.Column[Any], **options: Any) -> None:
        """Add a column to a table."""
        column.type = server_type(column)
        super().add_column(table_name, column, **options)
