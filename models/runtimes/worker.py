"""A runtime in a child process of its own: a native crash or a hang costs one request, not the line.

The child is spawned, never forked, and owned by one object in the parent. It ends by itself when
the pipe closes, so it cannot outlive a parent that was killed. A request during which the child
dies or hangs is repeated once on a new child, as long as the budget of restarts lasts.
"""

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from models.checkpoint import load_checkpoint
from models.runtimes.opening import open_runtime
from models.runtimes.runtime import Runtime, Tensors
from qc_daemon.domain.errors import CheckpointError, InferenceUnavailable, QcError


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What the parent tolerates.

    Attributes:
        start_s: time for the child to load the model and reproduce the golden outputs.
        request_s: time for an answer; then the child is killed.
        restarts: how many restarts in `restart_window_s`; one more, and inference is unavailable.
        max_rss_mb: a child that has grown beyond this is replaced after its answer.
        close_s: time for the child to give back what it holds, such as a device; then it is killed.
    """

    start_s: float = 120.0
    request_s: float = 10.0
    restarts: int = 3
    restart_window_s: float = 600.0
    max_rss_mb: float = 1500.0
    close_s: float = 5.0


class WorkerRuntime:
    """Serves a checkpoint folder from a child process; starts it at once, to find a bad model early."""

    def __init__(
        self,
        folder: Path,
        kind: str = "onnx",
        limits: WorkerLimits | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._kind = folder, kind
        self._digest = load_checkpoint(folder).digest
        self._limits, self._monotonic_s = limits or WorkerLimits(), monotonic_s
        self._restarted_at: deque[float] = deque()
        self._process: SpawnProcess | None = None
        self._start()

    def __enter__(self) -> "WorkerRuntime":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the child; None while there is none."""
        return self._process.pid if self._process else None

    def infer(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name.

        Raises:
            InferenceUnavailable: two children failed this request, or the budget of restarts is used up.
        """
        if self._process is None:
            self._restart()
        try:
            answer = self._ask(inputs)
        except _ChildLost:
            self._restart()
            try:
                answer = self._ask(inputs)
            except _ChildLost as error:
                self._kill()
                raise InferenceUnavailable(f"{error}, twice with the same input") from error
        if self._rss_mb() > self._limits.max_rss_mb:
            self.close()
            self._start()
        return answer

    def describe(self) -> str:
        """Name the runtime in the child and its version."""
        return f"{self._description} in a worker process"

    def close(self) -> None:
        """End the child, once it gave back what it holds."""
        if self._process is not None:
            self._pipe.close()
            self._process.join(self._limits.close_s)
        self._kill()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, self._folder, self._digest, self._kind)
        self._process = context.Process(target=_serve, args=arguments, daemon=True, name="inference")
        self._process.start()
        theirs.close()
        try:
            self._description = str(self._receive(self._limits.start_s))
        except _ChildLost as error:
            self._kill()
            raise InferenceUnavailable(f"{error} while loading {self._folder}") from error
        except QcError:
            self._kill()
            raise

    def _restart(self) -> None:
        self._kill()
        now = self._monotonic_s()
        while self._restarted_at and now - self._restarted_at[0] > self._limits.restart_window_s:
            self._restarted_at.popleft()
        if len(self._restarted_at) >= self._limits.restarts:
            raise InferenceUnavailable(
                f"inference worker: {self._limits.restarts} restarts within "
                f"{self._limits.restart_window_s:g} s are used up"
            )
        self._restarted_at.append(now)
        self._start()

    def _ask(self, inputs: Tensors) -> Tensors:
        try:
            self._pipe.send(dict(inputs))
        except OSError as error:
            raise _ChildLost("inference worker: died") from error
        answer = self._receive(self._limits.request_s)
        assert isinstance(answer, dict)
        return answer

    def _receive(self, timeout_s: float) -> object:
        """Return what the child sent, or raise what it raised."""
        try:
            if not self._pipe.poll(timeout_s):
                raise _ChildLost(f"inference worker: no answer within {timeout_s:g} s")
            message: object = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise _ChildLost("inference worker: died") from error
        if isinstance(message, QcError):
            raise message
        return message

    def _kill(self) -> None:
        if self._process is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None

    def _rss_mb(self) -> float:
        """Resident memory of the child; 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()
        except OSError:
            return 0.0
        return int(fields[1]) * 4096 / 1e6


class _ChildLost(Exception):
    """The child died or did not answer in time; never leaves this file."""


def _serve(pipe: Connection, folder: Path, digest: str, kind: str) -> None:
    """Run in the child: load the model, answer, give back what it holds."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    try:
        runtime = _load(folder, digest, kind)
    except QcError as error:
        pipe.send(error)
        return
    with suppress(QcError), closing(runtime):  # nobody is left to hear that closing failed
        _answer(pipe, runtime)


def _answer(pipe: Connection, runtime: Runtime) -> None:
    """Say who answers, then answer until the pipe closes."""
    pipe.send(runtime.describe())
    while True:
        try:
            inputs = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer: object = runtime.infer(inputs)
        except QcError as error:
            answer = error
        pipe.send(answer)


def _load(folder: Path, digest: str, kind: str) -> Runtime:
    checkpoint = load_checkpoint(folder)
    if checkpoint.digest != digest:
        raise CheckpointError(f"{folder}: changed since it was loaded; expected version {digest[:12]}")
    return open_runtime(checkpoint, kind)
