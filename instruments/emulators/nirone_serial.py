"""The serial port of an emulated NIRONE Sensor: commands, answers, and what goes wrong between."""

from collections.abc import Iterator
from dataclasses import dataclass

from instruments.emulators.nirone_device import NironeDevice, Refused
from instruments.emulators.serial_port import SerialPort
from instruments.emulators.serial_process import Reply
from instruments.emulators.spoiling import LINE_FAULTS, flipped, spoilt
from instruments.nirone.codec import READY, Line, LineParser

SERIAL_FAULTS = LINE_FAULTS | {
    "refuse": 'the sensor answers "ERROR"',
    "refuse_mark": 'the sensor answers "?"',
    "wrong_label": "answers bear the label of another value",
    "bit_flip": "one bit in the middle of the data is another",
    "late_line_feed": "the line feed of an answer comes in front of the data",
    "surplus": "three bytes too many stand behind the data",
    "echo": "the sensor repeats each command before its answer",
}

_DATA = "Xm0"
_SCAN = "XM"
_GARBAGE = b"\0\0\xff\x07Serial num\rx\x80y"


@dataclass(frozen=True, slots=True)
class _Scan:
    """A scan that is being taken, and when it is ready."""

    ready_at_s: float


def command_number(command: str) -> int:
    """Return the number that a command's faults are known by: its name as big-endian ASCII."""
    return int.from_bytes(command.partition(",")[0].encode("ascii", errors="replace"))


class NironeSerial(SerialPort[NironeDevice]):
    """Reads commands for a sensor and spoils its answers as the active faults say."""

    @property
    def wakes_at_s(self) -> float | None:
        """When the scan that is being taken is ready."""
        return self._scan.ready_at_s if self._scan is not None else None

    def _forget(self) -> None:
        self._parser = LineParser()
        self._scan: _Scan | None = None

    def _replies(self, data: bytes, now_s: float) -> Iterator[Reply | None]:
        if self._scan is not None and now_s >= self._scan.ready_at_s:
            self._scan = None
            yield self._spoilt(_SCAN, READY.encode("ascii") + b"\r\n")
        for event in self._parser.feed(data):
            if isinstance(event, Line):
                yield self._answer(event.text, now_s)
            else:
                yield Reply(b"ERROR\r\n")

    def _answer(self, command: str, now_s: float) -> Reply | None:
        number = command_number(command)
        if self._faults.strikes("refuse_mark", number):
            return Reply(b"?\r\n")
        if self._scan is not None or self._faults.strikes("refuse", number):
            return Reply(b"ERROR\r\n")
        try:
            if command == _SCAN:
                self._device.measure(now_s)
                self._scan = _Scan(now_s + self._device.scan_seconds())
                return None
            return self._spoilt(command, self._device.answer(command, now_s))
        except Refused:
            return Reply(b"ERROR\r\n")

    def _spoilt(self, command: str, good: bytes) -> Reply | None:
        number, strikes = command_number(command), self._faults.strikes
        if command.startswith(_DATA):
            if strikes("bit_flip", number):
                good = flipped(good, len(good) // 2)
            if strikes("late_line_feed", number):
                good = b"\n" + good
            if strikes("surplus", number):
                good += b"\0\1\2"
        elif strikes("wrong_label", number):
            good = b"Other " + good
        if strikes("echo", number):
            good = command.encode("ascii") + b"\r\n" + good
        return spoilt(self._faults, number, good, _GARBAGE)
