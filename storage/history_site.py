"""Serves the history to browsers on this computer with Datasette: it reads, and can do nothing else.

Datasette opens the file read-only, refuses what is no SELECT, and gives up after the time limit. Below
it, each connection asks `_authorise` about every action of a statement, whatever was typed.
"""

import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import uvicorn
from datasette import hookimpl
from datasette.app import Datasette
from datasette.plugins import pm
from pysqlite3 import dbapi2
from sqlalchemy import inspect

from qc_daemon.domain.errors import InputError
from storage.database import one_line_errors
from storage.database_url import sqlite_file
from storage.questions import QUESTIONS, Question
from storage.schema import require_newest_schema
from storage.sqlite_file import SqliteFile

HOST = "127.0.0.1"

_INSTEAD = "Datasette serves no server; point a tool for PostgreSQL at it as a user who may only read"

_QUERY_LIMIT_MS = 5000
_SETTINGS = {
    "sql_time_limit_ms": _QUERY_LIMIT_MS,
    "facet_time_limit_ms": 1000,
    "facet_suggest_time_limit_ms": 50,
    "max_returned_rows": 1000,
    "allow_download": False,  # a copy of a live file would be broken; `qc-daemon backup` makes whole ones
    "default_cache_ttl": 0,
    "max_csv_mb": 100,
}
_READING = frozenset(
    {dbapi2.SQLITE_SELECT, dbapi2.SQLITE_READ, dbapi2.SQLITE_FUNCTION, dbapi2.SQLITE_RECURSIVE}
)
# What Datasette asks of a schema; none of these changes anything.
_HARMLESS_PRAGMAS = frozenset(
    {
        "table_info", "table_xinfo", "table_list", "foreign_key_list", "index_list", "index_info",
        "index_xinfo", "database_list", "compile_options", "function_list", "schema_version",
    }
)  # fmt: skip
_FACETS = {
    "v_inspections": ["verdict", "class"],
    "v_fibre_shares": ["fibre", "verdict"],
    "v_defects": ["kind", "severity"],
    "v_alarms": ["code", "active"],
    "v_references": ["instrument_serial", "tile_id"],
}
_SECONDS_TO_FINISH = 2
_NOTES_OF_DATASETTE = "_internal"  # what it remembers of schemas, in memory; nobody else may see it


def serve_history(url: str, title: str, port: int, started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; `started` is told the address. Port 0 takes a free one.

    Raises:
        InputError: the port is taken.
        StoreUnavailable: the database does not exist or has another schema.
    """
    database = sqlite_file(url, _INSTEAD)
    require_newest_schema(database)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _listen(port) as listener:
        config = uvicorn.Config(
            history_app(database, title), log_level="warning", timeout_graceful_shutdown=_SECONDS_TO_FINISH
        )
        server = uvicorn.Server(config)
        # In a thread of its own, uvicorn leaves the signals to us.
        thread = threading.Thread(target=server.run, args=([listener],), name="history-site")
        thread.start()
        started(f"http://{HOST}:{listener.getsockname()[1]}")
        while thread.is_alive() and not stop.wait(0.2):
            pass
        server.should_exit = True
        thread.join()


def history_app(database: SqliteFile, title: str) -> Any:
    """Return the ASGI application that serves one database file."""
    if not pm.has_plugin(__name__):
        pm.register(sys.modules[__name__], name=__name__)  # for `prepare_connection`
    # Else every mistyped question prints a traceback, with the values of all variables.
    pm.get_plugin("datasette.handle_exception").rich = None
    return Datasette([str(database)], metadata=_metadata(database, title), settings=_SETTINGS).app()


@hookimpl  # type: ignore[untyped-decorator]
def prepare_connection(conn: Any, database: str) -> None:
    """Let each connection of Datasette to the station's file read and nothing else."""
    if database == _NOTES_OF_DATASETTE:
        return
    conn.execute("PRAGMA query_only = ON")
    conn.set_authorizer(_authorise)


def _authorise(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action == dbapi2.SQLITE_PRAGMA:
        allowed = first in _HARMLESS_PRAGMAS
    else:
        allowed = action in _READING and not (action == dbapi2.SQLITE_FUNCTION and second == "load_extension")
    return int(dbapi2.SQLITE_OK if allowed else dbapi2.SQLITE_DENY)


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise InputError(f"port {port}: {error.strerror}; expected a free one (--port)") from error
    return listener


def _metadata(database: SqliteFile, title: str) -> dict[str, Any]:
    """Return titles, canned questions and facets; tables are hidden, for only views are promised."""
    reader = database.open_reader()
    try:
        with one_line_errors(database):
            tables = inspect(reader).get_table_names()
    finally:
        reader.dispose()
    shown = {view: {"facets": columns} for view, columns in _FACETS.items()}
    shown_database = {
        "queries": {question.name: _canned(question) for question in QUESTIONS},
        "tables": {table: {"hidden": True} for table in tables} | shown,
    }
    return {
        "title": title,
        "description": "Views and columns are explained in docs/history.md. Nothing can be changed here.",
        "databases": {database.path.stem: shown_database},
    }


def _canned(question: Question) -> dict[str, str]:
    canned = {"sql": question.sql, "title": question.title}
    if question.chart is not None:
        x, y, mark = question.chart
        chart = {
            "g.mark": mark,
            "g.x_column": x,
            "g.x_type": "ordinal" if mark == "bar" else "temporal",
            "g.y_column": y,
            "g.y_type": "quantitative",
        }
        canned["fragment"] = urlencode(chart)  # datasette-vega draws what the address says
    return canned
