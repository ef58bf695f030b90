"""The command line: assembles the commands and turns errors into one line and an exit status.

0 done · 1 done, and the answer is no · 2 wrong arguments or input · 3 an instrument or the database
is not available.
"""

import sys
from collections.abc import Sequence

import typer

from qc_daemon.commands import (
    archive,
    calibrate,
    clean,
    detect_debris,
    history,
    keeping,
    lab,
    line,
    models,
    plant,
    reports,
    rescore,
    run,
    traceability,
    users,
    verify,
    workshop,
)
from qc_daemon.domain.errors import QcError
from qc_daemon.logs import log_to_stderr

app = typer.Typer(
    help="Quality control for a textile line: NIR spectra and micrographs to a verdict and a certificate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain lines: for logs, pipes and every terminal
)
for room in (
    line,
    run,
    archive,
    history,
    lab,
    keeping,
    calibrate,
    models,
    rescore,
    plant,
    workshop,
    clean,
    detect_debris,
    reports,
    verify,
    traceability,
    users,
):
    room.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its status."""
    log_to_stderr()
    try:
        app(args=arguments)  # exits by itself; with 2 for wrong arguments
    except QcError as error:
        typer.echo(f"qc-daemon: {error}", err=True)
        sys.exit(error.exit_status)
