"""A network camera that streams MJPEG over HTTP.

OpenCV's capture is not used for these: it hands out frames from before the request, and half frames
as if they were whole.
"""

import math
import threading
from collections import deque
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from instruments.camera.http_stream import Arrival, HttpStream, checked_url
from instruments.camera.live_frames import LiveFrames, Shelf
from instruments.camera.multipart import MultipartParser
from qc_daemon.domain.errors import InstrumentError
from qc_daemon.domain.image import Frame
from qc_daemon.domain.ports import Clock
from qc_daemon.domain.spectrum import InstrumentIdentity

# A JPEG of 20 megapixels; a part that grows beyond it will not end.
_MAX_FRAME_BYTES = 16 * 2**20
# The clock of a camera may run slow by so much; quartz is good to 50 in a million.
_CLOCK_DRIFT = 200e-6
_SET_CLOCK_S = 60.0


class MjpegHttpCamera:
    """A camera at an http URL; a context manager.

    A thread reads the stream all the time, so that nothing waits in the system's buffers and grows
    old. It connects when the first frame is asked for, and again at the next call after the connection
    was lost.

    Args:
        url: of a ``multipart/x-mixed-replace`` stream of JPEGs.
        um_per_pixel: size of a pixel on the specimen, in µm.
        clock: gives times of capture; must run on real time.
        timeout_s: how long to wait for a connection, between bytes, and for a frame.
    """

    def __init__(self, url: str, um_per_pixel: float, clock: Clock, timeout_s: float = 2.0) -> None:
        self._address = checked_url(url)

        camera_clock = _CameraClock()

        def start_reader(shelf: Shelf) -> "_Reader":
            reader = _Reader(url, timeout_s, clock, camera_clock, shelf)
            reader.start()
            return reader

        self._frames = LiveFrames(url, start_reader, um_per_pixel, clock, timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._frames.stop()

    @property
    def identity(self) -> InstrumentIdentity:
        """The camera by its address; the protocol tells neither serial number nor firmware."""
        return InstrumentIdentity("mjpeg-camera", "MJPEG over HTTP", self._address.netloc, "")

    def frame_after(self, monotonic_s: float) -> Frame:
        """Return the first whole frame that began to arrive after that moment of the monotonic clock.

        A stream that stamps its frames (``X-Timestamp``) tells when it falls behind. The time that a
        camera takes from exposure to sending is not known to the station otherwise.

        Raises:
            InstrumentError: no such frame within `timeout_s`: the camera is not there, stalls, closed
                the stream, is behind, or what it sends are no whole JPEGs.
        """
        return self._frames.frame_after(monotonic_s, lambda: self.identity)

    def is_live(self) -> bool:
        """Tell whether new pictures come; False if the same one comes again and again.

        Raises:
            InstrumentError: none from the last 1.5 s.
        """
        return self._frames.is_live()


class _Reader(threading.Thread):
    """Reads one connection until it breaks or is told to stop."""

    recovers = False

    def __init__(
        self, url: str, timeout_s: float, clock: Clock, camera_clock: "_CameraClock", shelf: Shelf
    ) -> None:
        super().__init__(name="mjpeg-reader", daemon=True)
        self._url = url
        self._timeout_s = timeout_s
        self._clock = clock
        self._camera_clock = camera_clock
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
                late_s = self._camera_clock.late_s(part.stamped_s, first_bytes.received_s, captured_at)
                self._shelf.put(
                    part.body,
                    first_bytes.not_before_s - late_s,
                    first_bytes.received_s - late_s,
                    captured_at - timedelta(seconds=late_s),
                )


class _CameraClock:
    """The clock of a camera that stamps its frames, held against the station's.

    A clock that is less than a minute off is taken for one that is set by the network, and its stamps for
    the time. Of any other only a change of the difference means something: the frame that came soonest
    after its stamp is taken for one without delay. This is kept when the camera is opened again, for then
    it may be behind from the first frame on.
    """

    def __init__(self) -> None:
        self._least_difference_s = math.inf
        self._last_received_s = 0.0

    def late_s(self, stamped_s: float | None, received_s: float, received_at: datetime) -> float:
        """Return how long before it came a frame was taken, as far as its stamp tells; 0 without a stamp."""
        if stamped_s is None:
            return 0.0
        drift_s = _CLOCK_DRIFT * (received_s - self._last_received_s)
        self._last_received_s = received_s
        difference_s = received_s - stamped_s
        self._least_difference_s = min(self._least_difference_s + drift_s, difference_s)
        later_s = difference_s - self._least_difference_s
        absolute_s = received_at.timestamp() - stamped_s
        return max(later_s, absolute_s) if 0.0 < absolute_s < _SET_CLOCK_S else later_s
