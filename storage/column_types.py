"""Types of columns: those of SQLite, and what stands for them on PostgreSQL.

Texts are compared byte by byte on both; whole numbers have 64 bits and others are doubles on both.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    REAL,
    TIMESTAMP,
    BigInteger,
    Column,
    Dialect,
    Double,
    Integer,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine

from storage.timestamps import in_utc, utc_moment, utc_text

_MOMENT = TIMESTAMP(timezone=True)
PLAIN_TEXT = Text().with_variant(Text(collation="C"), "postgresql")
WHOLE_NUMBER = Integer().with_variant(BigInteger(), "postgresql")
REAL_NUMBER: TypeEngine[float] = REAL().with_variant(Double(), "postgresql")


class Moment(TypeDecorator[datetime]):
    """An aware moment: UTC text of one width, or a `timestamptz`."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that the database has."""
        return dialect.type_descriptor(_MOMENT if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | datetime | None:
        """Return what is stored."""
        if value is None:
            return None
        return in_utc(value) if dialect.name == "postgresql" else utc_text(value)

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        """Return the moment that was stored."""
        return None if value is None else utc_moment(value)


class Flag(TypeDecorator[bool]):
    """True or False, kept as 1 or 0 by either database: views and scripts compare it so."""

    impl = WHOLE_NUMBER
    cache_ok = True

    def process_bind_param(self, value: bool | None, _dialect: Dialect) -> int | None:
        """Return 1 or 0."""
        return None if value is None else int(value)

    def process_result_value(self, value: Any, _dialect: Dialect) -> bool | None:
        """Return True or False."""
        return None if value is None else bool(value)


def server_type(column: Column[Any]) -> TypeEngine[Any]:
    """Return what the type of a column in a migration is on PostgreSQL; moments go by their name."""
    if isinstance(column.type, Text):
        return _MOMENT if column.name.endswith("_at") else Text(collation="C")
    return BigInteger() if isinstance(column.type, Integer) else Double()
