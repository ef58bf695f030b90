"""Upgrades of a database that are cut before a statement."""

from pathlib import Path

import pytest
from sqlalchemy import event

from storage.database_url import database_url
from storage.schema import upgrade
from storage.sqlite_file import SqliteFile


class Cut(Exception):
    """Stands for the process dying in the middle of an upgrade."""


def upgrade_cut_before(path: Path, statement: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Upgrade, but fail before the statement of that number; tell whether it was reached."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        if seen == statement:
            raise Cut
        seen += 1

    open_writer = SqliteFile.open_writer

    def cut_writer(database: SqliteFile, migrating: bool = False):
        engine = open_writer(database, migrating)
        event.listen(engine, "before_cursor_execute", count)
        return engine

    with monkeypatch.context() as patched:
        patched.setattr(SqliteFile, "open_writer", cut_writer)
        try:
            upgrade(database_url(path))
        except Cut:
            return True
    return False
