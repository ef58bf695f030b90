"""Keeps what laboratories found and puts it beside what the station said."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.lab_comparison import ComparedShare, LabResult, LabShare
from storage.correction_tables import IdentityRow
from storage.lab_csv import read_lab_csv
from storage.lab_tables import LabResultRow, LabShareRow

Transaction = Callable[[], AbstractContextManager[Session]]

_COMPARED = text("""
    SELECT
        l.fibres, l.fibre, l.specimen, l.lab_percent, l.percent, l.lo_percent, l.hi_percent,
        l.basis, l.lab_basis, i.interval_coverage
    FROM v_lab_results AS l
    JOIN v_inspections AS i ON i.number = l.number
    WHERE i.novelty <= i.novelty_limit AND l.lab_percent > 0
    ORDER BY l.number
""")


@dataclass(frozen=True, slots=True)
class LabImport:
    """What an import did.

    Attributes:
        known: results that were stored already.
        never_inspected: specimens of the file that the station has not measured, in their order.
    """

    added: int
    known: int
    never_inspected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConfirmedSpecimen:
    """An inspection of a specimen whose shares a laboratory found; the newest result counts."""

    number: int
    specimen: str
    shares: tuple[LabShare, ...]


def import_lab_file(writing: Transaction, path: Path, who: str, at: datetime) -> LabImport:
    """Store the results of a CSV file, all or none. Twice is once.

    Raises:
        InputError: the file cannot be read, or contradicts what is stored.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a CSV file of laboratory results") from error
    results = read_lab_csv(content, str(path))
    file_sha256 = hashlib.sha256(content).hexdigest()
    with writing() as session:
        added = sum(_add(session, result, file_sha256, who, at, path) for result in results)
        never = tuple(name for name in _specimens(results) if not _is_inspected(session, name))
    return LabImport(added, len(results) - added, never)


def compared_shares(session: Session) -> Iterator[ComparedShare]:
    """Yield what was found and said of each fibre, novel spectra left out."""
    for row in session.execute(_COMPARED):
        yield ComparedShare(*row)


def confirmed_specimens(session: Session) -> Iterator[ConfirmedSpecimen]:
    """Yield the inspections of specimens that a laboratory analysed, oldest first."""
    newest: dict[str, LabResultRow] = {}
    for row in session.scalars(
        select(LabResultRow).order_by(LabResultRow.measured_on, LabResultRow.sequence)
    ):
        newest[row.specimen] = row
    query = (
        select(IdentityRow.acquisition_number, IdentityRow.specimen)
        .where(IdentityRow.specimen.in_(select(LabResultRow.specimen)))
        .order_by(IdentityRow.acquisition_number)
    )
    for number, specimen in session.execute(query):
        shares = tuple(LabShare(share.fibre, share.percent) for share in newest[specimen].shares)
        yield ConfirmedSpecimen(number, specimen, shares)


def _add(session: Session, result: LabResult, file_sha256: str, who: str, at: datetime, path: Path) -> bool:
    """Add a result unless it is stored; tell whether it was added."""
    key = {
        "specimen": result.specimen,
        "method": result.method,
        "laboratory": result.laboratory,
        "measured_on": result.measured_on,
    }
    known = session.scalar(select(LabResultRow).filter_by(**key))
    if known is not None:
        stored = tuple(LabShare(share.fibre, share.percent) for share in known.shares)
        if (known.basis, stored) != (result.basis, result.shares):
            raise InputError(
                f"{path}: specimen {result.specimen}, {result.method}, {result.measured_on} is stored with "
                "other shares; expected a new date for a new analysis"
            )
        return False
    shares = [
        LabShareRow(position=position, fibre=share.fibre, percent=share.percent)
        for position, share in enumerate(result.shares)
    ]
    session.add(
        LabResultRow(
            **key, basis=result.basis, file_sha256=file_sha256, imported_by=who, imported_at=at, shares=shares
        )
    )
    return True


def _specimens(results: tuple[LabResult, ...]) -> list[str]:
    return list(dict.fromkeys(result.specimen for result in results))


def _is_inspected(session: Session, specimen: str) -> bool:
    query = select(IdentityRow.acquisition_number).where(IdentityRow.specimen == specimen).limit(1)
    return session.scalar(query) is not None
