"""The command that runs the station until it is told to stop."""

import signal
import threading

import typer

from qc_daemon.commands.line import ConfigOption
from qc_daemon.commands.output import say
from qc_daemon.config import DEFAULT_FILE, load_config
from qc_daemon.wiring.running import open_daemon


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(run)


def run(config: ConfigOption = DEFAULT_FILE) -> None:
    """Run the station until Ctrl-C or SIGTERM; the inspection that is running is finished first.

    SIGHUP reads the configuration anew and takes over what can be changed while the line runs.
    """
    stop, reload = threading.Event(), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: reload.set())
    settings = load_config(config)
    with open_daemon(settings, config, say) as (daemon, reread):
        say(f"station {settings.station.folder} runs; Ctrl-C ends it")
        daemon.run(stop, reload, reread)
