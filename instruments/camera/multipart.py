"""Splits the bytes of an endless HTTP answer into parts: pure, incremental, without socket or clock."""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from qc_daemon.domain.errors import ProtocolError

_MAX_HEAD_BYTES = 8192
_MAX_CHUNK_SIZE_LINE = 256
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CONTENT_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*(.*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_TIMESTAMP = re.compile(
    rb"^x-timestamp[ \t]*:[ \t]*(\d{1,12}(?:\.\d{1,9})?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)
_LINE_BREAK = re.compile(rb"\r?\n$")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart stream.

    Attributes:
        offset: place of its boundary in bytes of the stream.
        stamped_s: its X-Timestamp: seconds on a clock of the camera; None if it has none.
    """

    body: bytes
    offset: int
    stamped_s: float | None = None


class MultipartParser:
    """Parses ``multipart/x-mixed-replace``: fed with bytes as they come, it yields the parts that are whole.

    A part with a Content-Length is as long as that; one without ends at the next boundary. Bytes
    between parts are skipped.

    Args:
        boundary: as in the Content-Type header; some cameras write its two dashes into the header, too.
        max_part_bytes: no part, and no gap between parts, may be longer.
    """

    def __init__(self, boundary: bytes, max_part_bytes: int) -> None:
        self._delimiter = boundary if boundary.startswith(b"--") else b"--" + boundary
        self._max_part_bytes = max_part_bytes
        self._buffer = bytearray()
        self._offset = 0  # of the buffer in the stream
        self._machine = self._run()

    def feed(self, data: bytes) -> Iterator[Part]:
        """Take the next bytes and yield the parts that they complete; to be iterated to its end.

        Raises:
            ProtocolError: a length that is no number, a head or a part that does not end.
        """
        self._buffer += data
        while (part := next(self._machine)) is not None:
            yield part

    def _run(self) -> Iterator[Part | None]:
        """Yield each part, and None whenever more bytes are needed."""
        while True:
            self._drop((yield from self._find(self._delimiter, 0)))
            offset = self._offset
            yield from self._need(len(self._delimiter) + 2)
            closing = self._buffer.startswith(self._delimiter + b"--")
            if closing:
                self._drop(len(self._delimiter) + 2)
                continue
            head = yield from self._take_head()
            stamped_s, body_length = _stamp_of(head), self._length_of(head)
            if body_length is None:
                body = bytes(self._buffer[: (yield from self._find(self._delimiter, 0))])
                self._drop(len(body))
                yield Part(_LINE_BREAK.sub(b"", body), offset, stamped_s)
            else:
                yield from self._need(body_length)
                body = bytes(self._buffer[:body_length])
                self._drop(body_length)
                yield Part(body, offset, stamped_s)

    def _take_head(self) -> Generator[None, None, bytes]:
        """Drop the head of a part and return it."""
        while (end := _HEAD_END.search(self._buffer)) is None:
            if len(self._buffer) > _MAX_HEAD_BYTES:
                raise ProtocolError(f"head of a part without an end after {_MAX_HEAD_BYTES} bytes")
            yield None
        head = bytes(self._buffer[: end.end()])
        self._drop(end.end())
        return head

    def _length_of(self, head: bytes) -> int | None:
        """Return the Content-Length that a head names."""
        field = _CONTENT_LENGTH.search(head)
        if field is None:
            return None
        value = field[1]
        if not value.isdigit():
            raise ProtocolError(f"Content-Length is {value[:40]!r}, expected a number")
        if int(value) > self._max_part_bytes:
            raise ProtocolError(f"part of {int(value)} bytes, expected at most {self._max_part_bytes}")
        return int(value)

    def _find(self, wanted: bytes, start: int) -> Generator[None, None, int]:
        while (index := self._buffer.find(wanted, start)) < 0:
            start = max(0, len(self._buffer) - len(wanted) + 1)
            if start > self._max_part_bytes:
                break
            yield None
        if index < 0 or index > self._max_part_bytes:
            raise ProtocolError(f"no boundary within {self._max_part_bytes} bytes")
        return index

    def _need(self, count: int) -> Generator[None, None, None]:
        while len(self._buffer) < count:
            yield None

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._offset += count


def _stamp_of(head: bytes) -> float | None:
    field = _TIMESTAMP.search(head)
    return None if field is None else float(field[1])


class ChunkedDecoder:
    """Takes the framing of HTTP's chunked transfer coding off, incrementally (RFC 9112, 7.1)."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._left = 0  # bytes of the present chunk that are still to come

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes and return the content in them.

        Raises:
            ProtocolError: what should be the size of a chunk is no hexadecimal number.
        """
        self._buffer += data
        content = bytearray()
        while self._buffer and (self._left or self._start_chunk()):
            piece = self._buffer[: self._left]
            del self._buffer[: len(piece)]
            self._left -= len(piece)
            content += piece
        return bytes(content)

    def _start_chunk(self) -> bool:
        """Read the size of the next chunk if its line is whole; the line break before it belongs to it."""
        line, found, rest = bytes(self._buffer).lstrip(b"\r\n").partition(b"\n")
        if not found:
            if len(line) > _MAX_CHUNK_SIZE_LINE:
                raise ProtocolError(f"no size of a chunk within {_MAX_CHUNK_SIZE_LINE} bytes")
            return False
        size = line.partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size):
            raise ProtocolError(f"size of a chunk is {size[:40]!r}, expected a hexadecimal number")
        self._left = int(size, 16)
        self._buffer = bytearray(rest)
        return self._left > 0
