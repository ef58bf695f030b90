"""How an emulator is told what to do: one command a line on its standard input, one line of JSON back."""

import json
import os
from collections.abc import Callable
from typing import Any

from qc_daemon.domain.errors import QcError

STDIN, STDOUT = 0, 1


class Console:
    """Takes commands as they come, whole or in pieces.

    Args:
        execute: executes one command and returns what to answer; raises a QcError if it cannot.
    """

    def __init__(self, execute: Callable[[list[str]], dict[str, Any]]) -> None:
        self._execute = execute
        self._typed = b""

    def read(self) -> bool:
        """Read what was typed and obey it; return False at the end of the input or after "quit"."""
        chunk = os.read(STDIN, 4096)
        if not chunk:
            return False
        *lines, self._typed = (self._typed + chunk).split(b"\n")
        return all(self._obey(line.decode(errors="replace").split()) for line in lines)

    def _obey(self, words: list[str]) -> bool:
        try:
            say(ok=True, **self._execute(words))
        except QcError as error:
            say(ok=False, error=str(error))
        return words != ["quit"]


def say(**fields: Any) -> None:
    """Print one line of JSON."""
    os.write(STDOUT, json.dumps(fields).encode() + b"\n")
