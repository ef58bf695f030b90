"""Which evidence may go: by age, by a budget of bytes, never what is held or still needed.

Hashes, results and the ledger stay for ever; only bytes go, and a row says when and by which rule.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

BYTES_PER_GB = 1_000_000_000


class EvidenceKind(StrEnum):
    """Class of evidence; each has its own rule. White references and calibration scans never go."""

    RAW = "raw"  # scans as the spectrometer sent them, and the evidence of conclusions
    IMAGE = "image"  # micrographs, debris masks and fills
    REPORT = "report"  # certificates


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How long and how much of one class is kept; None is without limit."""

    max_age_days: float | None = None
    max_gb: float | None = None


@dataclass(frozen=True, slots=True)
class StoredEvidence:
    """One file of evidence.

    Attributes:
        path: inside the station folder.
        newest_use_at: when the newest inspection that it belongs to was accepted.
        held: whether a lot that it belongs to is under legal hold.
        needed: whether work that is not done yet reads it.
    """

    sha256: str
    path: str
    kind: EvidenceKind
    size_bytes: int
    newest_use_at: datetime
    held: bool
    needed: bool


@dataclass(frozen=True, slots=True)
class Retirement:
    """Evidence that goes, and by which rule, in words."""

    evidence: StoredEvidence
    rule: str


@dataclass(frozen=True, slots=True)
class LetGo:
    """What a run let go of one class, or would let go."""

    kind: EvidenceKind
    contents: int
    size_bytes: int


def retirements(
    newest_first: Iterable[StoredEvidence], rule: RetentionRule, now: datetime
) -> Iterator[Retirement]:
    """Yield what may go of one class: what is older than the age, and the oldest beyond the budget.

    Held and needed evidence stays, and counts for the budget: then younger evidence goes earlier.

    Args:
        newest_first: all evidence of the class, ordered by `newest_use_at`; looked at one by one.
        rule: of the class.
        now: the aware time of this run.
    """
    kept_bytes = 0
    for evidence in newest_first:
        reason = _reason_to_go(evidence, kept_bytes, rule, now)
        if reason is None or evidence.held or evidence.needed:
            kept_bytes += evidence.size_bytes
        else:
            yield Retirement(evidence, reason)


def _reason_to_go(
    evidence: StoredEvidence, kept_bytes: int, rule: RetentionRule, now: datetime
) -> str | None:
    age_days = rule.max_age_days
    if age_days is not None and now - evidence.newest_use_at > timedelta(days=age_days):
        return f"{evidence.kind} older than {age_days:g} days"
    if rule.max_gb is not None and kept_bytes + evidence.size_bytes > rule.max_gb * BYTES_PER_GB:
        return f"{evidence.kind} beyond {rule.max_gb:g} GB"
    return None
