"""Upgrades of a database that are cut before a statement."""

from pathlib import Path

import pytest
from sqlalchemy import event

from storage import schema
from storage.database import database_url, open_writer
from storage.schema import upgrade


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

    def cut_writer(*arguments: object, **options: object):
        engine = open_writer(*arguments, **options)
        event.listen(engine, "before_cursor_execute", count)
        return engine

    with monkeypatch.context() as patched:
        patched.setattr(schema, "open_writer", cut_writer)
        try:
            upgrade(database_url(path))
        except Cut:
            return True
    return False
