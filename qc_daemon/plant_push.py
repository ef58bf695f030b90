"""Pushes what a station knows to the plant: its conclusions and corrections, and the rest of its outbox.

A thread of its own: a plant that is away holds nothing up. All goes in order, and only what the plant has
committed counts as sent; what was sent twice after a cut is one thing there. The plant itself says which
conclusions and corrections it has, so it gets those from before the station knew of it too.
"""

import threading
from typing import Self

import structlog

from qc_daemon.alarms import Alarms
from qc_daemon.domain.errors import QcError
from qc_daemon.domain.outbox import MessageKind, Outbox, Plant, RecordKind, Records
from qc_daemon.domain.waits import growing_waits

log = structlog.get_logger()

DESTINATION = "plant"
_AT_ONCE = 200
_LOOK_S = 1.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_STOP_S = 10.0


def push_once(records: Records, outbox: Outbox, plant: Plant) -> int:
    """Push the oldest of each kind that the plant has not got; return how many records and messages.

    Raises:
        PlantUnavailable: it does not answer; nothing of what is at hand counts as sent.
        IntegrityError: another station has the name of this one.
    """
    pushed = 0
    for kind in RecordKind:
        some = records.after(kind, plant.newest(kind), _AT_ONCE)
        if some:
            plant.keep(some)
            pushed += len(some)
    messages = outbox.after(DESTINATION, _AT_ONCE)
    if messages:
        # Conclusions go as records; in the outbox they are for those who listen to what happens.
        others = [message for message in messages if message.kind is not MessageKind.RESULT]
        plant.receive(others)
        outbox.advance(DESTINATION, messages[-1].sequence)
        pushed += len(others)
    return pushed


class PlantPusher:
    """Pushes from `with` until its end.

    Args:
        records: what the station keeps.
        outbox: what waits.
        plant: where to.
        alarms: hear of a plant that is away.
        first_wait_s: how long to wait after the first failure; longer after each one more.
    """

    def __init__(
        self,
        records: Records,
        outbox: Outbox,
        plant: Plant,
        alarms: Alarms,
        first_wait_s: float = _FIRST_WAIT_S,
    ) -> None:
        self._records, self._outbox, self._plant, self._alarms = records, outbox, plant, alarms
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
                pushed = push_once(self._records, self._outbox, self._plant)
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
