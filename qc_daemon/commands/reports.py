"""Command report: the certificate of an inspection, the report of a lot, the report of a day."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import typer

from qc_daemon.config import DEFAULT_FILE
from qc_daemon.domain.errors import InputError
from qc_daemon.wiring.archive import archive_config
from qc_daemon.wiring.reports import write_certificate, write_daily_report, write_lot_report

ConfigOption = Annotated[Path, typer.Option("--config", help="Configuration file of the station.")]
StationOption = Annotated[
    Path | None, typer.Option("--station", help="Station folder; that of the configuration if not given.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(report)


def report(
    one: Annotated[str | None, typer.Argument(metavar="ID", help="Number or id of an inspection.")] = None,
    lot: Annotated[str | None, typer.Option(help="Report of this lot.")] = None,
    daily: Annotated[str | None, typer.Option(metavar="DATE", help="Report of this UTC day.")] = None,
    lang: Annotated[Literal["zh", "en", "both"] | None, typer.Option(help="Language.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; in this folder if not given.")] = None,
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
) -> None:
    """Write the certificate of an inspection, or the report of a lot or a day, from stored records."""
    if sum(given is not None for given in (one, lot, daily)) != 1:
        raise InputError("report: expected one of an ID, --lot and --daily")
    settings = archive_config(config, station)
    if lot is not None:
        path = write_lot_report(settings, lot, lang, out)
    elif daily is not None:
        path = write_daily_report(settings, _day(daily), lang, out)
    else:
        assert one is not None, "one of the three is given"
        path = write_certificate(settings, one, lang, out)
    typer.echo(str(path))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f'report: --daily "{text}": expected a date such as 2026-11-24') from error
