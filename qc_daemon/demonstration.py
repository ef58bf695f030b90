"""A finite run along a line: the demo, and the replay of recorded scans."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from qc_daemon.domain.inspection import ReportFile
from qc_daemon.domain.ports import Line
from qc_daemon.pipeline import Inspection, Station, certify, inspect_specimen
from qc_daemon.references import renew_reference, take_factory_reference
from qc_daemon.workplace import Workplace


class RecordedLine(Line, Protocol):
    """A line of recorded scans, each with the white reference that it was recorded with."""

    def reference_changed(self) -> bool:
        """Tell whether this specimen's recorded reference is another one than the last specimen's."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One inspection of the demo; the certificate is written for the first scan of each specimen."""

    inspection: Inspection
    report: ReportFile | None
    report_seconds: float


def demonstrate(workplace: Workplace, line: RecordedLine) -> Iterator[Shown]:
    """Inspect everything that the line brings, and yield each inspection when it is done."""
    judges, store = workplace.judges, workplace.store
    certified: set[str] = set()
    with workplace.open_instruments() as instruments:
        spectrometer = instruments.spectrometer
        station = Station(spectrometer, instruments.camera, judges, store)
        renew_reference(spectrometer, line, store, judges.clock, judges.new_id, judges.reference_limits, None)
        while (specimen := line.next_specimen()) is not None:
            if line.reference_changed():
                take_factory_reference(spectrometer, store, judges.clock, judges.new_id)
            inspection = inspect_specimen(station, specimen)
            report, seconds = None, 0.0
            if specimen.id not in certified:
                report, seconds = certify(
                    judges,
                    store,
                    workplace.report_writer,
                    inspection.number,
                    inspection.acquisition,
                    inspection.conclusion,
                )
                certified.add(specimen.id)
            yield Shown(inspection, report, seconds)
