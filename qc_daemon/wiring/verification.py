"""Checks what was written: a certificate against itself and its station, and the ledger of a station.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from dataclasses import dataclass
from pathlib import Path

from qc_daemon.domain.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked and found well, what could not be checked, and what is wrong; a line each."""

    checked: tuple[str, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems


def verify_file(path: Path, config: Path, station: Path | None) -> Verification:
    """Check a certificate against its own record and, with a station, against what that knows of it.

    Raises:
        InputError: the file is not a certificate at all.
    """
    raise Unavailable(f"{path}: certificates cannot be checked yet")


def verify_ledger(config: Path, station: Path | None) -> Verification:
    """Check the whole ledger of a station; `config` and `station` name it as in every command.

    Raises:
        Unavailable: the station has no ledger.
    """
    raise Unavailable("this station has no ledger")
