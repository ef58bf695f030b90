"""A camera on this computer, read through V4L2 in a process of its own.

The process is killed when no frame comes in time, and started again with growing waits. The answer of
OpenCV's driver is not trusted: see `v4l2_controls` for the controls and `live_frames` for freshness.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from instruments.camera.live_frames import LiveFrames, Shelf
from instruments.camera.v4l2_records import GrabbedFrame, V4l2Settings, V4l2State
from qc_daemon.domain.errors import InstrumentError, LinkLost, LinkTimeout
from qc_daemon.domain.image import Frame
from qc_daemon.domain.ports import Clock
from qc_daemon.domain.spectrum import InstrumentIdentity
from qc_daemon.domain.waits import growing_waits

_READER = "instruments.camera.v4l2_reader"
_SELECT_TIMEOUT_S = "2"  # OpenCV waits 10 s by default
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_OPENING_S = 30.0  # starting a process, opening the device and discarding its first frames
_POLL_S = 0.1  # how soon a stop is seen
_DEATH_S = 1.0  # a process whose driver hangs in the kernel does not die of a signal; it is left behind


class V4l2Camera:
    """A camera with a device node; a context manager.

    Args:
        settings: format and controls, asked for anew whenever the camera is opened.
        um_per_pixel: size of a pixel on the specimen, in µm.
        clock: gives times of capture; must run on the monotonic clock of this computer.
        timeout_s: how long to wait for a frame. Opening takes some twenty frames.
        hang_s: a reader whose camera is open and that gives nothing for so long is killed.
        source: what opens the device, "module:function" from a device name to something like a
            cv2.VideoCapture; another one stands for a camera in tests.
    """

    def __init__(
        self,
        settings: V4l2Settings,
        um_per_pixel: float,
        clock: Clock,
        timeout_s: float = 5.0,
        hang_s: float = 2.0,
        source: str = f"{_READER}:open_device",
    ) -> None:
        self._settings = settings
        self._state: V4l2State | None = None

        def start_supervisor(shelf: Shelf) -> "_Supervisor":
            supervisor = _Supervisor(self, settings, clock, hang_s, source, shelf)
            supervisor.start()
            return supervisor

        self._frames = LiveFrames(settings.device, start_supervisor, um_per_pixel, clock, timeout_s)

    def __enter__(self) -> Self:
        self._frames.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._frames.stop()

    @property
    def identity(self) -> InstrumentIdentity:
        """The camera by its stable name; `firmware` says what was read back from it, once it was open."""
        state = "" if self._state is None else str(self._state)
        return InstrumentIdentity("v4l2-camera", "V4L2", Path(self._settings.device).name, state)

    def opened(self, state: V4l2State) -> None:
        """Take note of what the camera said when it was set up."""
        self._state = state

    def frame_after(self, monotonic_s: float) -> Frame:
        """Return the first whole frame that came after that moment of the monotonic clock.

        Raises:
            InstrumentError: no such frame within `timeout_s`; at once while the camera is known to be lost.
        """
        return self._frames.frame_after(monotonic_s, lambda: self.identity)

    def is_live(self) -> bool:
        """Tell whether new pictures come; False if the same one comes again and again.

        Raises:
            InstrumentError: none from the last 1.5 s.
        """
        return self._frames.is_live()


class _Supervisor(threading.Thread):
    """Runs one reader after another until told to stop."""

    recovers = True

    def __init__(
        self,
        camera: V4l2Camera,
        settings: V4l2Settings,
        clock: Clock,
        hang_s: float,
        source: str,
        shelf: Shelf,
    ) -> None:
        super().__init__(name="v4l2-supervisor", daemon=True)
        self._camera = camera
        self._settings = settings
        self._clock = clock
        self._hang_s = hang_s
        self._source = source
        self._shelf = shelf
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Kill the reader and end the thread."""
        self._stopping.set()
        self.join()

    def run(self) -> None:
        """Put the frames of each reader on the shelf; note why it was lost."""
        waits = growing_waits(_FIRST_WAIT_S, _LONGEST_WAIT_S)
        while not self._stopping.is_set():
            try:
                with _reader_process(self._settings, self._source) as connection:
                    for frame in self._frames_from(connection):
                        self._put(frame)
                        waits = growing_waits(_FIRST_WAIT_S, _LONGEST_WAIT_S)
            except InstrumentError as error:
                self._shelf.fail(error)
                self._stopping.wait(next(waits))

    def _frames_from(self, connection: Connection) -> Iterator[GrabbedFrame]:
        longest_s = _OPENING_S
        while (message := self._receive(connection, longest_s)) is not None:
            if isinstance(message, InstrumentError):
                raise message
            if isinstance(message, V4l2State):
                self._camera.opened(message)
                longest_s = self._hang_s
            else:
                assert isinstance(message, GrabbedFrame)
                yield message

    def _receive(self, connection: Connection, longest_s: float) -> object:
        """Return what the reader sends next; None when this thread shall stop."""
        given_up_s = self._clock.monotonic_s() + longest_s
        try:
            while not connection.poll(_POLL_S):
                if self._stopping.is_set():
                    return None
                if self._clock.monotonic_s() > given_up_s:
                    raise LinkTimeout(
                        f"{self._settings.device}: nothing for {longest_s:g} s; its reader is killed"
                    )
            return None if self._stopping.is_set() else connection.recv()
        except (EOFError, OSError) as error:
            raise LinkLost(f"{self._settings.device}: its reader died") from error

    def _put(self, frame: GrabbedFrame) -> None:
        age_s = self._clock.monotonic_s() - frame.captured_s
        captured_at = self._clock.now() - timedelta(seconds=age_s)
        self._shelf.put(frame.encoded, frame.not_before_s, frame.captured_s, captured_at)


@contextmanager
def _reader_process(settings: V4l2Settings, source: str) -> Iterator[Connection]:
    """Start a reader, tell it the settings, and kill it in the end."""
    near, far = socket.socketpair()
    with far:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", _READER, str(far.fileno()), source],
            stdin=subprocess.DEVNULL,
            pass_fds=[far.fileno()],
            env={**os.environ, "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": _SELECT_TIMEOUT_S},
            start_new_session=True,  # Ctrl-C is the station's to handle
        )
    try:
        with Connection(near.detach()) as connection:
            with suppress(OSError):  # it died at once; the next receive says so
                connection.send(settings)
            yield connection
    finally:
        process.send_signal(signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_DEATH_S)
