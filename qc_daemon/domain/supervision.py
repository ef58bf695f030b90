"""The states of an instrument, and the one table that says how it passes from each to the next.

    absent ──► connecting ──► warming ──► needs_reference ──► ready ◄─► degraded
                  ▲               └──────────────┴── measuring ──┴──────────┘
                  └── lost ◄── from anywhere after connecting

Pure: who applies the events and who is told is in ``qc_daemon/supervision.py``.
"""

from collections.abc import Mapping
from enum import StrEnum


class InstrumentState(StrEnum):
    """What an instrument is doing, in the words of `qc-daemon status`."""

    ABSENT = "absent"  # never found since the station started
    CONNECTING = "connecting"
    WARMING = "warming"  # it measures, but its temperature or its lamp still drifts
    NEEDS_REFERENCE = "needs_reference"  # it measures, but no white reference may be used
    READY = "ready"
    MEASURING = "measuring"
    DEGRADED = "degraded"  # it measures, but a gate warns of its reference or its checks
    LOST = "lost"  # it was there and is gone, or failed; it is looked for


class InstrumentEvent(StrEnum):
    """What can happen to an instrument."""

    SOUGHT = "sought"
    NOT_FOUND = "not found"
    OPENED = "opened"
    LOST = "lost"
    ASKED = "asked to measure"
    UNSETTLED = "found still warming"
    SETTLED = "settled"
    UNREFERENCED = "found without a usable reference"
    WARNED = "found usable with a warning"
    SOUND = "found in order"


# These pass within seconds; the state before one of them is what a person wants to know.
PASSING = frozenset({InstrumentState.CONNECTING, InstrumentState.MEASURING})

_JUDGED = {
    InstrumentEvent.UNREFERENCED: InstrumentState.NEEDS_REFERENCE,
    InstrumentEvent.WARNED: InstrumentState.DEGRADED,
    InstrumentEvent.SOUND: InstrumentState.READY,
}
_IN_USE = {InstrumentEvent.ASKED: InstrumentState.MEASURING, InstrumentEvent.LOST: InstrumentState.LOST}

# All that may happen; what is not here is refused.
TRANSITIONS: Mapping[InstrumentState, Mapping[InstrumentEvent, InstrumentState]] = {
    InstrumentState.ABSENT: {InstrumentEvent.SOUGHT: InstrumentState.CONNECTING},
    InstrumentState.LOST: {InstrumentEvent.SOUGHT: InstrumentState.CONNECTING},
    InstrumentState.CONNECTING: {
        InstrumentEvent.NOT_FOUND: InstrumentState.ABSENT,
        InstrumentEvent.LOST: InstrumentState.LOST,
        InstrumentEvent.OPENED: InstrumentState.WARMING,
    },
    InstrumentState.WARMING: {
        InstrumentEvent.UNSETTLED: InstrumentState.WARMING,
        InstrumentEvent.SETTLED: InstrumentState.NEEDS_REFERENCE,
        **_IN_USE,
    },
    InstrumentState.NEEDS_REFERENCE: {**_JUDGED, **_IN_USE},
    InstrumentState.READY: {**_JUDGED, **_IN_USE},
    InstrumentState.DEGRADED: {**_JUDGED, **_IN_USE},
    InstrumentState.MEASURING: {
        InstrumentEvent.UNSETTLED: InstrumentState.WARMING,
        InstrumentEvent.LOST: InstrumentState.LOST,
        **_JUDGED,
    },
}


def next_state(state: InstrumentState, event: InstrumentEvent) -> InstrumentState:
    """Return the state that follows.

    Raises:
        ValueError: this cannot happen in this state, so the caller is wrong.
    """
    following = TRANSITIONS[state].get(event)
    if following is None:
        raise ValueError(f"an instrument that is {state.value} cannot be {event.value}")
    return following
