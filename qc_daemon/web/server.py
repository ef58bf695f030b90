"""Serves the application until the station ends."""

import signal
import socket
import threading
from collections.abc import Callable

import uvicorn

from qc_daemon.settings.web import WebSection
from qc_daemon.web.app import create_app
from qc_daemon.web.parts import Parts

_LAST_REQUESTS_S = 3  # open streams are told to end at once; whatever still runs then is cut off
_CONNECTIONS = 400


def serve(parts: Parts, section: WebSection, listening: socket.socket, beat: Callable[[], bool]) -> None:
    """Serve on an open socket, in a process of our own, until SIGTERM or until the station is gone.

    `beat` tells the station that we live, and us whether the station does.
    """
    stop = threading.Event()
    server: uvicorn.Server

    def stopping() -> bool:
        return stop.is_set() or server.should_exit

    def beating() -> None:
        if not beat():
            stop.set()

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(parts, stopping, beating),
            ssl_certfile=section.tls_certificate,
            ssl_keyfile=section.tls_key,
            timeout_graceful_shutdown=_LAST_REQUESTS_S,
            limit_concurrency=_CONNECTIONS,
            server_header=False,
            access_log=False,
            log_level="warning",
            lifespan="on",
        )
    )
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a terminal sends Ctrl-C to all; only the station acts on it
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    # uvicorn leaves the signals alone when it does not run in the main thread.
    thread = threading.Thread(target=server.run, args=([listening],), name="page", daemon=True)
    thread.start()
    while thread.is_alive() and not stop.wait(0.2):
        pass
    server.should_exit = True
    thread.join(_LAST_REQUESTS_S + 1.0)
