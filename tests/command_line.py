"""Runs `qc-daemon` as a user does: a process, its exit status, its two streams.

To import what the command needs takes longer than most of what it does. So the processes are forked off one
that has imported it already; `test_run.py` and the benchmarks start them from nothing.
"""

import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["pytest", "qc_daemon.cli", "cv2", "onnxruntime", "typst", "storage.schema", "storage.inspection_store"]
)


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


def qc_daemon(*arguments: object, folder: Path | None = None, timeout_s: float = 300.0) -> Ran:
    """Run one command in `folder` and return what a user would see."""
    with tempfile.TemporaryDirectory() as scratch:
        out, err = Path(scratch) / "out", Path(scratch) / "err"
        place = (folder or Path.cwd(), out, err, dict(os.environ))
        process = _SERVER.Process(target=_run, args=([str(one) for one in arguments], *place))
        process.start()
        process.join(timeout_s)
        if process.is_alive():
            process.kill()
            raise TimeoutError(f"qc-daemon {arguments} has not ended after {timeout_s:g} s")
        assert process.exitcode is not None
        return Ran(process.exitcode, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


def _run(arguments: list[str], folder: Path, out: Path, err: Path, environment: Mapping[str, str]) -> None:
    """Become the command: its folder, its environment and its streams."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for stream, flags, target in (
        (0, os.O_RDONLY, Path(os.devnull)),
        (1, os.O_WRONLY | os.O_CREAT, out),
        (2, os.O_WRONLY | os.O_CREAT, err),
    ):
        os.dup2(os.open(target, flags), stream)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(os.dup(stream), "rw"[stream > 0]) for stream in range(3))
    sys.modules["__main__"] = ModuleType("__main__")  # whose children are not to import pytest
    from qc_daemon.cli import main

    main(arguments)
