"""An HTTP answer without an end, read as it arrives, with the moment before which its bytes had not come."""

import http.client
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urlsplit

from instruments.camera.multipart import ChunkedDecoder
from qc_daemon.domain.errors import (
    DeviceBusy,
    DeviceFault,
    InstrumentError,
    LinkConfig,
    LinkLost,
    LinkTimeout,
    ProtocolError,
)
from qc_daemon.domain.ports import Clock

_RECEIVE_BYTES = 65536
_POLL_MS = 10  # how exactly the arrival of a byte is known, and how soon a reader sees that it shall stop


@dataclass(frozen=True, slots=True)
class Arrival:
    """Bytes of the stream.

    Attributes:
        not_before_s: monotonic time at which they had not come yet, not even into the system's buffers.
        received_s: monotonic time at which they were taken.
    """

    data: bytes
    not_before_s: float
    received_s: float


class HttpStream:
    """One GET request and its multipart answer; a context manager that connects on entry.

    Errors do not name the URL; whoever reads several streams adds it.

    Args:
        url: as `checked_url` accepts it.
        timeout_s: how long to wait for the connection, the answer, and between bytes.
        clock: gives the monotonic time.
    """

    def __init__(self, url: str, timeout_s: float, clock: Clock) -> None:
        self._address = checked_url(url)
        self._timeout_s = timeout_s
        self._clock = clock
        self._waiting = b""
        self._poll = select.poll()

    def __enter__(self) -> Self:
        self._empty_at_s = self._last_byte_s = self._clock.monotonic_s()
        self._socket = self._connect()
        try:
            with _translated():
                answer = self._request()
                self.boundary = _boundary(answer)
                # The answer's reader has read ahead. From here on the socket is read directly: only
                # then "nothing waits in the socket" means that nothing has come.
                self._waiting = answer.fp.peek()
        except BaseException:
            self._socket.close()
            raise
        self._chunked = ChunkedDecoder() if answer.chunked else None
        self._poll.register(self._socket, select.POLLIN)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def read(self) -> Arrival | None:
        """Return the bytes that have come, or None if none came within 10 ms.

        Raises:
            LinkTimeout: nothing came for `timeout_s`.
            LinkLost: the other side closed or broke the connection.
        """
        if self._waiting:
            data, self._waiting = self._waiting, b""
            return self._arrival(data)
        now_s = self._clock.monotonic_s()
        if not self._poll.poll(0):
            self._empty_at_s = now_s  # what comes from now on comes after this moment
            if not self._poll.poll(_POLL_MS):
                if now_s - self._last_byte_s > self._timeout_s:
                    raise LinkTimeout(f"the stream stalled for {self._timeout_s:g} s")
                return None
        with _translated():
            data = self._socket.recv(_RECEIVE_BYTES)
        if not data:
            raise LinkLost("the camera closed the stream")
        return self._arrival(data)

    def _arrival(self, data: bytes) -> Arrival:
        self._last_byte_s = self._clock.monotonic_s()
        content = self._chunked.feed(data) if self._chunked else data
        return Arrival(content, self._empty_at_s, self._last_byte_s)

    def _connect(self) -> socket.socket:
        place = (self._address.hostname, self._address.port or 80)
        try:
            return socket.create_connection(place, self._timeout_s)
        except TimeoutError as error:
            raise LinkTimeout(f"no connection within {self._timeout_s:g} s") from error
        except OSError as error:
            raise LinkConfig(f"cannot connect: {error.strerror}") from error

    def _request(self) -> http.client.HTTPResponse:
        target = self._address._replace(scheme="", netloc="", fragment="").geturl() or "/"
        lines = (f"GET {target} HTTP/1.1", f"Host: {self._address.netloc}", "Connection: close", "", "")
        self._socket.sendall("\r\n".join(lines).encode())
        answer = http.client.HTTPResponse(self._socket, method="GET")
        answer.begin()
        return answer


def checked_url(url: str) -> SplitResult:
    """Return the parts of an http URL.

    Raises:
        LinkConfig: it is none.
    """
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
        well_formed = well_formed and parts.username is None
    except ValueError:
        well_formed = False
    if not well_formed or any(character <= " " for character in url):
        raise LinkConfig(f'camera URL "{url}": expected http://host[:port]/path without a user name')
    return parts


def _boundary(answer: http.client.HTTPResponse) -> bytes:
    """Return the boundary that a good answer names.

    Raises:
        InstrumentError: the answer is not a multipart stream.
    """
    if answer.status != HTTPStatus.OK:
        raise _refusal(answer.status, f"the camera answered {answer.status} {answer.reason}")
    kind = answer.headers.get_content_type()
    boundary = answer.headers.get_boundary()
    if kind != "multipart/x-mixed-replace" or not boundary:
        raise ProtocolError(f"the answer is {kind}, expected multipart/x-mixed-replace with a boundary")
    return boundary.encode()


def _refusal(status: int, message: str) -> InstrumentError:
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return DeviceBusy(message)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return DeviceFault(message)
    return LinkConfig(f"{message}; expected an MJPEG stream at this address")


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the socket and the HTTP reader raise into the station's errors."""
    try:
        yield
    except TimeoutError as error:
        raise LinkTimeout("the camera did not answer in time") from error
    except OSError as error:
        raise LinkLost(f"the connection broke: {error.strerror or error}") from error
    except http.client.HTTPException as error:
        raise ProtocolError(f"not an HTTP answer ({type(error).__name__})") from error
