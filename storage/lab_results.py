"""Keeps what laboratories found and puts it beside what the station said."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from qc_daemon.domain.composition import FibreShare
from qc_daemon.domain.errors import InputError
from qc_daemon.domain.lab_comparison import AnalysedInspection, LabResult, LabShare
from storage.correction_tables import IdentityRow
from storage.lab_csv import read_lab_csv
from storage.lab_tables import LabResultRow, LabShareRow

Transaction = Callable[[], AbstractContextManager[Session]]

_SAID = text("""
    SELECT
        s.number, s.specimen, s.basis, i.interval_coverage, s.fibre, s.percent, s.lo_percent, s.hi_percent
    FROM v_fibre_shares AS s
    JOIN v_inspections AS i ON i.number = s.number
    WHERE s.specimen IN (SELECT specimen FROM lab_results) AND i.novelty <= i.novelty_limit
    ORDER BY s.number
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


def analysed_inspections(session: Session) -> Iterator[AnalysedInspection]:
    """Yield each inspection beside each laboratory result of its specimen, novel spectra left out."""
    found: defaultdict[str, list[LabResult]] = defaultdict(list)
    for row in session.scalars(select(LabResultRow).order_by(LabResultRow.sequence)):
        found[row.specimen].append(_result(row))
    said = groupby(session.execute(_SAID), lambda row: row[:4])
    for (number, specimen, basis, coverage), rows in said:
        shares = tuple(FibreShare(*row[4:]) for row in rows)
        for result in found[specimen]:
            yield AnalysedInspection(number, shares, basis, coverage, result)


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
        if _result(known) != result:
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


def _result(row: LabResultRow) -> LabResult:
    shares = tuple(LabShare(share.fibre, share.percent) for share in row.shares)
    return LabResult(row.specimen, row.method, row.laboratory, row.measured_on, row.basis, shares)


def _specimens(results: tuple[LabResult, ...]) -> list[str]:
    return list(dict.fromkeys(result.specimen for result in results))


def _is_inspected(session: Session, specimen: str) -> bool:
    query = select(IdentityRow.acquisition_number).where(IdentityRow.specimen == specimen).limit(1)
    return session.scalar(query) is not None
