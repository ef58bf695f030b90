"""Looks after the camera, and never lets a lost one hold up the spectrometer."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Self

from qc_daemon.domain.errors import InstrumentError, LinkLost, LinkTimeout
from qc_daemon.domain.image import Frame
from qc_daemon.domain.ports import Clock, MicroscopeCamera
from qc_daemon.domain.spectrum import InstrumentIdentity
from qc_daemon.domain.supervision import InstrumentEvent, InstrumentState
from qc_daemon.supervision import Supervisor

# An inspection waits so long for a camera that was lost before; it may take seconds to time out by itself.
_PATIENCE_S = 0.2


class WatchedCamera:
    """A camera as `qc_daemon.domain.ports.MicroscopeCamera`, opened again for as long as it takes.

    It counts as ready when it has given a frame. While it is lost it is asked from a thread of its own, now
    and then, and an inspection goes on without it.

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
        self._attempt: Future[Frame] | None = None
        self._attempt_for_s = 0.0
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
        if self._attempt is not None or self._supervisor.state in (
            InstrumentState.ABSENT,
            InstrumentState.LOST,
        ):
            return self._frame_if_back(monotonic_s)
        if self._supervisor.state is not InstrumentState.CONNECTING:
            self._supervisor.apply(InstrumentEvent.ASKED)
        try:
            frame = self._ask(monotonic_s)
        except InstrumentError as error:
            self._waits = self._new_waits()
            self._lose(error)
            raise
        self._found()
        return frame

    def _frame_if_back(self, monotonic_s: float) -> Frame:
        if self._attempt is None:
            if self._clock.monotonic_s() < self._next_attempt_s:
                raise LinkLost(self.trouble)
            self._supervisor.apply(InstrumentEvent.SOUGHT)
            self._attempt, self._attempt_for_s = self._thread.submit(self._ask, monotonic_s), monotonic_s
        try:
            frame = self._attempt.result(_PATIENCE_S)
        except NotYet as error:
            raise LinkTimeout(f"the camera was lost and has not answered yet ({self.trouble})") from error
        except InstrumentError as error:
            self._attempt = None
            self._lose(error)
            raise
        self._attempt = None
        self._found()
        # The answer to an earlier inspection shows another specimen.
        return frame if self._attempt_for_s == monotonic_s else self.frame_after(monotonic_s)

    def _ask(self, monotonic_s: float) -> Frame:
        if self._camera is None:
            self._camera = self._stack.enter_context(self._closed_camera)
        return self._camera.frame_after(monotonic_s)

    def _found(self) -> None:
        self.trouble = ""
        if self._supervisor.state is InstrumentState.CONNECTING:
            self._supervisor.opened(self.identity.serial)
            self._supervisor.apply(InstrumentEvent.SETTLED)  # it needs neither warmth nor a reference
        self._supervisor.apply(InstrumentEvent.SOUND)

    def _lose(self, error: InstrumentError) -> None:
        self.trouble = str(error)
        self._supervisor.failed(self.trouble)
        self._next_attempt_s = self._clock.monotonic_s() + next(self._waits)
