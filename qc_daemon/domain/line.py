"""The records between station and line: what the line announces, and what it hears of it."""

from dataclasses import dataclass
from enum import StrEnum

from qc_daemon.domain.inspection import Specimen


class StationState(StrEnum):
    """What the station is doing, as its status and the line are told."""

    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    STOPPED = "stopped"


class NoVerdict(StrEnum):
    """Why an announced specimen gets no verdict now."""

    SPECTROMETER = "spectrometer"  # it failed: there is nothing to judge
    STORE = "store"  # the database is away: accepted and judged later; or the disk is full: not accepted
    UNDECIDED = "undecided"  # accepted, but no conclusion can be drawn from it


@dataclass(frozen=True, slots=True)
class Cue:
    """The line's word that a specimen lies there now.

    Attributes:
        may_be_stored: whether it may have been accepted before the station restarted. If the history has
            the specimen's id, the stored inspection is the answer, and it is not measured again.
    """

    specimen: Specimen
    may_be_stored: bool


@dataclass(frozen=True, slots=True)
class LineCounts:
    """What a line device did since the station started.

    Attributes:
        announced: specimens that the line announced.
        missed: specimens that passed without an inspection.
        unassigned: measurements made while the line could not say what lies there.
        repeated: announcements dropped because they had just been made.
        refused: announcements that could not be read: a wrong check digit, noise, a bad label.
        garbage_bytes: bytes that belonged to no announcement.
        device_restarts: times that the device forgot what it had been told.
        unanswered: verdicts that the device could not be told any more.
    """

    announced: int = 0
    missed: int = 0
    unassigned: int = 0
    repeated: int = 0
    refused: int = 0
    garbage_bytes: int = 0
    device_restarts: int = 0
    unanswered: int = 0


@dataclass(frozen=True, slots=True)
class LineHealth:
    """How the line device is.

    Attributes:
        device: where it is; empty if there is no device.
        state: "running", "stopped", "on hold", "connected", "lost" or "silent".
        trouble: what a person should know, in one line; empty if nothing.
    """

    device: str
    state: str
    trouble: str
    counts: LineCounts
