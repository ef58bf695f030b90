"""What the tests of the line share: conclusions to answer with, and waiting for a condition."""

import time
from collections.abc import Callable
from typing import Any

from builders import NOON, a_composition

from qc_daemon.domain.inspection import Conclusion
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.rules import TOLERANCES
from qc_daemon.domain.verdict import Outcome, Verdict


def a_conclusion(outcome: Outcome = Outcome.PASS, *codes: ReasonCode, **changes: Any) -> Conclusion:
    """Return "cotton 60 polyester 40" with a verdict and its reasons."""
    parts: dict[str, Any] = {
        "id": "c-1",
        "acquisition_id": "a-1",
        "composition": a_composition({"cotton": (57.0, 60.4, 63.0), "polyester": (37.0, 39.6, 43.0)}),
        "cleaned": None,
        "defects": (),
        "tolerance": TOLERANCES["GB/T 29862-2013"],
        "verdict": Verdict(outcome, tuple(Reason(code) for code in codes)),
        "models": (),
        "software_version": "test",
        "concluded_at": NOON,
        "infer_seconds": 0.1,
    }
    return Conclusion(**{**parts, **changes})


def blind() -> None:
    """Look with closed eyes."""


def until(what: Callable[[], Any], limit_s: float = 20.0) -> Any:
    """Return the first truth that `what` has to say."""
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        found = what()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {limit_s} s in vain")
