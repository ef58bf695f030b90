"""What is said of the ledger outside of the database: its head."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """The newest entry of a ledger; its hash stands for everything that was recorded up to it.

    Attributes:
        sequence: number of the entry, from 1.
        sha256: its hash, in hex.
    """

    sequence: int
    sha256: str
