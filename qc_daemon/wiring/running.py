"""Puts a station together that runs until it is told to stop."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from qc_daemon.alarms import Alarms
from qc_daemon.calendar import Calendar
from qc_daemon.clock import SystemClock
from qc_daemon.config import Config
from qc_daemon.daemon import Daemon
from qc_daemon.line_loop import LineLoop
from qc_daemon.service_manager import service_manager
from qc_daemon.status import StatusBoard
from qc_daemon.wiring.archive import status_file
from qc_daemon.wiring.ledger import anchored_at_stop
from qc_daemon.wiring.lines import open_line
from qc_daemon.wiring.messages import open_outbox, open_publisher
from qc_daemon.wiring.nightly import nightly_jobs
from qc_daemon.wiring.plant import open_plant_pusher
from qc_daemon.wiring.reloading import Reloading, set_up_log
from qc_daemon.wiring.station import alarm_store, open_repaired_store, open_workplace
from qc_daemon.wiring.templates import adopt_templates, tell_of_templates
from qc_daemon.wiring.triggers import as_ordered, open_trigger
from qc_daemon.wiring.web import open_page


@contextmanager
def open_daemon(
    config: Config, path: Path, say: Callable[[str], None]
) -> Iterator[tuple[Daemon, Callable[[], None]]]:
    """Open the station of a configuration; return it and what reads its file at `path` anew.

    `say` tells the person at the console where the page is.
    """
    set_up_log(config)
    clock = SystemClock()
    refused = adopt_templates(config)
    # The store comes first: a second process must not talk to the line.
    with anchored_at_stop(config), open_repaired_store(config) as store:
        board = StatusBoard(status_file(config.station.folder), clock)
        board.update()
        alarms = Alarms(board, alarm_store(store), clock)
        tell_of_templates(refused, alarms)
        with (
            open_page(config, store, alarms, say) as page,  # early: its process takes a while to start
            open_workplace(config, open_line(config), store) as workplace,
            open_trigger(config, workplace.line) as trigger,
        ):
            outbox = open_outbox(config, workplace)
            loop = LineLoop(workplace, as_ordered(trigger, store), board, alarms)
            with (
                Calendar(nightly_jobs(config, workplace, outbox, alarms), alarms, board) as calendar,
                open_publisher(config, outbox, board, alarms) as publisher,
                open_plant_pusher(config, workplace, outbox, alarms) as plant,
            ):
                yield (
                    Daemon(
                        loop,
                        page,
                        board,
                        alarms,
                        service_manager(os.environ),
                        {"calendar": calendar.lives, **publisher, **plant},
                        config.station.folder,
                        clock,
                    ),
                    Reloading(path, config, workplace, loop, alarms),
                )
