"""Bytes to and from an instrument over a serial line; knows no protocol."""

import errno
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Protocol, Self

import serial

from qc_daemon.domain.errors import LinkConfig, LinkLost, LinkTimeout

# A read that finds nothing returns after this long, so deadlines are kept to 10 ms. The port keeps
# one timeout for its whole life because pyserial reconfigures the device whenever it is changed.
_SLICE_S = 0.01
# An undrained port blocks a writer for ever; one frame of the instruments served here takes 50 ms.
_WRITE_TIMEOUT_S = 2.0
# Leftovers of an earlier connection arrive within this silence; a talkative line is left after the limit.
_DRAIN_SILENCE_S = 0.03
_DRAIN_LIMIT_S = 1.0
# All that pyserial lets through when a device is unplugged: read and write raise SerialException,
# in_waiting raises OSError, flushing raises termios.error (pyserial issues 331, 401 and 417).
_UNPLUGGED = (serial.SerialException, OSError, termios.error)
_OPEN_ERRORS = {
    errno.ENOENT: "does not exist; expected a serial device, socket://host:port or rfc2217://host:port",
    errno.EACCES: "may not be opened by this user; expected membership of the device's group (dialout)",
    errno.EAGAIN: "is in use by another program; expected a free port",
    errno.EBUSY: "is in use by another program; expected a free port",
}


class ByteLink(Protocol):
    """What a driver needs of a transport."""

    def open(self) -> None:
        """Open the link and throw away what an earlier connection left in it."""
        ...

    def close(self) -> None:
        """Close the link; closing a closed or lost link does nothing."""
        ...

    def read_some(self, timeout_s: float) -> bytes:
        """Return the bytes that have come, at least one; empty if none came within `timeout_s`."""
        ...

    def write_all(self, data: bytes) -> None:
        """Send `data` in one call."""
        ...


class SerialLink:
    """A serial port by URL: a device path, `socket://host:port` or `rfc2217://host:port`.

    A context manager; also opened and closed by its driver. Device paths are opened exclusively,
    so that two programs cannot talk to one instrument.

    Args:
        url: where the port is.
        baud: bits per second (8 data bits, no parity, 1 stop bit).
        rtscts: whether the RTS and CTS lines are wired and used for flow control.
    """

    def __init__(self, url: str, baud: int = 115200, *, rtscts: bool = False) -> None:
        self._url = url
        self._baud = baud
        self._rtscts = rtscts
        self._port: serial.SerialBase | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Open the port and drain it.

        Raises:
            LinkConfig: there is no such port, it is taken, or it may not be opened.
        """
        self.close()
        options = {} if "://" in self._url else {"exclusive": True}
        try:
            self._port = serial.serial_for_url(
                self._url,
                baudrate=self._baud,
                timeout=_SLICE_S,
                write_timeout=_WRITE_TIMEOUT_S,
                rtscts=self._rtscts,
                **options,
            )
        except (*_UNPLUGGED, ValueError) as error:
            raise LinkConfig(f"port {self._url} {_reason(error)}") from error
        self._drain()

    def close(self) -> None:
        """Close the port; closing a closed or lost port does nothing."""
        port, self._port = self._port, None
        if port is not None:
            with suppress(*_UNPLUGGED):
                port.close()

    def read_some(self, timeout_s: float) -> bytes:
        """Return the bytes that have come, at least one; empty if none came within `timeout_s`.

        Raises:
            LinkLost: the port was unplugged or is not open.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._translated() as port:
            if timeout_s <= 0.0 and not port.in_waiting:
                return b""
            while True:
                first: bytes = port.read(1)
                if first:
                    rest: bytes = port.read(port.in_waiting)
                    return first + rest
                if time.monotonic() >= deadline_s:
                    return b""

    def write_all(self, data: bytes) -> None:
        """Send `data` in one call: the NIRscan Nano drops a frame that pauses for a millisecond.

        Raises:
            LinkTimeout: the other side does not take the bytes.
            LinkLost: the port was unplugged or is not open.
        """
        with self._translated() as port:
            port.write(data)

    def _drain(self) -> None:
        with self._translated() as port:
            port.reset_input_buffer()
        deadline_s = time.monotonic() + _DRAIN_LIMIT_S
        while self.read_some(_DRAIN_SILENCE_S) and time.monotonic() < deadline_s:
            pass

    @contextmanager
    def _translated(self) -> Iterator[serial.SerialBase]:
        """Yield the open port; whatever it raises becomes one of the link errors."""
        if self._port is None:
            raise LinkLost(f"port {self._url} is not open")
        try:
            yield self._port
        except serial.SerialTimeoutException as error:
            raise LinkTimeout(f"port {self._url} took no bytes for {_WRITE_TIMEOUT_S:g} s") from error
        except _UNPLUGGED as error:
            raise LinkLost(f"port {self._url} was unplugged or the connection broke ({error})") from error


def _reason(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    known = _OPEN_ERRORS.get(number) if number is not None else None
    return known or f"cannot be opened: {error}"
