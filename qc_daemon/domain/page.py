"""What the operators' page and the REST interface show: small records, and the port that reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from qc_daemon.domain.calibration import CheckKind
from qc_daemon.domain.defect_points import SizedDefect
from qc_daemon.domain.inspection import Acquisition, Conclusion
from qc_daemon.domain.people import ApiToken, Person, RollOrder, Signature
from qc_daemon.domain.reasons import Reason

UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True)
class InspectionLine:
    """One line of a list of inspections; `verdict` is PASS, FAIL, REFER or UNDECIDED.

    Attributes:
        main_fibre, defects, filled_percent: None where there is no conclusion or no image.
    """

    number: int
    id: str
    specimen: str
    lot: str
    roll: str
    position_m: float
    label: str
    accepted_at: datetime
    verdict: str
    main_fibre: str | None
    filled_percent: float | None
    defects: int | None
    conclusion_id: str | None


@dataclass(frozen=True, slots=True)
class InspectionFilter:
    """Which inspections to list; empty means all. Accepted from `since` up to, not including, `until`."""

    lot: str = ""
    roll: str = ""
    verdict: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report of a conclusion; `path` lies in the station folder."""

    path: str
    language: str
    sha256: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One entry of the ledger: what happened to what, who did it, and the hash that the next one binds."""

    sequence: int
    at: datetime
    kind: str
    subject: str
    who: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ShareLine:
    """Share of one fibre in percent, with its interval, and what the label says.

    Attributes:
        uncleaned_percent: had the debris in the image not been filled; None if nothing was.
    """

    fibre: str
    percent: float
    lo: float
    hi: float
    declared_percent: float | None
    uncleaned_percent: float | None


@dataclass(frozen=True, slots=True)
class InspectionSheet:
    """All about one inspection but its arrays; conclusions of before are counted, not shown."""

    line: InspectionLine
    shares: tuple[ShareLine, ...]
    reasons: tuple[Reason, ...]
    conclusions: int
    reports: tuple[StoredReport, ...]
    signatures: tuple[Signature, ...]
    audit: tuple[AuditLine, ...]


@dataclass(frozen=True, slots=True)
class RollLine:
    """One roll: how many inspections with which verdict, and where."""

    lot: str
    roll: str
    inspections: int
    passed: int
    failed: int
    referred: int
    undecided: int
    defects: int
    first_m: float
    last_m: float
    last_number: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class DefectMark:
    """A defect on the map of a roll: metres along it, millimetres across the camera's field."""

    number: int
    position_m: float
    across_mm: float
    kind: str
    severity: str
    area_mm2: float
    size: SizedDefect


@dataclass(frozen=True, slots=True)
class PointsLine:
    """Points of a roll's defects by one rule; per area None while too little of the roll was seen.

    Attributes:
        accepted: None if the rule has no limit or too little was seen.
    """

    rule: str
    version: str
    points: float
    per_100_yd2: float | None
    accepted: bool | None


@dataclass(frozen=True, slots=True)
class RollSheet:
    """A roll with its inspections along it, its defects, and the plant's order if there is one.

    Attributes:
        field_mm: width of the camera's field; None if there was no image.
    """

    line: RollLine
    inspections: tuple[InspectionLine, ...]
    marks: tuple[DefectMark, ...]
    points: tuple[PointsLine, ...]
    field_mm: float | None
    order: RollOrder | None


@dataclass(frozen=True, slots=True)
class ReferenceLine:
    """A white reference, newest first in a list."""

    id: str
    source: str
    tile_id: str
    instrument: str
    serial: str
    taken_at: datetime
    is_current: bool


@dataclass(frozen=True, slots=True)
class ChartValue:
    """One check on a control chart: measured minus certified, and the rule that it broke."""

    at: datetime
    residual: float | None
    rule: str


@dataclass(frozen=True, slots=True)
class ControlChart:
    """The newest checks of one band or peak, oldest first."""

    serial: str
    kind: CheckKind
    standard_id: str
    position_nm: float
    values: tuple[ChartValue, ...]


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """An alarm and who took it on; times and names are None while that did not happen."""

    code: str
    subject: str
    message: str
    state: str
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_why: str | None
    escalated_at: datetime | None
    cleared_at: datetime | None


@dataclass(frozen=True, slots=True)
class DutyLine:
    """What is to be done with a spectrometer from time to time, and how that stands."""

    serial: str
    what: str
    state: str
    done_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class ParityLine:
    """What the last comparison of a model's runtimes found: the largest of all absolute differences."""

    compared_at: datetime
    ok: bool
    largest_difference: float
    tolerance: float
    inputs: int
    mindspore: str
    onnx: str


@dataclass(frozen=True, slots=True)
class ModelSheet:
    """A model that the station can use.

    Attributes:
        digest: its version; empty if it is damaged, then `problem` says why.
        validity: one line per range that it was made for.
        parity: None if its runtimes were never compared on this station.
    """

    name: str
    digest: str
    active: bool
    problem: str
    fibres: tuple[str, ...]
    basis: str
    validity: tuple[str, ...]
    versions: tuple[str, ...]
    parity: ParityLine | None


class PageReader(Protocol):
    """Reads the history for pages; the connection cannot write. Lists go from the newest back.

    `before` is where the last page of a list ended.
    """

    def newest(self) -> int | None:
        """Return the number of the newest stored inspection."""
        ...

    def inspections(
        self, which: InspectionFilter, before: int | None, limit: int
    ) -> tuple[InspectionLine, ...]:
        """Return inspections with smaller numbers than `before`."""
        ...

    def inspections_after(self, after: int, limit: int) -> tuple[InspectionLine, ...]:
        """Return inspections with greater numbers, oldest first: for who wants to miss none."""
        ...

    def inspection(self, number: int) -> InspectionSheet:
        """Return all about an inspection; raises InputError if there is none of that number."""
        ...

    def load_acquisition(self, number: int) -> Acquisition:
        """Return an acquisition with its arrays."""
        ...

    def load_conclusion(self, number: int) -> Conclusion:
        """Return the current conclusion with its arrays."""
        ...

    def rolls(self, before: int | None, limit: int) -> tuple[RollLine, ...]:
        """Return the rolls that were inspected last; `before` is the last number of a roll."""
        ...

    def roll(self, lot: str, roll: str) -> RollSheet:
        """Return one roll; raises InputError if nothing of it was inspected."""
        ...

    def references(self, limit: int) -> tuple[ReferenceLine, ...]:
        """Return the newest white references."""
        ...

    def charts(self, limit: int) -> tuple[ControlChart, ...]:
        """Return the charts of the checks, at most `limit` values each."""
        ...

    def active_alarms(self) -> tuple[AlarmLine, ...]:
        """Return the alarms that are not cleared, newest first."""
        ...

    def alarms(self, limit: int) -> tuple[AlarmLine, ...]:
        """Return the newest alarms, cleared ones too."""
        ...

    def orders(self, before: int | None, limit: int) -> tuple[tuple[int, RollOrder], ...]:
        """Return orders of rolls with the place of each in the list."""
        ...

    def waiting_messages(self) -> Mapping[str, int]:
        """Return how many messages wait in the outbox, by destination."""
        ...

    def people(self) -> tuple[Person, ...]:
        """Return everybody who may log in."""
        ...

    def tokens(self) -> tuple[ApiToken, ...]:
        """Return the tokens of programs."""
        ...
