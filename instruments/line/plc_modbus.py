"""A PLC that announces specimens over Modbus TCP, and hears the verdicts."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from instruments.line.device_thread import DeviceThread
from instruments.line.modbus_link import ModbusLink
from instruments.line.plc_handshake import DueSpecimen, Handshake
from instruments.line.plc_registers import (
    STATION_BLOCK,
    Answer,
    answer_of,
    decode_reading,
    refusal,
    words_to_read,
)
from qc_daemon.domain.errors import InstrumentError
from qc_daemon.domain.inspection import Conclusion, Specimen
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.line import Cue, LineHealth, NoVerdict, StationState
from qc_daemon.domain.ports import Clock, Look

# The PLC is asked this often, and at once when there is something to tell it.
_POLL_S = 0.02
_HEARTBEAT_S = 0.5  # of the station, in the PLC's registers
_SILENT_AFTER_S = 5.0  # without a heartbeat of the PLC nobody knows what lies there


class PlcTrigger:
    """Serves a PLC in a thread of its own, so that a slow one never holds up the spectrometer.

    While the PLC is silent, measurements go on at the station's own interval and are kept as unassigned.

    Args:
        link: to the PLC.
        lot: lot of the fabric, unless the PLC says.
        label: declared label of the fabric, unless the PLC says.
        lot_and_label: whether the PLC keeps lot and label in registers 30 to 69.
        interval_s: time between unassigned measurements; None to wait for the PLC instead.
        clock: names unassigned measurements.
    """

    def __init__(
        self,
        link: ModbusLink,
        lot: str,
        label: DeclaredLabel | None,
        lot_and_label: bool,
        interval_s: float | None,
        clock: Clock,
    ) -> None:
        self._link = link
        self._words = words_to_read(lot_and_label)
        self._interval_s = interval_s
        self._clock = clock
        self._handshake = Handshake(lot, label)
        self._state = StationState.STARTING
        self._alarm_word = 0
        self._lost = f"PLC {link.address}: not connected yet"
        self._started_s = self._unassigned_due_s = self._written_s = time.monotonic()
        self._changed = threading.Condition()  # guards everything here but the link
        self._to_tell = threading.Event()
        self._seen: DueSpecimen | None = None  # announced; the PLC does not have the session's mark yet
        self._due: DueSpecimen | None = None
        self._in_hand: DueSpecimen | None = None
        self._thread = DeviceThread(self._serve, self._lose, "plc")

    def __enter__(self) -> Self:
        self._thread.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.__exit__(kind, error, trace)

    @property
    def ended(self) -> bool:
        """A line never ends."""
        return False

    @property
    def health(self) -> LineHealth:
        """How the PLC is, and what passed so far."""
        with self._changed:
            state, trouble = self._handshake.line_state, self._handshake.unreadable
            if self._lost:
                state, trouble = "lost", self._lost
            elif self._silent():
                state = "silent"
                trouble = f"PLC {self._link.address}: its heartbeat has stood still for {_SILENT_AFTER_S:g} s"
            return LineHealth(self._link.address, state, trouble, self._handshake.counts)

    def next_cue(self, _look: Look, timeout_s: float, /) -> Cue | None:
        """Wait for the PLC to announce a specimen; while it is silent, return unassigned ones."""
        self._thread.require_alive()
        with self._changed:
            self._changed.wait_for(lambda: self._due is not None, self._patience_s(timeout_s))
            self._in_hand, self._due = self._due, None
            return self._unassigned() if self._in_hand is None else self._in_hand.cue

    def answer(self, cue: Cue, conclusion: Conclusion) -> None:
        """Tell the PLC the verdict."""
        self._tell(cue, lambda due: answer_of(due.sequence, conclusion))

    def refuse(self, cue: Cue, why: NoVerdict) -> None:
        """Tell the PLC that there is no verdict."""
        self._tell(cue, lambda due: refusal(due.sequence, why))
        if why is NoVerdict.SPECTROMETER:
            with self._changed:
                self._handshake.count(missed=1)

    def announce(self, state: StationState) -> None:
        """Tell the PLC what the station is doing; without a spectrometer it gets no verdicts."""
        with self._changed:
            self._state = state
            if state is StationState.DEGRADED and self._due is not None:
                self._turn_away(self._due)
                self._due = None
        self._to_tell.set()

    def show_alarms(self, word: int) -> None:
        """Tell the PLC of the active alarms."""
        with self._changed:
            self._alarm_word = word
        self._to_tell.set()

    def _tell(self, cue: Cue, make: Callable[[DueSpecimen], Answer]) -> None:
        with self._changed:
            due = self._in_hand
            if due is None or due.cue is not cue:
                return  # an unassigned measurement: nobody asked
            self._handshake.answer(due, make(due))
        self._to_tell.set()

    def _turn_away(self, due: DueSpecimen) -> None:
        self._handshake.answer(due, refusal(due.sequence, NoVerdict.SPECTROMETER))
        self._handshake.count(missed=1)

    def _silent(self) -> bool:
        now_s = time.monotonic()
        begun = now_s - self._started_s >= _SILENT_AFTER_S
        return begun and not self._handshake.beats(now_s, _SILENT_AFTER_S)

    def _patience_s(self, timeout_s: float) -> float:
        if self._interval_s is None or not self._silent():
            return timeout_s
        return min(timeout_s, max(self._unassigned_due_s - time.monotonic(), 0.0))

    def _unassigned(self) -> Cue | None:
        now_s = time.monotonic()
        if self._interval_s is None or not self._silent() or now_s < self._unassigned_due_s:
            return None
        self._unassigned_due_s = now_s + self._interval_s
        self._handshake.count(unassigned=1)
        moment = self._clock.now().strftime("%Y%m%dT%H%M%S.%fZ")
        return Cue(Specimen(f"unassigned-{moment}", "", "", 0.0, None), may_be_stored=False)

    # The thread that serves the PLC.

    def _serve(self, stop: threading.Event) -> Iterator[None]:
        self._link.open()
        try:
            while not stop.is_set():
                self._exchange()
                yield
            self._state = StationState.STOPPED
            with suppress(InstrumentError):
                self._write()
        finally:
            self._link.close()

    def _exchange(self) -> None:
        """Read what the PLC says; write if there is something to tell or the heartbeat is due."""
        to_tell = self._to_tell.wait(_POLL_S)
        self._to_tell.clear()
        reading = decode_reading(self._link.read(0, self._words))
        with self._changed:
            self._lost = ""
            due = self._handshake.see(reading, time.monotonic())
            if due is not None:
                self._set_aside(due)
            unmarked = reading.session != self._handshake.session
        if to_tell or unmarked or due is not None or time.monotonic() - self._written_s >= _HEARTBEAT_S:
            self._write()

    def _write(self) -> None:
        with self._changed:
            block = self._handshake.next_block(self._state, self._alarm_word)
        self._link.write(STATION_BLOCK, block)
        self._written_s = time.monotonic()
        # Only now the PLC has the session's mark: were the specimen taken up before, and the station to
        # die, the mark by which it is recognised afterwards could be missing.
        with self._changed:
            if self._seen is not None:
                self._handshake.count(missed=int(self._due is not None))
                self._due, self._seen = self._seen, None
                self._changed.notify_all()

    def _set_aside(self, due: DueSpecimen) -> None:
        if self._state is StationState.DEGRADED:
            self._turn_away(due)
            return
        self._handshake.count(missed=int(self._seen is not None))
        self._seen = due

    def _lose(self, trouble: str) -> None:
        with self._changed:
            self._lost = trouble
        self._to_tell.set()  # what was to be told is told after reconnecting
