"""The same records in two stations: one with a SQLite file, one on a PostgreSQL."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from builders_storage import (
    NOON,
    SPECTROMETER,
    acquisition,
    check_run,
    composition,
    conclusion,
    dark_reference,
    refusal,
    specimen,
    station_store,
    unlabelled,
    white_reference,
)

from qc_daemon.domain.calibration import ControlReset
from qc_daemon.domain.corrections import CorrectedField, Correction
from qc_daemon.domain.inspection import Defect, ModelVersion, ReportFile
from qc_daemon.domain.people import Role
from storage.alarm_rows import SqlAlarmStore
from storage.database_url import database_url
from storage.inspection_store import SqlInspectionStore
from storage.lab_results import import_lab_file
from storage.outbox import SqlOutbox
from storage.people import SqlPeopleBook
from storage.retention_rows import set_hold
from storage.retention_tables import RetiredContentRow

LAB = (
    "specimen,method,laboratory,date,basis,cotton,polyester\nS-0,ISO 1833-11,SGS,2026-11-25,dry mass,61,39\n"
)
DEFECTS = (
    Defect("hole", 1, 1, 5, 6, 0.02, 0.9, "major"),
    Defect("stain", 3, 4, 9, 2, 0.01, 0.8, "minor"),
)


@dataclass(frozen=True, slots=True)
class StationPlace:
    """Where a station is; without `server_url` its rows are in a file of its folder."""

    folder: Path
    server_url: str | None

    @property
    def url(self) -> str:
        """The URL of its database."""
        return self.server_url or database_url(self.folder / "qc.sqlite3")

    def store(self) -> SqlInspectionStore:
        """Return its store, whose clock stands at noon."""
        return station_store(self.folder, url=self.server_url, now=lambda: NOON)


def story() -> Callable[[SqlInspectionStore, Path], None]:
    """Return what gives a station something in nearly every table; each time with the very same records."""
    white, dark = white_reference(101), dark_reference()
    run = check_run(white)
    measured = [
        acquisition(seed, white=white, specimen=specimen(id=f"S-{seed}", position_m=position_m))
        for seed, position_m in enumerate([0.1, 0.2, 4.0, 5.0])
    ]
    measured += [acquisition(4, white=white, specimen=unlabelled()), acquisition(5, white=white)]
    answers = [composition(60.0 if seed < 2 else 90.0) for seed in range(4)]
    drawn = [
        conclusion(about, composition=answer, defects=DEFECTS)
        for about, answer in zip(measured, answers, strict=False)
    ]
    drawn.append(refusal(measured[4]))

    def tell(store: SqlInspectionStore, folder: Path) -> None:
        book, alarms = SqlPeopleBook(store.reading, store.transaction), SqlAlarmStore(store)
        book.add_person("Li Na", Role.QA, "none", "console", NOON)
        SqlOutbox(store).keep_for(["plant"])
        store.activate_model(ModelVersion("composition", "isic-7", "ab" * 32))
        store.add_reference(white)
        store.add_dark(dark)
        store.add_check(run)
        store.reset_control(ControlReset(SPECTROMETER.serial, "Li Na", "lamp changed", NOON))
        store.add_reconnection(SPECTROMETER.serial, NOON)
        store.add_event("clock_set", "station", "the clock of the computer was set by +9.0 s", NOON)
        alarms.raise_alarm("camera", "", "no frame", NOON)
        alarms.acknowledge_alarm("camera", "", "Li Na", "cable", NOON + timedelta(minutes=1))
        alarms.raise_alarm("store", "", "locked", NOON + timedelta(minutes=2))
        alarms.clear_alarm("store", "", NOON + timedelta(minutes=3))
        for number, about in enumerate(measured, start=1):
            assert store.add_acquisition(about).number == number  # the last stays UNDECIDED
        for number, concluded in enumerate(drawn, start=1):
            store.add_conclusion(number, concluded)
        _write_report(store, folder, drawn[0].id)
        store.add_correction(Correction(2, CorrectedField.ROLL, "R9", "Li Na", "wrong code", NOON))
        store.add_correction(Correction(3, CorrectedField.LABEL, "cotton 90 polyester 10", "Li", "new", NOON))
        (folder / "lab.csv").write_text(LAB)
        import_lab_file(store.transaction, folder / "lab.csv", "Li", NOON)
        with store.transaction() as session:
            set_hold(session, "L1", True, "Li Na", "complaint", NOON)
            gone = {"sha256": "0" * 64, "path": "blobs/00", "kind": "raw", "size_bytes": 9}
            session.add(RetiredContentRow(**gone, rule="30 days", retired_at=NOON))

    return tell


def _write_report(store: SqlInspectionStore, folder: Path, conclusion_id: str) -> None:
    path = folder / "reports" / "1.pdf"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"%PDF 1")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    store.add_report(1, conclusion_id, ReportFile(str(path), "both", sha256))
