"""What a certificate says beyond its inspection: the roll, the control charts, the ledger, signatures."""

from dataclasses import dataclass
from datetime import datetime

from qc_daemon.domain.calibration import CheckKind
from qc_daemon.domain.ledger import LedgerHead
from qc_daemon.domain.verdict import Outcome


@dataclass(frozen=True, slots=True)
class CheckState:
    """The newest check of a kind before the measurement, and whether its charts were in control."""

    kind: CheckKind
    done_at: datetime
    in_control: bool


@dataclass(frozen=True, slots=True)
class InspectedPosition:
    """A place on the roll that was inspected; `outcome` is None while UNDECIDED."""

    number: int
    position_m: float
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class SignedBy:
    """Who signed, what they meant by it ("reviewed", "approved") and when."""

    who: str
    meaning: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class RetiredImage:
    """That the image is gone: when, by which rule of retention, and the SHA-256 that stays."""

    retired_at: datetime
    rule: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was known around an inspection when its certificate was written.

    Attributes:
        checks: of the spectrometer; empty if it was never checked.
        positions: inspected on the same roll so far, this one included.
        ledger: the head of the ledger; None on a station without one.
        signatures: of the conclusion, oldest first.
        retired_image: None while the image is kept.
        replaces: id of the conclusion that this one came after; "" for the first.
    """

    checks: tuple[CheckState, ...] = ()
    positions: tuple[InspectedPosition, ...] = ()
    ledger: LedgerHead | None = None
    signatures: tuple[SignedBy, ...] = ()
    retired_image: RetiredImage | None = None
    replaces: str = ""


NOTHING_KNOWN = Surroundings()
