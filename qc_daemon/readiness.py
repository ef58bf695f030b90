"""Whether a station lives, and whether it is ready to inspect, from what it publishes of itself."""

from collections.abc import Mapping
from typing import Any

from qc_daemon.domain.line import StationState

_NOT_TURNING = ("hanging", StationState.STOPPED.value)


def why_not_alive(status: Mapping[str, Any]) -> list[str]:
    """Return why the station should be started anew; nothing while its parts give signs of life."""
    reasons = [f"the station is {status['state']}"] if status["state"] in _NOT_TURNING else []
    return reasons + [f"no sign of life from {name}" for name in status.get("late", {})]


def why_not_ready(status: Mapping[str, Any]) -> list[str]:
    """Return why the next specimen would get no verdict; nothing if it would get one.

    That the spectrometer is warming or wants a reference is no fault of the service: it measures, and what
    it says is REFER.
    """
    reasons = why_not_alive(status)
    if status["state"] in (StationState.STARTING.value, StationState.DEGRADED.value):
        reasons.append(f"the station is {status['state']}")
    critical = [one for one in status.get("alarm_details", ()) if one["severity"] == "critical"]
    return reasons + [f"alarm {one['code']}: {one['message']}" for one in critical]
