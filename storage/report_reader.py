"""What reports ask of a station beyond the inspection itself: its surroundings, and what was reported."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from qc_daemon.domain.calibration import CheckKind
from qc_daemon.domain.errors import InputError, Retired
from qc_daemon.domain.inspection import Acquisition, Conclusion
from qc_daemon.domain.period_records import DayRecord, LotRecord
from qc_daemon.domain.surroundings import (
    CheckState,
    InspectedPosition,
    RetiredImage,
    SignedBy,
    Surroundings,
)
from qc_daemon.domain.verdict import Outcome
from storage.calibration_rows import newest_check
from storage.correction_tables import IdentityRow
from storage.inspection_reader import SqlInspectionReader
from storage.ledger import head
from storage.people_tables import SignatureRow
from storage.period_rows import day_record, lot_record
from storage.retention_rows import retired_rule
from storage.tables import AcquisitionRow, ConclusionRow, ReportRow


@dataclass(frozen=True, slots=True)
class KnownConclusion:
    """What a station knows of a conclusion that a certificate names.

    Attributes:
        recorded: SHA-256 of its certificates, with the time when each was recorded.
        signatures: of it so far, oldest first.
    """

    number: int
    outcome: str
    scan_sha256: str
    recorded: tuple[tuple[str, datetime], ...]
    signatures: tuple[SignedBy, ...]


class SqlReportReader:
    """Reads a station for its reports."""

    def __init__(self, reader: SqlInspectionReader) -> None:
        self._reader = reader

    def surroundings(self, number: int) -> Surroundings:
        """Return what is known around an inspection with a conclusion.

        Raises:
            InputError: no inspection has that number, or it has no conclusion.
        """
        with self._reader.reading() as session:
            row = session.get(AcquisitionRow, number)
            if row is None or not row.conclusions:
                raise InputError(f"inspection {number} does not exist or is UNDECIDED")
            earlier, current = row.conclusions[:-1], row.conclusions[-1]
            return Surroundings(
                checks=_checks(session, row.spectrometer.serial, row.triggered_at),
                positions=_positions(session, row),
                ledger=head(session.connection()),
                signatures=_signatures(session, current.sequence),
                retired_image=_retired_image(session, row),
                replaces=earlier[-1].id if earlier else "",
            )

    def load(self, number: int) -> tuple[Acquisition, Conclusion, Surroundings]:
        """Return all that the certificate of an inspection says; an image that retention let go is left out.

        Raises:
            InputError: no inspection has that number, or it has no conclusion.
            IntegrityError: bytes are missing or damaged.
            Retired: the scan itself is gone.
        """
        around = self.surroundings(number)
        reader = self._reader
        try:
            acquisition, conclusion = reader.load_acquisition(number), reader.load_conclusion(number)
        except Retired:
            if around.retired_image is None:
                raise
            acquisition = reader.load_acquisition(number, without_image=True)
            conclusion = reader.load_conclusion(number, without_image=True)
            return acquisition, conclusion, around
        return acquisition, conclusion, replace(around, retired_image=None)

    def lot(self, lot: str) -> LotRecord:
        """Return what is known of a lot.

        Raises:
            InputError: nothing of it was inspected.
        """
        with self._reader.reading() as session:
            return lot_record(session, lot)

    def day(self, day: date) -> DayRecord:
        """Return what happened on a UTC day."""
        with self._reader.reading() as session:
            return day_record(session, day)

    def known_conclusion(self, conclusion_id: str) -> KnownConclusion | None:
        """Return what is known of a conclusion; None if there is none of that id."""
        with self._reader.reading() as session:
            row = session.scalar(select(ConclusionRow).where(ConclusionRow.id == conclusion_id))
            if row is None:
                return None
            reports = session.scalars(select(ReportRow).where(ReportRow.conclusion_sequence == row.sequence))
            return KnownConclusion(
                row.acquisition_number,
                row.outcome,
                row.acquisition.scan_sha256,
                tuple((report.sha256, report.recorded_at) for report in reports),
                _signatures(session, row.sequence),
            )


def _checks(session: Session, serial: str, at: datetime) -> tuple[CheckState, ...]:
    newest = ((kind, newest_check(session, serial, kind, at)) for kind in CheckKind)
    return tuple(CheckState(kind, *state) for kind, state in newest if state is not None)


def _positions(session: Session, row: AcquisitionRow) -> tuple[InspectedPosition, ...]:
    """Return the places of a roll inspected up to this one, so that a later one changes nothing."""
    called = session.get_one(IdentityRow, row.number)
    if not called.roll:
        return ()
    query = (
        select(AcquisitionRow, IdentityRow.position_m)
        .join(IdentityRow, IdentityRow.acquisition_number == AcquisitionRow.number)
        .where(
            IdentityRow.lot == called.lot,
            IdentityRow.roll == called.roll,
            AcquisitionRow.number <= row.number,
        )
        .order_by(AcquisitionRow.number)
        .options(selectinload(AcquisitionRow.conclusions))
    )
    return tuple(
        InspectedPosition(
            one.number, position_m, Outcome(one.conclusions[-1].outcome) if one.conclusions else None
        )
        for one, position_m in session.execute(query)
    )


def _signatures(session: Session, conclusion_sequence: int) -> tuple[SignedBy, ...]:
    query = (
        select(SignatureRow)
        .where(SignatureRow.conclusion_sequence == conclusion_sequence)
        .order_by(SignatureRow.sequence)
    )
    return tuple(SignedBy(row.who, row.meaning, row.signed_at) for row in session.scalars(query))


def _retired_image(session: Session, row: AcquisitionRow) -> RetiredImage | None:
    gone = retired_rule(session, row.image_sha256) if row.image_sha256 is not None else None
    if gone is None or row.image_sha256 is None:
        return None
    rule, at = gone
    return RetiredImage(at, rule, row.image_sha256)
