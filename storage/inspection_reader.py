"""Reading a station: what was measured, what was concluded, what was found. Needs no lock."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Engine, and_, func, or_, select
from sqlalchemy.orm import Session, selectinload

from qc_daemon.domain.alarms import Alarm
from qc_daemon.domain.calibration import CalibrationStanding, CheckKind, LastCalibration
from qc_daemon.domain.control_charts import ChartPoint
from qc_daemon.domain.errors import InputError, IntegrityError, Retired
from qc_daemon.domain.inspection import Acquisition, Conclusion, ReportFile
from qc_daemon.domain.ledger import LedgerHead
from qc_daemon.domain.spectrum import Scan, WhiteReference
from qc_daemon.domain.verdict import Outcome
from storage.acquisition_rows import acquisition_facts_of, reference_facts_of
from storage.alarm_rows import active_alarms
from storage.blobs import BlobStore
from storage.calibration_rows import chart_points, last_calibrations, standing_at
from storage.conclusion_rows import conclusion_of
from storage.correction_tables import IdentityRow
from storage.corrections import specimen_of
from storage.database import one_line_errors
from storage.database_url import database_of, database_url
from storage.facts import AcceptedEntry, Decoders, restore, restore_reference
from storage.journal import EntryName, Journal, read_entry
from storage.ledger import head
from storage.ledger_tables import LedgerRow
from storage.open_work import open_work
from storage.recorded_reports import RecordedReport, find_report
from storage.retention_rows import retired_rule
from storage.schema import require_newest_schema
from storage.station_folder import StationFolder
from storage.tables import (
    AcquisitionRow,
    ConclusionRow,
    InstrumentRow,
    WhiteReferenceRow,
)

_LAST_CHARACTER = "\U0010ffff"
_MAX_NUMBER = 2**63 - 1  # the largest integer of SQLite


@dataclass(frozen=True, slots=True)
class InspectionSummary:
    """One line of a list of inspections.

    Attributes:
        outcome: of the current conclusion; None while UNDECIDED.
        main_fibre: None without a composition.
        reports: those of the current conclusion, oldest first.
    """

    number: int
    id: str
    specimen: str
    lot: str
    roll: str
    position_m: float
    accepted_at: datetime
    conclusion_id: str | None
    outcome: Outcome | None
    main_fibre: str | None
    filled_percent: float | None
    reports: tuple[ReportFile, ...]


def open_inspections(
    station_folder: Path,
    url: str | None,
    scan_decoders: Mapping[str, Callable[[bytes], Scan]],
    image_decoder: Callable[[bytes, str], NDArray[np.uint8]],
) -> "SqlInspectionReader":
    """Return a reader of a station, also while a daemon writes it; open it with `with`.

    Without `url` the database is the SQLite file in the station folder.
    """
    return SqlInspectionReader(StationFolder(station_folder), url, Decoders(scan_decoders, image_decoder))


class SqlInspectionReader:
    """Reads the database, the blobs and the journal of a station."""

    def __init__(self, folder: StationFolder, url: str | None, decoders: Decoders) -> None:
        self._folder = folder
        self._url = url or database_url(folder.database)
        self._database = database_of(self._url)
        self._decoders = decoders
        self._blobs = BlobStore(folder.blobs)
        self._journal = Journal(folder.journal, folder.quarantine)
        self._reading_engine: Engine | None = None

    def __enter__(self) -> Self:
        require_newest_schema(self._database)
        self._reading_engine = self._database.open_reader()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading_engine is not None:
            self._reading_engine.dispose()
            self._reading_engine = None

    def unconcluded(self) -> Sequence[int]:
        """Return the numbers of accepted acquisitions without a conclusion, oldest first."""
        # The journal first: what leaves it meanwhile is then seen in the database.
        waiting = {EntryName.of(path).number for path in self._journal.pending()}
        with self._reading() as session:
            undecided = set(open_work(session, "conclusion"))
            stored = set(
                session.scalars(select(AcquisitionRow.number).where(AcquisitionRow.number.in_(waiting)))
            )
        return sorted(undecided | (waiting - stored))

    def unreported(self) -> Sequence[int]:
        """Return the numbers of acquisitions whose current conclusion has no report, oldest first."""
        with self._reading() as session:
            return open_work(session, "report")

    def accepted_as(self, specimen_id: str) -> int | None:
        """Return the newest number under which a specimen was accepted; None if it never was."""
        waiting = [read_entry(path) for path in self._journal.pending()]
        numbers = [
            entry.facts.number for entry in waiting if entry and entry.facts.specimen.id == specimen_id
        ]
        query = select(func.max(AcquisitionRow.number)).where(AcquisitionRow.specimen == specimen_id)
        with self._reading() as session:
            stored = session.scalar(query)
        return max(numbers, default=stored)

    def newest_of_lot(self, lot: str, count: int) -> tuple[int, ...]:
        """Return the numbers of the last acquisitions that were measured as of a lot, newest first."""
        query = select(AcquisitionRow.number).where(AcquisitionRow.lot == lot)
        with self._reading() as session:
            return tuple(session.scalars(query.order_by(AcquisitionRow.number.desc()).limit(count)))

    def load_acquisition(self, number: int, *, without_image: bool = False) -> Acquisition:
        """Return an acquisition, decoded anew from its stored bytes; without its image if that is gone.

        Its specimen is as it was corrected; what was said when it was measured stays in its row.

        Raises:
            InputError: no acquisition has that number.
            IntegrityError: its bytes are missing or damaged.
            Retired: retention let them go.
        """
        waiting = self._waiting_entry(number)
        if waiting is not None:
            held = waiting.contents
            return restore(
                waiting.facts,
                lambda sha256: held[sha256] if sha256 in held else self._blobs.read(sha256),
                self._decoders,
            )
        with self._reading() as session:
            row = _acquisition_row(session, number)
            facts, specimen = acquisition_facts_of(row), specimen_of(session, row)
        kept = replace(facts, frame=None) if without_image else facts
        return replace(restore(kept, self._read_content, self._decoders), specimen=specimen)

    def load_conclusion(self, number: int, *, without_image: bool = False) -> Conclusion:
        """Return the current (newest) conclusion of an acquisition; without its image if that is gone.

        Raises:
            InputError: no acquisition has that number, or it has no conclusion.
            IntegrityError: its bytes are missing or damaged.
        """
        waiting = self._journal.path_of(number) is not None
        with self._reading() as session:
            conclusions = [] if waiting else _acquisition_row(session, number).conclusions
            if not conclusions:
                raise InputError(f"inspection {number} is UNDECIDED; expected one with a conclusion")
            current = conclusions[-1]
            has_image = current.mask_sha256 is not None and not without_image
            frame = self.load_acquisition(number).frame if has_image else None
            return conclusion_of(current, frame, self._read_content, without_image=without_image)

    def current_reference(self, serial: str) -> WhiteReference | None:
        """Return the newest white reference of an instrument, or None."""
        query = (
            select(WhiteReferenceRow)
            .join(WhiteReferenceRow.instrument)
            .where(InstrumentRow.serial == serial)
            .order_by(WhiteReferenceRow.sequence.desc())
            .limit(1)
        )
        with self._reading() as session:
            row = session.scalar(query)
            facts = None if row is None else reference_facts_of(row)
        return None if facts is None else restore_reference(facts, self._blobs.read, self._decoders)

    def calibration_standing(self, serial: str, at: datetime) -> CalibrationStanding:
        """Return what was known of a spectrometer at a moment."""
        with self._reading() as session:
            return standing_at(session, serial, at)

    def chart(
        self, serial: str, kind: CheckKind, standard_id: str, position_nm: float
    ) -> tuple[ChartPoint, ...]:
        """Return the residuals of one chart since the last reset, oldest first; a missing peak is 0."""
        with self._reading() as session:
            return chart_points(session, serial, kind, standard_id, position_nm)

    def last_calibrations(self) -> tuple[LastCalibration, ...]:
        """Return what was done last with each spectrometer that was ever calibrated or used."""
        with self._reading() as session:
            return last_calibrations(session)

    def find(self, key: str) -> tuple[InspectionSummary, ...]:
        """Return the inspections with that number or specimen, or whose id starts so; oldest first."""
        exact = [IdentityRow.specimen == key]
        if key.isdecimal() and int(key) <= _MAX_NUMBER:
            exact.append(AcquisitionRow.number == int(key))
        # A range, because LIKE would not use the index.
        prefix = and_(AcquisitionRow.id >= key.lower(), AcquisitionRow.id < key.lower() + _LAST_CHARACTER)
        return self._summaries(or_(*exact)) or self._summaries(prefix)

    def of_lot(self, lot: str) -> tuple[InspectionSummary, ...]:
        """Return the inspections of a lot, oldest first."""
        return self._summaries(IdentityRow.lot == lot)

    def accepted_between(self, start: datetime, end: datetime) -> tuple[InspectionSummary, ...]:
        """Return the inspections accepted from `start` up to, not including, `end`; oldest first."""
        return self._summaries(and_(AcquisitionRow.accepted_at >= start, AcquisitionRow.accepted_at < end))

    def active_alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms that came and did not go yet, oldest first."""
        with self._reading() as session:
            return active_alarms(session)

    def ledger_head(self) -> LedgerHead:
        """Return the newest entry of the ledger.

        Raises:
            IntegrityError: the ledger is empty, which it never is by itself.
        """
        with self._reading() as session:
            newest = head(session.connection())
        if newest is None:
            raise IntegrityError(f"{self._database}: the ledger is empty; expected at least its first entry")
        return newest

    def ledger_entry(self, sequence: int) -> LedgerHead | None:
        """Return the entry of that number, as it would have been the head once; None if there is none."""
        with self._reading() as session:
            row = session.get(LedgerRow, sequence) if sequence <= _MAX_NUMBER else None
            return None if row is None else LedgerHead(row.sequence, row.sha256)

    def find_report(self, sha256: str) -> RecordedReport | None:
        """Return what is recorded of the report whose bytes have that SHA-256; None if nothing is."""
        with self._reading() as session:
            return find_report(session, sha256)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One transaction of another file of this room that only reads, and sees one moment."""
        with self._reading() as session:
            yield session

    def _summaries(self, condition: ColumnElement[bool]) -> tuple[InspectionSummary, ...]:
        reports = selectinload(AcquisitionRow.conclusions).selectinload(ConclusionRow.reports)
        query = (
            select(AcquisitionRow, IdentityRow)
            .join(IdentityRow, IdentityRow.acquisition_number == AcquisitionRow.number)
            .where(condition)
            .order_by(AcquisitionRow.number)
            .options(reports)
        )
        with self._reading() as session:
            return tuple(self._summary(row, called) for row, called in session.execute(query))

    def _summary(self, row: AcquisitionRow, called: IdentityRow) -> InspectionSummary:
        current = row.conclusions[-1] if row.conclusions else None
        return InspectionSummary(
            number=row.number,
            id=row.id,
            specimen=called.specimen,
            lot=called.lot,
            roll=called.roll,
            position_m=called.position_m,
            accepted_at=row.accepted_at,
            conclusion_id=current.id if current else None,
            outcome=Outcome(current.outcome) if current else None,
            main_fibre=current.main_fibre if current else None,
            filled_percent=current.filled_percent if current else None,
            reports=tuple(
                ReportFile(str(self._folder.path / report.path), report.language, report.sha256)
                for report in (current.reports if current else ())
            ),
        )

    def _read_content(self, sha256: str) -> bytes:
        """Return a stored content; Retired says when and why its bytes went."""
        try:
            return self._blobs.read(sha256)
        except IntegrityError:
            with self._reading() as session:
                gone = retired_rule(session, sha256)
            if gone is None or self._blobs.path_of(sha256).exists():
                raise
            rule, at = gone
            raise Retired(f"content {sha256} was retired on {at:%Y-%m-%d}: {rule}") from None

    def _waiting_entry(self, number: int) -> AcceptedEntry | None:
        path = self._journal.path_of(number)
        return None if path is None else read_entry(path)

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        assert self._reading_engine is not None, "open the store with `with`"
        with one_line_errors(self._database), Session(self._reading_engine) as session:
            yield session


def _acquisition_row(session: Session, number: int) -> AcquisitionRow:
    row = session.get(AcquisitionRow, number) if number <= _MAX_NUMBER else None
    if row is None:
        raise InputError(f"inspection {number} does not exist; `qc-daemon history` lists those that do")
    return row
