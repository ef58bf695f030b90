"""Child processes of the station: started, listened to, killed when they hang, restarted within a budget."""

import multiprocessing
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

import structlog

from qc_daemon.domain.errors import ChildUnavailable
from qc_daemon.domain.ports import Clock

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What is tolerated of a child.

    Attributes:
        start_s: time to its first heartbeat.
        beat_s: time between two heartbeats; then it is killed.
        restarts: how many restarts in `window_s`; one more, and the station ends.
        stop_s: time to end by itself when it is told to.
    """

    start_s: float = 30.0
    beat_s: float = 15.0
    restarts: int = 5
    window_s: float = 600.0
    stop_s: float = 5.0


class Child:
    """One child process, spawned, never forked.

    `target` is called with a `Connection` and `arguments`; it sends a byte string on the connection now and
    then, which is its heartbeat, and ends on SIGTERM or when the connection breaks, so that it cannot
    outlive a station that was killed.

    Args:
        name: as status and log call it.
        target: a function of a module, as `spawn` needs it.
        arguments: what it is called with beside the connection.
        clock: says when a heartbeat is overdue.
        limits: what is tolerated.
    """

    def __init__(
        self,
        name: str,
        target: Callable[..., None],
        arguments: tuple[Any, ...],
        clock: Clock,
        limits: ChildLimits | None = None,
    ) -> None:
        self.name = name
        self._target = target
        self._arguments = arguments
        self._clock = clock
        self._limits = limits or ChildLimits()
        self._restarted_s: deque[float] = deque()
        self._process: SpawnProcess | None = None
        self._beating = False

    @property
    def pid(self) -> int:
        """Process id; 0 while there is none."""
        return (self._process.pid or 0) if self._process else 0

    @property
    def beat_age_s(self) -> float:
        """Seconds since it was last heard of."""
        return self._clock.monotonic_s() - self._heard_s

    def start(self) -> None:
        """Start it."""
        context = multiprocessing.get_context("spawn")
        self._ear, theirs = context.Pipe(duplex=False)
        self._process = context.Process(
            target=self._target, args=(theirs, *self._arguments), name=self.name, daemon=True
        )
        self._process.start()
        theirs.close()
        self._heard_s, self._beating = self._clock.monotonic_s(), False

    def look(self) -> str:
        """Hear its heartbeats; restart it if it died or hangs, and return why, else "".

        Raises:
            ChildUnavailable: the budget of restarts is used up.
        """
        assert self._process is not None, "start it first"
        self._listen()
        limit_s = self._limits.beat_s if self._beating else self._limits.start_s
        if not self._process.is_alive():
            trouble = f"ended with status {self._process.exitcode}"
        elif self.beat_age_s > limit_s:
            trouble = f"was silent for {limit_s:g} s"
        else:
            return ""
        log.error("child", name=self.name, trouble=trouble)
        self._kill()
        self._spend(trouble)
        self.start()
        return trouble

    def tell_to_end(self) -> None:
        """Tell it to end, so that it does while others still work; `stop` waits for it."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """Tell it to end, and kill it if it does not."""
        self.tell_to_end()
        if self._process is not None:
            self._process.join(self._limits.stop_s)
            self._kill()

    def _listen(self) -> None:
        try:
            while self._ear.poll():
                self._ear.recv_bytes()
                self._heard_s, self._beating = self._clock.monotonic_s(), True
        except (EOFError, OSError):
            pass  # it has ended, or is about to

    def _spend(self, trouble: str) -> None:
        now_s, limits = self._clock.monotonic_s(), self._limits
        while self._restarted_s and now_s - self._restarted_s[0] > limits.window_s:
            self._restarted_s.popleft()
        if len(self._restarted_s) >= limits.restarts:
            raise ChildUnavailable(
                f"{self.name} {trouble}; its {limits.restarts} restarts in {limits.window_s:g} s are spent"
            )
        self._restarted_s.append(now_s)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None
            self._ear.close()


def beat(heart: Connection) -> bool:
    """Send a heartbeat from inside a child; False if the station is gone and the child should end."""
    try:
        heart.send_bytes(b".")
    except OSError:
        return False
    return True
