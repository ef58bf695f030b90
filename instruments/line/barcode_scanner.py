"""A barcode scanner on a serial line (RS-232, or USB in its serial mode), and the trigger made of it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

from instruments.line.barcodes import Code, CodeRule, Garbage, LineParser, Refused
from instruments.line.device_thread import DeviceThread
from instruments.line.unheard import UnheardTrigger
from instruments.transport import ByteLink
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.line import Cue, LineCounts, LineHealth, NoVerdict, StationState
from qc_daemon.domain.ports import Clock, Look

# A code comes in one burst: 100 characters take 0.1 s at 9600 baud. What a silence cuts off is noise.
_SILENCE_S = 0.3
_LONGEST_QUEUE = 8  # codes that were scanned ahead; nobody lays out more specimens than that
_BAD_IN_A_ROW = 3  # so many unreadable codes, and a person should look


class BarcodeScanner:
    """Reads codes in a thread of its own; a context manager.

    Args:
        link: to the scanner.
        device: where it is, for messages.
        rule: what a code must be.
        debounce_s: the same code again within this time of its last sighting is dropped.
        queued: whether codes wait to be taken; else only the newest counts.
    """

    def __init__(
        self, link: ByteLink, device: str, rule: CodeRule, debounce_s: float, *, queued: bool = True
    ) -> None:
        self._link = link
        self._device = device
        self._rule = rule
        self._debounce_s = debounce_s
        self._queued = queued
        self._parser = LineParser()
        self._changed = threading.Condition()  # guards everything below
        self._codes: deque[Code] = deque()
        self._newest: Code | None = None
        self._seen_s: dict[str, float] = {}
        self._bad = 0
        self._why_bad = ""
        self._lost = f"scanner {device}: not connected yet"
        self._counts = LineCounts()
        self._thread = DeviceThread(self._serve, self._lose, "scanner")

    def __enter__(self) -> Self:
        self._thread.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.__exit__(kind, error, trace)

    @property
    def health(self) -> LineHealth:
        """How the scanner is, and what it has read so far."""
        with self._changed:
            trouble = self._lost
            if not trouble and self._bad >= _BAD_IN_A_ROW:
                trouble = f"scanner {self._device}: nothing readable, the last: {self._why_bad}"
            return LineHealth(self._device, "lost" if self._lost else "connected", trouble, self._counts)

    @property
    def newest(self) -> Code | None:
        """The code that was scanned last."""
        with self._changed:
            return self._newest

    def take(self, timeout_s: float) -> Code | None:
        """Wait for the next code, in the order of scanning."""
        self._thread.require_alive()
        with self._changed:
            self._changed.wait_for(lambda: self._codes, timeout_s)
            return self._codes.popleft() if self._codes else None

    def drop_all(self) -> int:
        """Forget the codes that were not taken; return how many those were."""
        with self._changed:
            dropped = len(self._codes)
            self._codes.clear()
            return dropped

    def count(self, **more: int) -> None:
        """Add to the counts."""
        with self._changed:
            added = {name: getattr(self._counts, name) + number for name, number in more.items()}
            self._counts = replace(self._counts, **added)

    def _serve(self, stop: threading.Event) -> Iterator[None]:
        self._link.open()
        try:
            with self._changed:
                self._lost = ""
            while not stop.is_set():
                data = self._link.read_some(_SILENCE_S)
                events = self._parser.feed(data) if data else self._parser.give_up()
                for event in events:
                    self._note(event, time.monotonic())
                yield
        finally:
            self._link.close()

    def _lose(self, trouble: str) -> None:
        self._parser.give_up()
        with self._changed:
            self._lost = trouble

    def _note(self, event: str | Garbage, now_s: float) -> None:
        if isinstance(event, Garbage):
            self.count(garbage_bytes=event.count)
            self._note_bad(f"{event.count} bytes that are no text of at most 256 characters")
            return
        code = self._rule.read(event)
        if isinstance(code, Refused):
            self.count(refused=1)
            self._note_bad(code.why)
            return
        with self._changed:
            self._bad = 0
        if self._is_repeat(code, now_s):
            self.count(repeated=1)
        else:
            self._keep(code)

    def _note_bad(self, why: str) -> None:
        with self._changed:
            self._bad += 1
            self._why_bad = why

    def _is_repeat(self, code: Code, now_s: float) -> bool:
        """Tell whether the code was seen just before; a code held in view stays one."""
        recent = {text: seen_s for text, seen_s in self._seen_s.items() if now_s - seen_s < self._debounce_s}
        repeat = code.text in recent
        self._seen_s = recent | {code.text: now_s}
        return repeat

    def _keep(self, code: Code) -> None:
        with self._changed:
            self._newest = code
            if not self._queued:
                return
            if len(self._codes) == _LONGEST_QUEUE:
                self._codes.popleft()
                self.count(missed=1)
            self._codes.append(code)
            self._changed.notify_all()


class CodeNaming:
    """Makes specimens of codes.

    Args:
        lot: lot, unless the code says.
        label: declared label of the fabric on the line.
        clock: tells specimens of one code apart.
    """

    def __init__(self, lot: str, label: DeclaredLabel | None, clock: Clock) -> None:
        self._lot = lot
        self._label = label
        self._clock = clock

    def specimen_of(self, code: Code) -> Specimen:
        """Return what lies there, by its code; its position along the roll is not known and stays 0."""
        moment = self._clock.now().strftime("%Y%m%dT%H%M%S.%fZ")
        name = code.specimen or f"{code.text}-{moment}"
        return Specimen(name, code.lot or self._lot, code.roll, 0.0, self._label)


class ScannerTrigger(UnheardTrigger):
    """Each code that is scanned is a specimen; codes scanned during an inspection wait their turn."""

    def __init__(self, scanner: BarcodeScanner, specimen_of: Callable[[Code], Specimen]) -> None:
        self._scanner = scanner
        self._specimen_of = specimen_of
        self._state = StationState.STARTING

    @property
    def health(self) -> LineHealth:
        """How the scanner is, and what it has read so far."""
        return self._scanner.health

    def next_cue(self, _look: Look, timeout_s: float, /) -> Cue | None:
        """Wait for a code."""
        code = self._scanner.take(timeout_s)
        if code is None:
            return None
        self._scanner.count(announced=1)
        return Cue(self._specimen_of(code), may_be_stored=False)

    def refuse(self, _cue: Cue, why: NoVerdict, /) -> None:
        """Count what was not measured; the person at the scanner sees no verdict."""
        if why is NoVerdict.SPECTROMETER:
            self._scanner.count(missed=1)

    def announce(self, state: StationState, /) -> None:
        """Drop, when the spectrometer is back, what was scanned while it was gone: it has moved on."""
        if self._state is StationState.DEGRADED and state is StationState.RUNNING:
            self._scanner.count(missed=self._scanner.drop_all())
        self._state = state
