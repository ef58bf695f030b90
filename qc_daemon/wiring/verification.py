"""Checks what was written: a certificate against itself and its station, and the ledger of a station.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from dataclasses import dataclass
from pathlib import Path

from qc_daemon.domain.errors import Unavailable
from qc_daemon.wiring.ledger import check_ledger_of


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
        InputError: the anchor file of the configuration cannot be read.
        StoreUnavailable: the database does not answer, or is of another schema.
    """
    found = check_ledger_of(config, station)
    counts = {
        "entries follow one another": found.entries,
        "rows are as their entries say": found.rows,
        "blobs hold what their rows name": found.blobs - found.retired,
        "report files are as recorded": found.files,
        "heads written down elsewhere are in the ledger": found.anchors,
    }
    checked = [f"{count} {what}" for what, count in counts.items()] if not found.problems else []
    if found.head is not None:
        checked.append(f"head: entry {found.head.sequence}, SHA-256 {found.head.sha256}")
    notes = [f"{found.retired} contents went by the rules of retention"] if found.retired else []
    if not found.anchors:
        notes.append("no head was written down elsewhere: newest entries that were cut off are not missed")
    return Verification(tuple(checked), tuple(notes), found.problems)
