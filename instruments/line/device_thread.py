"""A line device in a thread of its own: opened again with growing waits whenever it is lost."""

import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from qc_daemon.domain.errors import InstrumentError
from qc_daemon.domain.waits import growing_waits

_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 10.0


class DeviceThread:
    """A context manager: the device is served from `__enter__` to `__exit__`.

    Args:
        serve: opens the device, talks to it until the event is set, and closes it; yields whenever it has
            answered. An `InstrumentError` means that it is lost.
        lost: takes note of the loss; gets one line that says why.
        name: of the thread.
    """

    def __init__(
        self, serve: Callable[[threading.Event], Iterator[None]], lost: Callable[[str], None], name: str
    ) -> None:
        self._serve = serve
        self._lost = lost
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def require_alive(self) -> None:
        """Raise whatever the thread died of, so that a station never waits for a dead one."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        waits = growing_waits(_FIRST_WAIT_S, _LONGEST_WAIT_S)
        try:
            while not self._stop.is_set():
                try:
                    for _ in self._serve(self._stop):
                        waits = growing_waits(_FIRST_WAIT_S, _LONGEST_WAIT_S)
                except InstrumentError as error:
                    self._lost(str(error))
                    self._stop.wait(next(waits))
        except BaseException as error:
            self._error = error
