"""Runs `qc-daemon` as a user does: a process, its exit status, its two streams."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MAIN = [sys.executable, "-c", "from qc_daemon.cli import main; main()"]


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
    done = subprocess.run(
        [*_MAIN, *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)
