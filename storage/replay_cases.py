"""What it takes to draw a stored conclusion again: facts as it knew them, and the conclusion itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from qc_daemon.domain.calibration import CalibrationStanding
from qc_daemon.domain.inspection import Acquisition, Conclusion
from storage.conclusion_grounds import label_judged
from storage.inspection_reader import SqlInspectionReader
from storage.tables import AcquisitionRow, ConclusionRow


@dataclass(frozen=True, slots=True, eq=False)
class ReplayCase:
    """A stored conclusion, the current one of its acquisition, and all that it was drawn from.

    Attributes:
        acquisition: decoded anew from stored bytes, with the label that the conclusion was judged against.
        standing: what was known of the spectrometer when it measured.
    """

    number: int
    acquisition: Acquisition
    conclusion: Conclusion
    standing: CalibrationStanding


def replay_case(reader: SqlInspectionReader, number: int) -> ReplayCase:
    """Return what it takes to draw the current conclusion of an acquisition again.

    Raises:
        InputError: no acquisition has that number, or it has no conclusion.
        IntegrityError: its bytes are missing or damaged.
        Retired: retention let them go.
    """
    conclusion = reader.load_conclusion(number)
    acquisition = reader.load_acquisition(number)
    with reader.reading() as session:
        label = label_judged(session.scalars(select(ConclusionRow).filter_by(id=conclusion.id)).one())
    judged = replace(acquisition, specimen=replace(acquisition.specimen, label=label))
    serial, at = acquisition.spectrometer.serial, acquisition.triggered_at
    return ReplayCase(number, judged, conclusion, reader.calibration_standing(serial, at))


def concluded_since(reader: SqlInspectionReader, moment: datetime) -> Sequence[int]:
    """Return the numbers of acquisitions that were accepted since then and have a conclusion."""
    query = select(AcquisitionRow.number).where(
        AcquisitionRow.accepted_at >= moment, AcquisitionRow.conclusions.any()
    )
    with reader.reading() as session:
        return session.scalars(query.order_by(AcquisitionRow.number)).all()
