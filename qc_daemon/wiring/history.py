"""Opens the history of a station: one question, a whole view as a file, or pages for a browser."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from qc_daemon.config import Config
from qc_daemon.wiring.database import url_of

if TYPE_CHECKING:
    from storage.history import QueryResult

_QUERY_LIMIT_S = 5.0
_QUERY_LIMIT_ROWS = 1000


def run_query(
    config: Config, sql: str, parameters: Mapping[str, str] = MappingProxyType({})
) -> "QueryResult":
    """Run one read-only query on the history of a station."""
    from storage.history import run_query as query

    return query(url_of(config), sql, _QUERY_LIMIT_S, _QUERY_LIMIT_ROWS, parameters)


def export_view(config: Config, view: str, file_format: Literal["csv", "parquet"], out: Path) -> int:
    """Write all rows of a view to a file; return how many."""
    from storage.history_export import export_view as export

    return export(url_of(config), view, file_format, out)


def serve_history(config: Config, port: int, started: Callable[[str], None]) -> None:
    """Serve the history to browsers on this computer until a signal comes; this imports Datasette."""
    from storage.history_site import serve_history as serve

    serve(url_of(config), f"History of {config.station.folder.resolve().name}", port, started)
