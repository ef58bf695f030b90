"""Checks the ledger of a station, and writes its head down where the database cannot be changed with it.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from qc_daemon.alarms import Alarms
from qc_daemon.clock import SystemClock
from qc_daemon.config import Config
from qc_daemon.domain.errors import QcError
from qc_daemon.wiring.archive import archive_config
from qc_daemon.wiring.database import open_inspections, url_of

if TYPE_CHECKING:
    from storage.ledger_anchors import Anchor
    from storage.ledger_check import LedgerReport

log = structlog.get_logger()


def check_ledger_of(config: Path, station: Path | None) -> "LedgerReport":
    """Check the ledger of the station that a command means, with the anchors of its configuration.

    Raises:
        InputError: the anchor file cannot be read.
        StoreUnavailable: the database does not answer, or is of another schema.
    """
    from storage.ledger_check import check_ledger

    settings = archive_config(config, station)
    return check_ledger(settings.station.folder, url_of(settings), _anchors(settings))


def nightly_ledger_check(config: Config, alarms: Alarms) -> Callable[[], None]:
    """Return the check that the calendar runs each night; what it finds is an alarm."""

    def check() -> None:
        from storage.ledger_check import check_ledger

        problems = check_ledger(config.station.folder, url_of(config), _anchors(config)).problems
        alarms.clear("ledger")
        if problems:
            more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
            alarms.raise_alarm("ledger", f"{problems[0]}{more}")

    return check


def nightly_anchor(config: Config) -> Callable[[], None]:
    """Return what the calendar runs each night; without a section [ledger] it does nothing."""
    return lambda: write_head(config)


@contextmanager
def anchored_at_stop(config: Config) -> Iterator[None]:
    """Write the head down when a station stops, whatever it stops of."""
    try:
        yield
    finally:
        try:
            write_head(config)
        except QcError as error:
            log.warning("the head of the ledger is not anchored", error=str(error))


def write_head(config: Config) -> None:
    """Append the head of the ledger to the anchor file of a configuration, if it names one.

    Raises:
        StoreUnavailable: the database does not answer, or the file cannot be written.
    """
    from storage.ledger_anchors import write_anchor

    if config.ledger is None:
        return
    with open_inspections(config) as reader:
        head = reader.ledger_head()
    write_anchor(config.ledger.anchor_file, head, SystemClock().now())


def _anchors(config: Config) -> "list[Anchor]":
    from storage.ledger_anchors import read_anchors

    section = config.ledger
    if section is None or not section.anchor_file.exists():
        return []
    return read_anchors(section.anchor_file)
