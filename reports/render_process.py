"""A child process that typesets, so that a layout engine that hangs or dies never takes the line along.

Run as ``python -m reports.render_process FD LIMIT_S``: reads pickled sheets from the socket FD,
answers each with the PDF's bytes or with the error, and ends when the other side is gone.
"""

import pickle
import resource
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from threading import Lock
from typing import BinaryIO, cast

from qc_daemon.domain.errors import ReportFailed
from reports.typesetting import Sheet, typeset

_MEMORY_LIMIT_GB = 1  # several times what the largest certificate takes


class RenderProcess:
    """Typesets sheets in one child that is started when needed, kept warm, and killed when it hangs."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._child: _Child | None = None
        self._lock = Lock()

    def start(self) -> None:
        """Start the child now, so that the first certificate does not wait for it."""
        with self._lock:
            self._running_child()

    def typeset(self, sheet: Sheet) -> bytes:
        """Return the PDF of a sheet.

        Raises:
            ReportFailed: the layout engine refused, died, or took longer than the limit; in the
                last two cases the next call starts a new child.
        """
        with self._lock:
            try:
                answer = self._running_child().ask(sheet)
            except TimeoutError as error:
                self._stop()
                raise ReportFailed(
                    f"{sheet.template.name}: not ready within {self._timeout_s:g} s"
                ) from error
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                self._stop()
                raise ReportFailed(
                    f"{sheet.template.name}: the process that renders died, as it does if a layout takes "
                    f"more than {_MEMORY_LIMIT_GB} GB; it is started anew"
                ) from error
        if isinstance(answer, ReportFailed):
            raise answer
        return answer

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._stop()

    def _running_child(self) -> "_Child":
        if self._child is None:
            self._child = _Child(self._timeout_s)
        return self._child

    def _stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None


class _Child:
    """One child and the socket to it."""

    def __init__(self, timeout_s: float) -> None:
        self._socket, far_end = socket.socketpair()
        self._socket.settimeout(timeout_s)
        self._stream = self._socket.makefile("rwb")
        with far_end:
            command = [sys.executable, "-P", "-m", __spec__.name, str(far_end.fileno()), str(timeout_s)]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=[far_end.fileno()],
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )

    def ask(self, sheet: Sheet) -> bytes | ReportFailed:
        pickle.dump(sheet, self._stream)
        self._stream.flush()
        return cast("bytes | ReportFailed", pickle.load(self._stream))  # noqa: S301 - our own child

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        with suppress(OSError):  # a half-sent sheet cannot be flushed any more
            self._stream.close()
        self._socket.close()


def _serve(stream: BinaryIO, limit_s: float) -> None:
    """Answer sheets until the stream ends.

    The timer kills this process if a sheet takes much longer than the limit, for then the parent
    that would have killed it is gone.
    """
    while True:
        try:
            sheet = pickle.load(stream)  # noqa: S301 - our own parent
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, 2.0 * limit_s)
        try:
            answer: bytes | ReportFailed = typeset(sheet)
        except ReportFailed as error:
            answer = error
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        pickle.dump(answer, stream)
        stream.flush()


def _limit_memory() -> None:
    """Let a template that grows without end kill this process, and not others on the machine.

    What is counted is writable memory: threads reserve address space that they never use.
    """
    limit = _MEMORY_LIMIT_GB * 10**9
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


if __name__ == "__main__":
    _limit_memory()
    with socket.socket(fileno=int(sys.argv[1])) as parent, parent.makefile("rwb") as both_ways:
        _serve(cast(BinaryIO, both_ways), float(sys.argv[2]))
