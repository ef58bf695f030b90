"""What `fsck` checks inside one moment of the database."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload, selectinload

from qc_daemon.domain.composition import Evidence
from qc_daemon.domain.control_charts import IN_CONTROL
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.reasons import JUDGEMENTS
from qc_daemon.domain.verdict import judge
from storage.acquisition_rows import facts_from, identity_of, label_from, reference_facts_of
from storage.conclusion_rows import composition_from, tolerance_of, verdict_from
from storage.correction_tables import CorrectionRow
from storage.corrections import corrected_label
from storage.dialects import database_problems
from storage.ground_tables import ConclusionGroundRow
from storage.journal_entry import facts_sha256
from storage.open_work import Need, open_work
from storage.retention_rows import gone_contents
from storage.tables import (
    AcquisitionRow,
    CalibrationScanRow,
    CheckRunRow,
    ConclusionRow,
    DeclaredFibreRow,
    FibreShareRow,
    InstrumentRow,
    QuarantineRow,
    ReasonRow,
    ReportRow,
    WhiteReferenceRow,
)

_ROWS_AT_ONCE = 500
_ACQUISITIONS, _CONCLUSIONS = AcquisitionRow.__table__, ConclusionRow.__table__
_NO_EVIDENCE = Evidence(
    np.zeros((0, 0), np.float32), np.zeros((0, 0), np.bool_), np.zeros(1), np.zeros(0, np.float32)
)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report row: where its file lies and what it hashes to."""

    number: int
    path: str
    sha256: str


@dataclass(slots=True)
class RowCheck:
    """What the rows say and what is wrong with them.

    Attributes:
        numbers: hash of the facts by station number.
        contents: what needs a blob, by the blob's hash.
        gone: hashes of contents that retention let go.
        quarantined: file names.
        reports: oldest first.
    """

    numbers: dict[int, str] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    quarantined: set[str] = field(default_factory=set)
    reports: list[StoredReport] = field(default_factory=list)
    conclusions: int = 0
    white_references: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A conclusion's columns, and what its verdict follows from."""

    row: Row[Any]
    shares: Sequence[Row[Any]]
    reasons: Sequence[Row[Any]]
    label: DeclaredLabel | None
    has_white: bool


def check_rows(session: Session) -> RowCheck:
    """Check the database file, then every acquisition, reference, conclusion and report row."""
    check = RowCheck()
    check.problems += [f"database: {problem}" for problem in database_problems(session.connection())]
    for number, sha256 in session.execute(select(AcquisitionRow.number, AcquisitionRow.facts_sha256)):
        check.numbers[number] = sha256
    for part in (_check_acquisitions, _check_references, _check_calibration, _check_conclusions):
        try:
            part(session, check)
        except ValueError as error:  # a time or a code that this software never writes
            check.problems.append(f"database: a row cannot be read: {error}")
    check.problems += _open_work_problems(session)
    check.gone = gone_contents(session)
    check.quarantined.update(session.scalars(select(QuarantineRow.file_name)))
    reports = select(ConclusionRow.acquisition_number, ReportRow.path, ReportRow.sha256).join(
        ReportRow, ReportRow.conclusion_sequence == ConclusionRow.sequence
    )
    check.reports += [StoredReport(*row) for row in session.execute(reports.order_by(ReportRow.sequence))]
    return check


def _check_acquisitions(session: Session, check: RowCheck) -> None:
    instruments = {row.id: identity_of(row) for row in session.scalars(select(InstrumentRow))}
    whites = {
        row.sequence: reference_facts_of(row)
        for row in session.scalars(
            select(WhiteReferenceRow).options(joinedload(WhiteReferenceRow.instrument))
        )
    }
    for rows in _chunks(session, select(_ACQUISITIONS).order_by(_ACQUISITIONS.c.number)):
        fibres = _parts(session, DeclaredFibreRow.acquisition_number, {row.number for row in rows})
        for row in rows:
            label = label_from(row.label_text, fibres[row.number])
            camera, white = instruments.get(row.camera_id), whites.get(row.white_reference_sequence)
            facts = facts_from(row, label, instruments[row.spectrometer_id], camera, white)
            if facts_sha256(facts) != row.facts_sha256:
                check.problems.append(f"acquisition {row.number}: its row was altered after it was accepted")
            check.contents[facts.scan_sha256] = f"acquisition {row.number}"
            if facts.frame:
                check.contents[facts.frame.image_sha256] = f"acquisition {row.number}"


def _chunks(session: Session, query: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    """Yield the rows of a query some at a time: plain columns, for mapped objects cost several times more."""
    return session.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)).partitions()


def _parts(
    session: Session, key: InstrumentedAttribute[int], wanted: set[int]
) -> Mapping[int, Sequence[Row[Any]]]:
    """Return the rows of the table of `key` that belong to the wanted keys, each in their order."""
    table = key.class_.__table__
    column = table.c[key.key]
    query = select(table).where(column.in_(wanted)).order_by(*table.primary_key)
    found: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for row in session.execute(query):
        found[getattr(row, key.key)].append(row)
    return found


def _open_work_problems(session: Session) -> Iterator[str]:
    """Compare the list of open work with what the other tables say.

    A first conclusion is owed a certificate; a later one only if whoever drew it wanted one.
    """
    newest = select(func.max(ConclusionRow.sequence)).group_by(ConclusionRow.acquisition_number)
    may_report = select(ConclusionRow.acquisition_number).where(
        ConclusionRow.sequence.in_(newest), ~ConclusionRow.reports.any()
    )
    first = newest.having(func.count() == 1)
    must_report = may_report.where(ConclusionRow.sequence.in_(first))
    undecided = select(AcquisitionRow.number).where(~AcquisitionRow.conclusions.any())
    needs: tuple[Need, ...] = ("conclusion", "report")
    for need, must, may in zip(needs, (undecided, must_report), (undecided, may_report), strict=True):
        listed = set(open_work(session, need))
        wrong = (set(session.scalars(must)) - listed) | (listed - set(session.scalars(may)))
        for number in sorted(wrong):
            yield f"acquisition {number}: the list of open work is wrong about its {need}"


def _check_references(session: Session, check: RowCheck) -> None:
    for row in session.scalars(select(WhiteReferenceRow)):
        check.white_references += 1
        for sha256 in (row.scan_sha256, row.tile_reflectance_sha256):
            check.contents[sha256] = f"white reference {row.id}"


def _check_calibration(session: Session, check: RowCheck) -> None:
    for row in session.scalars(select(CalibrationScanRow)):
        check.contents[row.scan_sha256] = f"calibration scan {row.id}"
    runs = select(CheckRunRow).options(selectinload(CheckRunRow.values), joinedload(CheckRunRow.scan))
    for run in session.scalars(runs):
        if run.in_control != all(value.rule == IN_CONTROL for value in run.values):
            check.problems.append(
                f"check {run.scan.id}: its values do not agree with whether it is in control"
            )


def _check_conclusions(session: Session, check: RowCheck) -> None:
    for rows in _chunks(session, select(_CONCLUSIONS).order_by(_CONCLUSIONS.c.sequence)):
        for judged in _judged(session, rows):
            row = judged.row
            check.conclusions += 1
            name = f"conclusion {row.id} of acquisition {row.acquisition_number}"
            check.problems += [f"{name}: {problem}" for problem in _conclusion_problems(judged)]
            for sha256 in (row.evidence_sha256, row.mask_sha256, row.fill_sha256):
                if sha256 is not None:
                    check.contents[sha256] = name


def _judged(session: Session, rows: Sequence[Row[Any]]) -> Iterator[_Judged]:
    """Yield conclusions with what they were drawn from; one of a missing acquisition is known already."""
    sequences, numbers = {row.sequence for row in rows}, {row.acquisition_number for row in rows}
    shares = _parts(session, FibreShareRow.conclusion_sequence, sequences)
    reasons = _parts(session, ReasonRow.conclusion_sequence, sequences)
    fibres = _parts(session, DeclaredFibreRow.acquisition_number, numbers)
    acquisitions = _parts(session, AcquisitionRow.number, numbers)
    grounds = _parts(session, ConclusionGroundRow.conclusion_sequence, sequences)
    for row in rows:
        number, sequence = row.acquisition_number, row.sequence
        for about in acquisitions.get(number, ()):
            label = label_from(about.label_text, fibres.get(number, ()))
            for ground in grounds.get(sequence, ()):
                if ground.label_correction_sequence is not None:
                    correction = session.get_one(CorrectionRow, ground.label_correction_sequence)
                    label = corrected_label(correction)
            has_white = about.white_reference_sequence is not None
            yield _Judged(row, shares.get(sequence, ()), reasons.get(sequence, ()), label, has_white)


def _conclusion_problems(judged: _Judged) -> Iterator[str]:
    row = judged.row
    has_composition = row.evidence_sha256 is not None
    if has_composition and not judged.has_white:
        yield "it has a composition, but its acquisition has no white reference"
    try:
        composition = composition_from(row, judged.shares, _NO_EVIDENCE) if has_composition else None
        verdict = verdict_from(row.outcome, judged.reasons)
    except ValueError as error:
        yield str(error)
        return
    findings = [reason for reason in verdict.reasons if reason.code not in JUDGEMENTS]
    expected = judge(composition, judged.label, tolerance_of(row), findings).outcome
    if expected is not verdict.outcome:
        yield f"its verdict is {verdict.outcome}, but its shares and label give {expected}"
