"""Chooses what says when to inspect: a clock, a PLC, a barcode scanner, or the specimen itself.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from qc_daemon.clock import SystemClock
from qc_daemon.config import Config
from qc_daemon.domain.ports import Line, Trigger


@contextmanager
def open_trigger(config: Config, line: Line) -> Iterator[Trigger]:
    """Open the trigger of a configuration."""
    from instruments.line.interval import IntervalTrigger

    yield IntervalTrigger(line, config.line.interval_s, SystemClock())
