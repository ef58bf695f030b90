"""A network camera that streams MJPEG over HTTP.

OpenCV's capture is not used for these: it hands out frames from before the request, and half frames
as if they were whole.
"""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from instruments.camera.http_stream import Arrival, HttpStream, checked_url
from instruments.camera.image_codec import decode_image
from instruments.camera.multipart import MultipartParser
from qc_daemon.domain.errors import ImageError, InstrumentError, LinkTimeout, ProtocolError
from qc_daemon.domain.image import Frame
from qc_daemon.domain.ports import Clock
from qc_daemon.domain.spectrum import InstrumentIdentity

# A JPEG of 20 megapixels; a part that grows beyond it will not end.
_MAX_FRAME_BYTES = 16 * 2**20
# Frames that are kept because someone may still ask for the first one after a moment of the past.
_KEPT_BYTES = 32 * 2**20


class MjpegHttpCamera:
    """A camera at an http URL; a context manager.

    A thread reads the stream all the time, so that nothing waits in the system's buffers and grows
    old, and keeps the frames of the last seconds. It connects when the first frame is asked for, and
    again at the next call after the connection was lost.

    Args:
        url: of a ``multipart/x-mixed-replace`` stream of JPEGs.
        um_per_pixel: size of a pixel on the specimen, in µm.
        clock: gives times of capture; must run on real time.
        timeout_s: how long to wait for a connection, between bytes, and for a frame.
        still_source: whether the camera sends stored files. A sensor never sends the same bytes twice
            in a row, so `Frame.repeats` counts the frames of the stream; a file is sent again and
            again, so only frames that were handed out are counted then.
    """

    def __init__(
        self,
        url: str,
        um_per_pixel: float,
        clock: Clock,
        timeout_s: float = 5.0,
        *,
        still_source: bool = False,
    ) -> None:
        self._address = checked_url(url)
        self._url = url
        self._um_per_pixel = um_per_pixel
        self._clock = clock
        self._timeout_s = timeout_s
        self._still_source = still_source
        self._shelf = _Shelf()
        self._reader: _Reader | None = None
        self._handed_out: Frame | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    @property
    def identity(self) -> InstrumentIdentity:
        """The camera by its address; the protocol tells neither serial number nor firmware."""
        return InstrumentIdentity("mjpeg-camera", "MJPEG over HTTP", self._address.netloc, "")

    def frame_after(self, monotonic_s: float) -> Frame:
        """Return the first whole frame that began to arrive after that moment of the monotonic clock.

        The time that the camera itself takes from exposure to sending is not known to the station.

        Raises:
            InstrumentError: no such frame within `timeout_s`: the camera is not there, stalls, closed
                the stream, or what it sends are no whole JPEGs.
        """
        deadline_s = self._clock.monotonic_s() + self._timeout_s
        number = 0
        damage: ImageError | None = None
        while True:
            try:
                stored = self._next_stored(monotonic_s, number, deadline_s)
            except LinkTimeout as error:
                raise (ProtocolError(str(damage)) if damage else error) from error
            try:
                return self._hand_out(stored)
            except ImageError as error:
                damage, number = error, stored.number

    def _next_stored(self, after_s: float, after_number: int, deadline_s: float) -> "_StoredFrame":
        """Return the first frame after that moment and number.

        A connection that was lost before this call, or is found lost by it, is made anew once.
        """
        started_here = False
        with self._shelf.changed:
            while (stored := self._shelf.first(after_s, after_number)) is None:
                if self._shelf.failure is not None and started_here:
                    raise self._shelf.failure
                if self._reader is None or not self._reader.is_alive() or self._shelf.failure is not None:
                    self._start_reader()
                    started_here = True
                left_s = deadline_s - self._clock.monotonic_s()
                if left_s <= 0.0:
                    raise LinkTimeout(f"{self._url}: no frame within {self._timeout_s:g} s")
                self._shelf.changed.wait(left_s)
        return stored

    def _start_reader(self) -> None:
        self._shelf.failure = None
        self._reader = _Reader(self._url, self._timeout_s, self._clock, self._shelf)
        self._reader.start()

    def _hand_out(self, stored: "_StoredFrame") -> Frame:
        repeats = stored.repeats
        if self._still_source:
            last = self._handed_out
            repeats = last.repeats + 1 if last is not None and last.encoded == stored.encoded else 0
        self._handed_out = Frame(
            encoded=stored.encoded,
            pixels=decode_image(stored.encoded, f"frame of {self._url}"),
            um_per_pixel=self._um_per_pixel,
            camera=self.identity,
            captured_at=stored.captured_at,
            captured_monotonic_s=stored.captured_s,
            repeats=repeats,
        )
        return self._handed_out


@dataclass(frozen=True, slots=True)
class _StoredFrame:
    """A part of the stream, not decoded yet.

    Attributes:
        number: counts the frames of this camera from 1.
        not_before_s: a moment at which nothing of it had come yet.
        captured_s: when its first bytes were taken; `captured_at` the same in UTC.
        repeats: how many frames in a row before it had the same bytes.
    """

    number: int
    encoded: bytes
    not_before_s: float
    captured_s: float
    captured_at: datetime
    repeats: int


class _Shelf:
    """Frames of the last seconds, and why no more come.

    The reader thread and the caller share it; whoever looks at it holds `changed`.
    """

    def __init__(self) -> None:
        self.failure: InstrumentError | None = None
        self.changed = threading.Condition()
        self._frames: deque[_StoredFrame] = deque()
        self._bytes = 0

    def put(self, encoded: bytes, arrival: Arrival, captured_at: datetime) -> None:
        """Store a frame whose first bytes were in `arrival`; the oldest make room."""
        with self.changed:
            last = self._frames[-1] if self._frames else None
            self._frames.append(
                _StoredFrame(
                    number=last.number + 1 if last else 1,
                    encoded=encoded,
                    not_before_s=arrival.not_before_s,
                    captured_s=arrival.received_s,
                    captured_at=captured_at,
                    repeats=last.repeats + 1 if last and last.encoded == encoded else 0,
                )
            )
            self._bytes += len(encoded)
            while self._bytes > _KEPT_BYTES and len(self._frames) > 1:
                self._bytes -= len(self._frames.popleft().encoded)
            self.changed.notify_all()

    def fail(self, failure: InstrumentError) -> None:
        """Note that the reader has ended."""
        with self.changed:
            self.failure = failure
            self.changed.notify_all()

    def first(self, after_s: float, after_number: int) -> _StoredFrame | None:
        """Return the first frame that began to arrive after that moment and has a higher number."""
        return next((f for f in self._frames if f.not_before_s > after_s and f.number > after_number), None)


class _Reader(threading.Thread):
    """Reads one connection until it breaks or is told to stop."""

    def __init__(self, url: str, timeout_s: float, clock: Clock, shelf: _Shelf) -> None:
        super().__init__(name="mjpeg-reader", daemon=True)
        self._url = url
        self._timeout_s = timeout_s
        self._clock = clock
        self._shelf = shelf
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End the thread; one that is still connecting is left to its timeout."""
        self._stopping.set()
        self.join(self._timeout_s)

    def run(self) -> None:
        """Put every part of the stream on the shelf."""
        try:
            with HttpStream(self._url, self._timeout_s, self._clock) as stream:
                self._read(stream)
        except InstrumentError as error:
            if not self._stopping.is_set():
                self._shelf.fail(type(error)(f"{self._url}: {error}"))

    def _read(self, stream: HttpStream) -> None:
        parser = MultipartParser(stream.boundary, _MAX_FRAME_BYTES)
        arrivals: deque[tuple[int, Arrival, datetime]] = deque()
        offset = 0
        while not self._stopping.is_set():
            arrival = stream.read()
            if arrival is None:
                continue
            arrivals.append((offset, arrival, self._clock.now()))
            offset += len(arrival.data)
            for part in parser.feed(arrival.data):
                while len(arrivals) > 1 and arrivals[1][0] <= part.offset:
                    arrivals.popleft()
                _, first_bytes, captured_at = arrivals[0]
                self._shelf.put(part.body, first_bytes, captured_at)
