"""Looks after the camera, and never lets a lost one hold up the spectrometer."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import AbstractContextManager, ExitStack, suppress
from types import TracebackType
from typing import Self

from qc_daemon.domain.errors import DeviceFault, InstrumentError, LinkLost, LinkTimeout, ProtocolError
from qc_daemon.domain.image import Frame
from qc_daemon.domain.ports import Clock, MicroscopeCamera
from qc_daemon.domain.spectrum import InstrumentIdentity
from qc_daemon.domain.supervision import InstrumentEvent, InstrumentState
from qc_daemon.supervision import Supervisor

# An inspection waits so long for a camera that was lost before; it may take seconds to time out by itself.
_PATIENCE_S = 0.2
# Between inspections the line waits so long for the answer of a camera, which is a matter of microseconds
# while it is well.
_GLANCE_S = 0.05
_FROZEN = "the same picture comes again and again: the camera is frozen"


class WatchedCamera:
    """A camera as `qc_daemon.domain.ports.MicroscopeCamera`, opened again for as long as it takes.

    It counts as ready when it has given a picture. While it is lost it is asked from a thread of its own, now
    and then, and an inspection goes on without it. A frozen one is degraded: its frames are still taken, so
    that the record shows why they were refused.

    Args:
        camera: not open yet.
        supervisor: keeps its state.
        clock: says when to try again.
        waits: how long to wait between attempts, begun anew at each loss.
    """

    def __init__(
        self,
        camera: AbstractContextManager[MicroscopeCamera],
        supervisor: Supervisor,
        clock: Clock,
        waits: Callable[[], Iterator[float]],
    ) -> None:
        self._closed_camera = camera
        self._supervisor = supervisor
        self._clock = clock
        self._new_waits = waits
        self._waits = waits()
        self._next_attempt_s = 0.0
        self._camera: MicroscopeCamera | None = None
        self._stack = ExitStack()
        self._thread = ThreadPoolExecutor(1, "camera")
        self._attempt: Future[Frame | bool] | None = None
        self._asked_for_s: float | None = None  # the moment that the attempt's frame is for; None for a look
        self._only_a_frame_tells = False  # its pictures were refused, which a look at the stream cannot see
        self.trouble = ""

    def __enter__(self) -> Self:
        self._supervisor.apply(InstrumentEvent.SOUGHT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._stack.close()

    @property
    def identity(self) -> InstrumentIdentity:
        """The camera that was opened."""
        if self._camera is None:
            raise LinkLost("the camera has not been opened")
        return self._camera.identity

    def frame_after(self, monotonic_s: float) -> Frame:
        """Return the first whole frame captured after that moment of the monotonic clock.

        Raises:
            InstrumentError: none came in time, or the camera is lost and not back yet.
        """
        if self._is_away:
            return self._frame_if_back(monotonic_s)
        self._attempt = None  # the frame tells more than a look
        if self._supervisor.state is not InstrumentState.CONNECTING:
            self._supervisor.apply(InstrumentEvent.ASKED)
        try:
            frame = self._opened().frame_after(monotonic_s)
        except InstrumentError as error:
            self._lose(error, in_frame=True)
            raise
        self._found(frame.repeats > 0)
        return frame

    def is_live(self) -> bool:
        """See, between inspections, whether new pictures come; `trouble` says why not. It hardly waits."""
        patience_s = 0.0
        due = self._clock.monotonic_s() >= self._next_attempt_s and not self._only_a_frame_tells
        if self._attempt is None and due:
            self._seek(None)
            patience_s = _GLANCE_S
        if self._attempt is not None:
            with suppress(InstrumentError):
                self._answer(patience_s)
        return not self.trouble

    @property
    def _is_away(self) -> bool:
        state = self._supervisor.state
        is_sought = self._attempt is not None and state is InstrumentState.CONNECTING
        return is_sought or state in (InstrumentState.ABSENT, InstrumentState.LOST)

    def _frame_if_back(self, monotonic_s: float) -> Frame:
        if self._attempt is None:
            if self._clock.monotonic_s() < self._next_attempt_s:
                raise LinkLost(self.trouble)
            self._seek(monotonic_s)
        asked_for_s = self._asked_for_s
        answer = self._answer(_PATIENCE_S if self.trouble else None)  # the first opening is waited for
        # The answer to an earlier inspection shows another specimen.
        if isinstance(answer, Frame) and asked_for_s == monotonic_s:
            return answer
        return self.frame_after(monotonic_s)

    def _seek(self, monotonic_s: float | None) -> None:
        """Ask for a frame, or whether pictures come, in the other thread."""
        if self._supervisor.state in (InstrumentState.ABSENT, InstrumentState.LOST):
            self._supervisor.apply(InstrumentEvent.SOUGHT)
        self._asked_for_s = monotonic_s

        def ask() -> Frame | bool:
            camera = self._opened()
            return camera.is_live() if monotonic_s is None else camera.frame_after(monotonic_s)

        self._attempt = self._thread.submit(ask)

    def _answer(self, patience_s: float | None) -> Frame | bool:
        """Return what the other thread was told.

        Raises:
            InstrumentError: the camera is not there, or has not answered yet.
        """
        assert self._attempt is not None
        try:
            answer = self._attempt.result(patience_s)
        except NotYet as error:
            raise LinkTimeout(f"the camera was lost and has not answered yet ({self.trouble})") from error
        except InstrumentError as error:
            self._attempt = None
            self._lose(error, in_frame=self._asked_for_s is not None)
            raise
        self._attempt = None
        self._found(answer.repeats > 0 if isinstance(answer, Frame) else not answer)
        return answer

    def _opened(self) -> MicroscopeCamera:
        if self._camera is None:
            self._camera = self._stack.enter_context(self._closed_camera)
        return self._camera

    def _found(self, frozen: bool) -> None:
        self.trouble = _FROZEN if frozen else ""
        self._only_a_frame_tells = False
        if self._supervisor.state is InstrumentState.CONNECTING:
            self._supervisor.opened(self.identity.serial)
            self._supervisor.apply(InstrumentEvent.SETTLED)  # it needs neither warmth nor a reference
        self._supervisor.apply(InstrumentEvent.WARNED if frozen else InstrumentEvent.SOUND, self.trouble)

    def _lose(self, error: InstrumentError, in_frame: bool) -> None:
        if self._supervisor.state is not InstrumentState.CONNECTING:
            self._waits = self._new_waits()
        self.trouble = str(error)
        self._only_a_frame_tells = in_frame and isinstance(error, DeviceFault | ProtocolError)
        self._supervisor.failed(self.trouble)
        self._next_attempt_s = self._clock.monotonic_s() + next(self._waits)
