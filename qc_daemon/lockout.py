"""Makes guessing of passwords slow: each further wrong one costs a longer wait, by name.

Waits run on the monotonic clock, so that a wall clock that is set neither ends nor prolongs them.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_FREE_TRIES = 4
_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 300.0
_NAMES_KEPT = 1000  # somebody who tries many names must not fill the memory


@dataclass(frozen=True, slots=True)
class _Tries:
    failures: int
    locked_until_s: float


class Lockout:
    """Counts wrong passwords by name."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def seconds_left(self, name: str) -> float:
        """Return how long nobody may try that name; 0 if now."""
        tries = self._tries.get(name)
        return 0.0 if tries is None else max(tries.locked_until_s - self._monotonic_s(), 0.0)

    def failed(self, name: str) -> int:
        """Count a wrong password; return how many there were in a row."""
        before = self._tries.pop(name, None)
        failures = 1 if before is None else before.failures + 1
        beyond = failures - _FREE_TRIES
        wait_s = 0.0 if beyond < 0 else min(_FIRST_WAIT_S * 2.0 ** min(beyond, 20), _LONGEST_WAIT_S)
        self._tries[name] = _Tries(failures, self._monotonic_s() + wait_s)
        if len(self._tries) > _NAMES_KEPT:
            self._tries.popitem(last=False)
        return failures

    def succeeded(self, name: str) -> None:
        """Forget the wrong ones: the right one was given."""
        self._tries.pop(name, None)
