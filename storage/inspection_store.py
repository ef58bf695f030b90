"""The only writer of a station: accepts acquisitions, keeps conclusions, repairs what a crash left."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from qc_daemon.domain.calibration import CheckRun, ControlReset, DarkReference
from qc_daemon.domain.corrections import Correction
from qc_daemon.domain.errors import IntegrityError, StoreUnavailable
from qc_daemon.domain.inspection import Accepted, Acquisition, Conclusion, ModelVersion, ReportFile
from qc_daemon.domain.spectrum import Scan, WhiteReference
from storage.acquisition_rows import add_acquisition_row, reference_row, stored_acquisition
from storage.calibration_rows import add_check_run, add_control_reset, add_dark_scan, add_white_scan
from storage.conclusion_contents import contents_of
from storage.conclusion_rows import add_conclusion_rows, judged_acquisition
from storage.corrections import Corrected, add_correction
from storage.covered_rows import KnownRows
from storage.database import DatabaseBusy, one_line_errors
from storage.durable_files import DiskFull, flush_folder, make_folder
from storage.facts import (
    AcquisitionFacts,
    Decoders,
    accept,
    content_hashes,
    reference_contents,
    reference_facts,
)
from storage.inspection_reader import SqlInspectionReader
from storage.journal import EntryName, read_entry
from storage.journal_entry import facts_sha256
from storage.ledger import sealing
from storage.model_activations import add_activation
from storage.open_work import begin_work, set_open_work
from storage.outbox import add_result
from storage.report_rows import add_report_row, reported_conclusion
from storage.retention_rows import retired_rule
from storage.schema import is_empty, upgrade
from storage.station_events import add_event, add_quarantine_row
from storage.station_folder import StationFolder, StationLock
from storage.tables import AcquisitionRow, QuarantineRow, ReconnectionRow

_NEWEST = 5  # acquisitions that tell a station by their bytes


@dataclass(frozen=True, slots=True)
class Drained:
    """What came of the journal, by station number.

    Attributes:
        stored: brought into the database.
        quarantined: could not become a row; kept aside with a reason.
        waiting: still in the journal, because the database does not answer.
    """

    stored: tuple[int, ...]
    quarantined: tuple[int, ...]
    waiting: tuple[int, ...]


_NOTHING = Drained((), (), ())


def _no_wait() -> None:
    """Nothing has to be on disk before the rows are."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What start-up repaired: unfinished files deleted (never accepted), and the drained journal."""

    unfinished_files: int
    drained: Drained


def utc_now() -> datetime:
    """Return the aware UTC time of the system's clock."""
    return datetime.now(UTC)


def open_store(
    station_folder: Path,
    url: str | None,
    scan_decoders: Mapping[str, Callable[[bytes], Scan]],
    image_decoder: Callable[[bytes, str], NDArray[np.uint8]],
    now: Callable[[], datetime] = utc_now,
) -> "SqlInspectionStore":
    """Return the store of a station; open it with `with`.

    Args:
        station_folder: created if it does not exist.
        url: of the database; without it, the SQLite file in the station folder.
        scan_decoders: one per raw format, from the bytes of a scan.
        image_decoder: from encoded bytes and their name in messages to (height, width, 3) uint8 RGB.
        now: the aware UTC time.
    """
    decoders = Decoders(scan_decoders, image_decoder)
    return SqlInspectionStore(StationFolder(station_folder), url, decoders, now)


class SqlInspectionStore(SqlInspectionReader):
    """Keeps facts and opinions in journal, blobs and database; implements the port InspectionStore.

    After a failed write nothing more is accepted, every call says why, and a restart heals.
    """

    def __init__(
        self, folder: StationFolder, url: str | None, decoders: Decoders, now: Callable[[], datetime]
    ) -> None:
        super().__init__(folder, url, decoders)
        self._now = now
        self._exclusive = threading.RLock()
        self._resources = ExitStack()
        self._writing_engine: Engine | None = None
        self._database_identity: object = None
        self._next_number = 0
        self._references: dict[str, WhiteReference | None] = {}
        self._known = KnownRows()
        self._recorded: set[str] = set()

    def __enter__(self) -> Self:
        """Take the station, bring its database to the newest schema and find the next number.

        Raises:
            StoreUnavailable: another process writes it, its database is missing, locked, broken, of
                another station or of a newer schema, or its folder cannot be written.
        """
        with ExitStack() as stack:
            self._make_folders()
            stack.enter_context(StationLock(self._folder))
            self._require_no_lost_database()
            upgrade(self._url)
            self._writing_engine = self._database.open_writer()
            stack.callback(self._writing_engine.dispose)
            self._database_identity = self._database.identity()
            super().__enter__()
            stack.push(super().__exit__)
            self._require_own_database()
            self._next_number = self._last_number() + 1
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def accepting(self) -> bool:
        """Whether acquisitions can still be accepted; False after a failed write, until a restart."""
        return self._journal.stopped is None

    def add_acquisition(self, acquisition: Acquisition) -> Accepted:
        """Accept an acquisition: on return its bytes are on disk. Returns its station number and time.

        A locked or missing database does not matter now: the acquisition waits in the journal.

        Raises:
            InputError: it holds a figure or a text that cannot be stored; it is not accepted.
            IntegrityError: it contradicts what is stored; it is in quarantine.
            DiskFull: there is no room; it is not accepted, and the next one is as soon as there is.
            StoreUnavailable: the disk failed; nothing more is accepted until a restart.
        """
        with self._exclusive:
            number = self._next_number
            entry = accept(acquisition, number, self._now())
            on_disk = self._journal.begin(entry, self._blobs)
            is_busy = not self._journal.pending() and self._keep_meanwhile(entry.facts, on_disk)
            path = on_disk()
            self._next_number += 1
            drained = _NOTHING if is_busy else self._drain({path: entry.facts})
        if number in drained.quarantined:
            raise IntegrityError(f"acquisition {number} contradicts what is stored; it is in quarantine")
        return Accepted(number, entry.facts.accepted_at)

    def drain(self) -> int:
        """Bring what waits in the journal into the database, in order and each exactly once.

        Returns:
            how many still wait, because the database does not answer.

        Raises:
            DiskFull: there is still no room for the acquisition that was refused last.
            StoreUnavailable: the disk or the database failed for more than being busy.
        """
        with self._exclusive:
            waiting = self.bring_in()
            self._journal.require_room()
            return waiting

    def bring_in(self) -> int:
        """Drain the journal, whether or not there is room for more; return how many still wait."""
        with self._exclusive:
            return len(self._drain({}).waiting)

    def recover(self) -> Recovery:
        """Repair what a crash left: delete unfinished files, drain the journal; say what was done."""
        with self._exclusive, self._stopping_on_failure():
            try:
                unfinished = self._journal.sweep() + self._blobs.sweep()
            except OSError as error:
                raise StoreUnavailable(f"{error.filename}: {error.strerror}") from error
            return Recovery(unfinished, self._drain({}))

    def add_conclusion(self, number: int, conclusion: Conclusion, *, certified: bool = True) -> None:
        """Store a conclusion beside the acquisition; nothing is overwritten. Twice is once.

        Args:
            number: of the acquisition.
            conclusion: drawn from it.
            certified: False if no certificate is owed; the first conclusion is owed one in any case.

        Raises:
            IntegrityError: it is not about that acquisition.
            StoreUnavailable: the database does not answer, or failed.
        """
        with self._exclusive, self._stopping_on_failure():
            self._require_in_database(number)
            contents = contents_of(conclusion)
            self._blobs.put(contents.present())
            with self._writing() as session:
                about = judged_acquisition(session, number, conclusion.id)
                if about is None:
                    raise IntegrityError(f"conclusion {conclusion.id}: acquisition {number} does not exist")
                if not about.is_drawn:
                    sequence = add_conclusion_rows(session, self._known, about, conclusion, contents)
                    if certified or about.is_first:
                        set_open_work(session, number, "report")
                    add_result(session, sequence, self._now())

    def add_correction(self, correction: Correction) -> Corrected:
        """Record what an acquisition should be called; what was measured stays as it is.

        Raises:
            InputError: no acquisition has that number, or it is called so already.
            StoreUnavailable: the database does not answer, or failed.
        """
        with self._exclusive, self._stopping_on_failure(), self._writing() as session:
            return add_correction(session, correction)

    def add_report(self, number: int, conclusion_id: str, report: ReportFile) -> None:
        """Record a report that was written for a conclusion. Twice is once.

        Raises:
            IntegrityError: that acquisition has no such conclusion.
            StoreUnavailable: the database does not answer, or failed.
        """
        path = self._path_in_station(report.path)
        with self._exclusive, self._stopping_on_failure(), self._writing() as session:
            about = reported_conclusion(session, conclusion_id, path, report.sha256)
            if about is None or about.acquisition_number != number:
                raise IntegrityError(f"acquisition {number} has no conclusion {conclusion_id}")
            if about.is_current:
                set_open_work(session, number, None)
            if not about.is_recorded:
                add_report_row(session, about.sequence, replace(report, path=path), self._now())

    def add_reference(self, reference: WhiteReference) -> None:
        """Store a white reference; from now on it is the valid one for its instrument. Twice is once.

        Raises:
            IntegrityError: another one has its id.
            StoreUnavailable: the database does not answer, or failed; it is not the valid one then.
        """
        with self._exclusive, self._stopping_on_failure():
            self._drain({})  # an older reference that waits with its acquisition comes before this one
            self._blobs.put(reference_contents(reference))
            with self._writing() as session:
                reference_row(session, reference_facts(reference))
                add_white_scan(session, reference)
            self._references[reference.instrument.serial] = reference

    def current_reference(self, serial: str) -> WhiteReference | None:
        """Return the newest white reference of an instrument, or None.

        While the database is away, it is the one of before: nobody but this process adds any, and a
        specimen must not wait for it to be measured.
        """
        try:
            self._references[serial] = super().current_reference(serial)
        except DatabaseBusy:
            if serial not in self._references:
                raise
        return self._references[serial]

    def add_dark(self, dark: DarkReference) -> None:
        """Store a scan that was taken for its dark level; raises as `add_reference` does."""
        with self._exclusive, self._stopping_on_failure():
            self._blobs.put([dark.scan.raw])
            with self._writing() as session:
                add_dark_scan(session, dark)

    def add_check(self, run: CheckRun) -> None:
        """Store a check; from now on it says whether its instrument is in control.

        Raises:
            IntegrityError: its white reference is not stored.
            StoreUnavailable: the database does not answer, or failed.
        """
        with self._exclusive, self._stopping_on_failure():
            self._blobs.put([run.scan.raw])
            with self._writing() as session:
                add_check_run(session, run)

    def reset_control(self, reset: ControlReset) -> None:
        """Store a person's word that an instrument may be trusted; its charts begin anew."""
        with self._exclusive, self._stopping_on_failure(), self._writing() as session:
            add_control_reset(session, reset)

    def add_reconnection(self, serial: str, at: datetime) -> None:
        """Record that a spectrometer was lost and found again."""
        with self._exclusive, self._stopping_on_failure(), self._writing() as session:
            session.add(ReconnectionRow(serial=serial, reconnected_at=at))

    def add_event(self, code: str, subject: str, message: str, at: datetime) -> None:
        """Record that something happened to the station or one of its instruments."""
        with self._exclusive, self._stopping_on_failure(), self._writing() as session:
            add_event(session, code, subject, message, at)

    def activate_model(self, model: ModelVersion) -> None:
        """Record that a model is the one to use from the next start on.

        Raises:
            StoreUnavailable: the database does not answer, or failed.
        """
        with self._exclusive, self._stopping_on_failure(), self._writing() as session:
            add_activation(session, model, self._now())

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction of another file of this room: committed and on disk at its end, or nothing of it.

        Raises:
            StoreUnavailable: the database does not answer, or failed.
        """
        with self._exclusive, self._stopping_on_failure(), self._writing() as session:
            yield session

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Nothing else is written to the station meanwhile, neither rows nor blobs."""
        with self._exclusive:
            yield

    def _drain(self, fresh: Mapping[Path, AcquisitionFacts]) -> Drained:
        """Drain the journal; `fresh` entries were just written and need not be read again."""
        stored: list[int] = []
        quarantined: list[int] = []
        try:
            with self._stopping_on_failure():
                for path in self._journal.pending():
                    try:
                        self._bring_in(path, fresh.get(path) or self._read_again(path))
                    except IntegrityError as error:
                        self._journal.quarantine(path, str(error))
                        quarantined.append(EntryName.of(path).number)
                    else:
                        stored.append(EntryName.of(path).number)
                self._record_quarantined()
        except (DatabaseBusy, DiskFull):
            pass  # what waits is safe in the journal and comes in later
        waiting = tuple(EntryName.of(path).number for path in self._journal.pending())
        return Drained(tuple(stored), tuple(quarantined), waiting)

    def _read_again(self, path: Path) -> AcquisitionFacts:
        """Return the facts of an entry whose contents are on disk: those that it holds are brought there."""
        entry = read_entry(path)
        if entry is None:
            raise StoreUnavailable(f"{path} was deleted by another process; expected one writer at a time")
        self._blobs.put(entry.contents.values())
        for sha256 in content_hashes(entry.facts):
            self._blobs.read(sha256)
        return entry.facts

    def _keep_meanwhile(self, facts: AcquisitionFacts, on_disk: Callable[[], Path]) -> bool:
        """Write the rows of an acquisition while the disk takes it; they are committed when it is accepted.

        Returns:
            whether the database is busy. What contradicts it stays in the journal, to be drained.
        """
        try:
            with self._stopping_on_failure():
                self._add_rows(facts, on_disk)
                self._journal.remove(on_disk())
        except DatabaseBusy:
            return True
        except IntegrityError:
            return False
        except StoreUnavailable:
            on_disk()  # the next start brings it in
            raise
        return False

    def _bring_in(self, path: Path, facts: AcquisitionFacts) -> None:
        self._add_rows(facts, lambda: path)
        self._journal.remove(path)  # only now: contents and row are on disk

    def _add_rows(self, facts: AcquisitionFacts, on_disk: Callable[[], Path]) -> None:
        """Bring an acquisition into the database, unless it is there; committed when it is `on_disk`."""
        with self._writing(on_disk) as session:
            known = stored_acquisition(session, facts.id)
            if known is None:
                add_acquisition_row(session, self._known, facts)
                begin_work(session, facts.number)
            elif known.number != facts.number:
                raise IntegrityError(f"acquisition {facts.id} is already stored as number {known.number}")
            elif known.facts_sha256 != facts_sha256(facts):
                raise IntegrityError(f"acquisition {facts.id} is already stored with other facts")

    def _record_quarantined(self) -> None:
        """Give each quarantined file its row and an alarm, unless it has them already."""
        paths = [path for path in self._journal.quarantined() if path.name not in self._recorded]
        if not paths:
            return
        with self._writing() as session:
            known = set(session.scalars(select(QuarantineRow.file_name)))
            for path in paths:
                if path.name not in known:
                    add_quarantine_row(session, path, self._now())
        self._recorded |= {path.name for path in paths}

    def _require_in_database(self, number: int) -> None:
        if self._journal.path_of(number) is not None:
            self._drain({})
        if self._journal.path_of(number) is not None:
            raise DatabaseBusy(f"acquisition {number} still waits in the journal for the database")

    def _last_number(self) -> int:
        """Return the highest number ever given: in database, journal or quarantine."""
        with self._reading() as session:
            stored = session.scalar(select(func.max(AcquisitionRow.number))) or 0
            quarantined = session.scalar(select(func.max(QuarantineRow.number))) or 0
        return max(stored, quarantined, self._journal.last_number())

    def _make_folders(self) -> None:
        folder = self._folder
        try:
            for path in (folder.path, folder.journal, folder.quarantine, folder.blobs):
                make_folder(path)
            self._blobs.make_folders()
            for path in (folder.path, folder.journal, folder.quarantine, folder.blobs):
                flush_folder(path)  # a crash may have left names in it that are not on disk
        except OSError as error:
            raise StoreUnavailable(f"{error.filename}: {error.strerror}") from error

    def _require_no_lost_database(self) -> None:
        kept = (*self._journal.pending(), *self._journal.quarantined(), next(self._blobs.stored(), None))
        if any(kept) and is_empty(self._database):
            raise StoreUnavailable(
                f"{self._database} is missing or empty, but {self._folder.path} holds accepted acquisitions;"
                " restore it from a backup, or start with another folder"
            )

    def _require_own_database(self) -> None:
        """Raise if the newest acquisitions came from another folder: their numbers would go on here."""
        query = select(AcquisitionRow.scan_sha256).order_by(AcquisitionRow.number.desc())
        with self._reading() as session:
            newest = session.scalars(query.limit(_NEWEST)).all()
            gone = [sha256 for sha256 in newest if retired_rule(session, sha256) is not None]
        if newest and not gone and not any(self._blobs.path_of(sha256).exists() for sha256 in newest):
            raise StoreUnavailable(
                f"{self._database} is that of another station: {self._folder.path} holds nothing of its"
                " newest acquisitions; expected the folder and the database of one station"
            )

    def _path_in_station(self, path: str) -> str:
        """Return a path relative to the station folder if it lies inside, so that the folder may move."""
        full, station = Path(path).resolve(), self._folder.path.resolve()
        return str(full.relative_to(station) if full.is_relative_to(station) else full)

    @contextmanager
    def _writing(self, before_commit: Callable[[], object] = _no_wait) -> Iterator[Session]:
        """One transaction: committed and on disk at its end, or nothing of it."""
        assert self._writing_engine is not None, "open the store with `with`"
        if self._database.identity() != self._database_identity:
            raise DatabaseBusy(f"{self._database} was moved or replaced while the station runs")
        try:
            with (
                one_line_errors(self._database),
                Session(self._writing_engine) as session,
                session.begin(),
            ):
                with sealing(session, self._now()):
                    yield session
                before_commit()
        except BaseException:
            self._known.forget()
            raise

    @contextmanager
    def _stopping_on_failure(self) -> Iterator[None]:
        """Write nothing more once a write failed for another cause than a busy database or a full disk."""
        self._journal.require_running()
        try:
            yield
        except (DatabaseBusy, DiskFull):
            raise
        except StoreUnavailable as error:
            self._journal.stop(str(error))
            raise
