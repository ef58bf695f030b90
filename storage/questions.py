"""The ten worked questions of docs/history.md, also the canned questions of `qc-daemon history serve`.

Each is one SELECT over the views. A name after a colon is filled in by who asks:
`qc-daemon history sql "..." --param lot=L1`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from storage import question_sql
from storage.dialects import SQLITE, SqlDialect


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the columns of its answer.

    Attributes:
        name: in addresses.
        title: as a person asks it.
        query: its SQL for one kind of database.
        chart: columns (x, y) worth a plot, and how it is drawn ("line" or "bar"); None for a table.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    query: Callable[[SqlDialect], str]
    chart: tuple[str, str, str] | None = None

    @property
    def sql(self) -> str:
        """Its SQL for SQLite, as docs/history.md has it."""
        return self.query(SQLITE)


QUESTIONS: tuple[Question, ...] = (
    Question(
        name="roll_readings",
        title="Every reading of a roll: with which instrument, reference, rule and software was it judged?",
        columns=(
            "number", "position_m", "accepted_at", "verdict", "reasons", "spectrometer_serial",
            "reference_id", "tolerance", "tolerance_version", "software_version", "scan_sha256",
            "facts_sha256",
        ),
        query=question_sql.roll_readings,
    ),
    Question(
        name="roll_fails",
        title="Where on a roll did fabric fail, and by how much?",
        columns=("number", "position_m", "fibre", "percent", "declared_percent", "deviation_pp", "reasons"),
        query=question_sql.roll_fails,
    ),
    Question(
        name="share_drift",
        title="Does the fabric of one supplier drift? Mean deviation from the label, lot by lot.",
        columns=("first_accepted_at", "lot", "fibre", "inspections", "mean_pp", "worst_pp"),
        query=question_sql.share_drift,
        chart=("first_accepted_at", "mean_pp", "line"),
    ),
    Question(
        name="lot_rolls",
        title="Which rolls of a lot are worth a second look?",
        columns=(
            "roll", "inspections", "open_questions", "defects", "points", "points_per_100_yd2",
            "inspected_area_mm2",
        ),
        query=question_sql.lot_rolls,
        chart=("roll", "open_questions", "bar"),
    ),
    Question(
        name="roll_defects",
        title="Where on a roll are the defects?",
        columns=("from_m", "to_m", "kind", "severity", "width_um", "height_um", "area_mm2", "number"),
        query=question_sql.roll_defects,
        chart=("from_m", "area_mm2", "bar"),
    ),
    Question(
        name="lab_coverage",
        title="How often do the intervals hold what the laboratory found?",
        columns=("fibres", "fibre", "inspections", "bias_pp", "covered_share", "basis", "lab_basis"),
        query=question_sql.lab_coverage,
        chart=("fibre", "covered_share", "bar"),
    ),
    Question(
        name="references_per_day",
        title="How many white references were taken each day, with which tile?",
        columns=("day", "instrument_serial", "tile_id", "white_references", "inspections"),
        query=question_sql.references_per_day,
        chart=("day", "white_references", "bar"),
    ),
    Question(
        name="reference_age",
        title="How old was the white reference at each inspection of a lot?",
        columns=("number", "accepted_at", "tile_id", "age_minutes"),
        query=question_sql.reference_age,
        chart=("accepted_at", "age_minutes", "line"),
    ),
    Question(
        name="daily_yield",
        title="How did each day go?",
        columns=("day", "inspections", "passed_percent", "referred", "undecided"),
        query=question_sql.daily_yield,
        chart=("day", "passed_percent", "line"),
    ),
    Question(
        name="specimen_history",
        title="What has been said of one specimen: each measurement, what is declared, what was found?",
        columns=(
            "number", "accepted_at", "verdict", "fibre", "percent", "lo_percent", "hi_percent",
            "declared_percent", "lab_percent",
        ),
        query=question_sql.specimen_history,
    ),
)  # fmt: skip
