"""Pushes the outbox of a station to the plant.

A thread of its own: a plant that is away holds nothing up. Messages go in order, and only what the plant has
committed counts as sent; what was sent twice after a cut is one thing there.
"""

import threading
from typing import Self

import structlog

from qc_daemon.alarms import Alarms
from qc_daemon.domain.errors import QcError
from qc_daemon.domain.outbox import Outbox, Plant
from qc_daemon.domain.waits import growing_waits

log = structlog.get_logger()

DESTINATION = "plant"
_AT_ONCE = 200
_LOOK_S = 1.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_STOP_S = 10.0


def push_once(outbox: Outbox, plant: Plant) -> int:
    """Push the oldest messages that the plant has not got; return how many.

    Raises:
        PlantUnavailable: it does not answer; nothing counts as sent.
        IntegrityError: another station has the name of this one.
    """
    messages = outbox.after(DESTINATION, _AT_ONCE)
    if messages:
        plant.receive(messages)
        outbox.advance(DESTINATION, messages[-1].sequence)
    return len(messages)


class PlantPusher:
    """Pushes from `with` until its end.

    Args:
        outbox: what waits.
        plant: where to.
        alarms: hear of a plant that is away.
        first_wait_s: how long to wait after the first failure; longer after each one more.
    """

    def __init__(
        self, outbox: Outbox, plant: Plant, alarms: Alarms, first_wait_s: float = _FIRST_WAIT_S
    ) -> None:
        self._outbox, self._plant, self._alarms = outbox, plant, alarms
        self._first_wait_s = first_wait_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="plant", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_STOP_S)

    def is_alive(self) -> bool:
        """Tell whether its thread is there."""
        return self._thread.is_alive()

    def _serve(self) -> None:
        waits = growing_waits(self._first_wait_s, _LONGEST_WAIT_S)
        while not self._stop.is_set():
            try:
                pushed = push_once(self._outbox, self._plant)
            except QcError as error:
                log.warning("plant away", error=str(error))
                self._alarms.raise_alarm("plant", str(error))
                self._stop.wait(next(waits))
                continue
            if pushed:
                self._alarms.clear("plant")
                waits = growing_waits(self._first_wait_s, _LONGEST_WAIT_S)
            else:
                self._stop.wait(_LOOK_S)
