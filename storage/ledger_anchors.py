"""Heads of the ledger that were written down outside of the database.

An anchor file is text, one head a line, only ever appended: moment, entry, hash. It belongs on
another machine or on write-once media, or whoever can change the database can change it too.
"""

import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from qc_daemon.domain.errors import InputError, StoreUnavailable
from qc_daemon.domain.ledger import LedgerHead
from storage.timestamps import utc_text

_LINE = re.compile(r"\S+ (\d{1,18}) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head that was written down, and where."""

    head: LedgerHead
    source: str


def write_anchor(file: Path, head: LedgerHead, at: datetime) -> None:
    """Append a head to an anchor file; on return it is on disk.

    Raises:
        StoreUnavailable: the file cannot be written.
    """
    line = f"{utc_text(at)} {head.sequence} {head.sha256}\n"
    try:
        with file.open("a", encoding="ascii") as stream:
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise StoreUnavailable(f"anchor file {file}: {error.strerror}") from error


def read_anchors(file: Path) -> list[Anchor]:
    """Return the heads of an anchor file, oldest first.

    Raises:
        InputError: it cannot be read, or a line is not a head.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"anchor file {file} cannot be read: {error}") from error
    anchors = []
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError(f'{file} line {number} is "{line}"; expected MOMENT ENTRY SHA256')
        anchors.append(Anchor(LedgerHead(int(match[1]), match[2]), f"{file.name} line {number}"))
    return anchors
