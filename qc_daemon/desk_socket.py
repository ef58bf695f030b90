"""Brings requests to the daemon over a Unix socket in the station folder: from the page, from the console.

One connection is one request: a line of JSON there, a line of JSON back. Only the user of the daemon can
open the socket.
"""

import json
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import structlog
from pydantic import TypeAdapter, ValidationError

from qc_daemon.domain.requests import Answer, AnswerKind, Credential, Desk, Request

log = structlog.get_logger()

_NAME = "desk.sock"
_LONGEST_LINE = 64 * 1024
_ANSWER_WITHIN_S = 30.0  # a new model proves itself before it is active
_REQUESTS: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in get_args(Request)}
_CREDENTIAL = TypeAdapter(Credential)
_ANSWER = TypeAdapter(Answer)


class DeskSocket:
    """The port Desk in another process."""

    def __init__(self, station: Path) -> None:
        self._station = station

    def ask(self, credential: Credential, request: Request) -> Answer:
        """Bring a request to the daemon."""
        envelope = {
            "credential": asdict(credential),
            "request": type(request).__name__,
            "of": asdict(request),
        }
        try:
            return _ANSWER.validate_json(self._exchange(json.dumps(envelope).encode() + b"\n"))
        except (OSError, ValidationError) as error:
            return Answer(AnswerKind.UNAVAILABLE, "unavailable", str(error))

    def _exchange(self, line: bytes) -> bytes:
        with _short_path(self._station) as path, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWER_WITHIN_S)
            connection.connect(path)
            connection.sendall(line)
            with connection.makefile("rb") as answer:
                return answer.readline(_LONGEST_LINE)


@contextmanager
def open_desk(station: Path, desk: Desk) -> Iterator[None]:
    """Serve a desk on the socket of a station until the end of the block."""
    (station / _NAME).unlink(missing_ok=True)  # of a daemon that was killed: the station is ours alone
    with _short_path(station) as path, _Server(path, desk) as server:
        (station / _NAME).chmod(0o600)
        thread = threading.Thread(target=server.serve_forever, name="desk", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            (station / _NAME).unlink(missing_ok=True)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, path: str, desk: Desk) -> None:
        self.desk = desk
        self.one_at_a_time = threading.Lock()
        super().__init__(path, _Handler)

    def answer(self, line: bytes) -> Answer:
        """Return the answer to one line."""
        try:
            envelope = json.loads(line)
            credential = _CREDENTIAL.validate_python(envelope["credential"])
            request = _REQUESTS[envelope["request"]].validate_python(envelope["of"])
        except (ValueError, KeyError, TypeError) as error:
            return Answer(AnswerKind.INVALID, "invalid", str(error))
        with self.one_at_a_time:
            return self.desk.ask(credential, request)


class _Handler(socketserver.StreamRequestHandler):
    timeout = 5.0
    server: _Server

    def handle(self) -> None:
        """Answer one request."""
        line = self.rfile.readline(_LONGEST_LINE)
        try:
            answer = self.server.answer(line)
        except Exception:  # whoever asked hears of it; the desk stays open
            log.exception("the desk failed")
            answer = Answer(AnswerKind.UNAVAILABLE, "unavailable")
        self.wfile.write(_ANSWER.dump_json(answer) + b"\n")


@contextmanager
def _short_path(station: Path) -> Iterator[str]:
    """Give a path of the socket that fits in the 107 bytes of an address, however long the folder's is."""
    folder = os.open(station, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{_NAME}"
    finally:
        os.close(folder)
