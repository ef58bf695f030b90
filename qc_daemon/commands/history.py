"""Commands of the history: history sql, export, serve."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from qc_daemon.commands.archive import ConfigOption, JsonOption, StationOption
from qc_daemon.commands.output import console, print_json, say, table
from qc_daemon.config import DEFAULT_FILE
from qc_daemon.domain.errors import InputError
from qc_daemon.wiring import history as wiring
from qc_daemon.wiring.archive import archive_config


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    history = typer.Typer(help="Ask the history of the station.", no_args_is_help=True)
    history.command("sql")(history_sql)
    history.command("export")(history_export)
    history.command("serve")(history_serve)
    app.add_typer(history, name="history")


def history_sql(
    sql: Annotated[str, typer.Argument(help="A SELECT over the views of docs/history.md.")],
    param: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Fills in :NAME in the SQL.")
    ] = None,
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run one read-only query, with a time and a row limit."""
    answer = wiring.run_query(archive_config(config, station), sql, _parameters(param or []))
    if as_json:
        print_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
        return
    rows = table(*answer.columns)
    for row in answer.rows:
        rows.add_row(*("" if cell is None else str(cell) for cell in row))
    console().print(rows)
    if answer.truncated:
        say(f"only the first {len(answer.rows)} rows are shown")


def history_export(
    view: Annotated[str, typer.Option(help="View of docs/history.md.")],
    out: Annotated[Path, typer.Option(help="New file to write.")],
    file_format: Annotated[Literal["csv", "parquet"], typer.Option("--format", help="Format.")] = "csv",
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
) -> None:
    """Write a whole view to a file, for a spreadsheet or for programs."""
    count = wiring.export_view(archive_config(config, station), view, file_format, out)
    typer.echo(f"{count} rows of {view} in {out}")


def history_serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 8001,
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
) -> None:
    """Show the history in a browser on this computer, until Ctrl-C; nothing can be changed there."""
    wiring.serve_history(archive_config(config, station), port, typer.echo)


def _parameters(texts: Sequence[str]) -> dict[str, str]:
    parameters = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (equals and name.isidentifier()):
            raise InputError(f'--param "{text}": expected NAME=VALUE')
        parameters[name] = value
    return parameters
