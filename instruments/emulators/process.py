"""An emulator as a child process: started, told what to show, and gone with its parent."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from qc_daemon.domain.errors import LinkLost, LinkTimeout

_STOP_TIMEOUT_S = 3.0


class EmulatorProcess:
    """Runs `python -m module args`; each command is a line in, each answer a line of JSON out.

    The child ends when its standard input closes, so it never outlives a killed parent.
    """

    def __init__(self, module: str, args: Sequence[str], timeout_s: float = 15.0) -> None:
        self._command = [sys.executable, "-m", module, *args]
        self._name = module.rpartition(".")[2]
        self._timeout_s = timeout_s
        self._answers: queue.Queue[str | None] = queue.Queue()

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
        self._reader = threading.Thread(target=self._read_answers, daemon=True)
        self._reader.start()
        try:
            self.ready = self._next_answer("start")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def tell(self, command: str) -> dict[str, Any]:
        """Send one command and return the emulator's answer to it.

        Raises:
            LinkLost: the emulator has ended.
            LinkTimeout: it does not answer.
        """
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(command + "\n")
            self._child.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise LinkLost(f"emulator {self._name} has ended") from error
        return self._next_answer(command)

    def _next_answer(self, command: str) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=self._timeout_s)
        except queue.Empty as error:
            raise LinkTimeout(f'emulator {self._name} does not answer "{command}"') from error
        if line is None:
            raise LinkLost(f'emulator {self._name} ended instead of answering "{command}"')
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _read_answers(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self._answers.put(line)
        self._answers.put(None)

    def _stop(self) -> None:
        assert self._child.stdin is not None and self._child.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it may have ended already
            self._child.stdin.close()
        try:
            self._child.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._reader.join()
        self._child.stdout.close()
