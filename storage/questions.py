"""The ten worked questions of docs/history.md, also the canned questions of `qc-daemon history serve`.

Each is one SELECT over the views. A name after a colon is filled in by who asks:
`qc-daemon history sql "..." --param lot=L1`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its SQL and the columns of its answer.

    Attributes:
        name: in addresses.
        title: as a person asks it.
        chart: columns (x, y) worth a plot, and how it is drawn ("line" or "bar"); None for a table.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    sql: str
    chart: tuple[str, str, str] | None = None


QUESTIONS: tuple[Question, ...] = (
    Question(
        name="roll_readings",
        title="Every reading of a roll: with which instrument, reference, rule and software was it judged?",
        columns=(
            "number", "position_m", "accepted_at", "verdict", "reasons", "spectrometer_serial",
            "reference_id", "tolerance", "tolerance_version", "software_version", "scan_sha256",
            "facts_sha256",
        ),
        sql="""\
SELECT
    number, position_m, accepted_at, verdict, reasons, spectrometer_serial, reference_id,
    tolerance, tolerance_version, software_version, scan_sha256, facts_sha256
FROM v_inspections
WHERE lot = :lot AND roll = :roll
ORDER BY number""",
    ),
    Question(
        name="roll_fails",
        title="Where on a roll did fabric fail, and by how much?",
        columns=("number", "position_m", "fibre", "percent", "declared_percent", "deviation_pp", "reasons"),
        sql="""\
SELECT i.number, i.position_m, s.fibre, s.percent, s.declared_percent, s.deviation_pp, i.reasons
FROM v_inspections AS i
JOIN v_fibre_shares AS s ON s.number = i.number
WHERE i.lot = :lot AND i.roll = :roll AND i.verdict = 'FAIL'
ORDER BY i.position_m, i.number, s.fibre""",
    ),
    Question(
        name="share_drift",
        title="Does the fabric of one supplier drift? Mean deviation from the label, lot by lot.",
        columns=("first_accepted_at", "lot", "fibre", "inspections", "mean_pp", "worst_pp"),
        sql="""\
SELECT
    min(accepted_at) AS first_accepted_at, lot, fibre, count(*) AS inspections,
    round(avg(deviation_pp), 2) AS mean_pp, round(max(abs(deviation_pp)), 2) AS worst_pp
FROM v_fibre_shares
WHERE lot GLOB :lots AND declared_percent > 0
GROUP BY lot, fibre
ORDER BY first_accepted_at, lot, fibre""",
        chart=("first_accepted_at", "mean_pp", "line"),
    ),
    Question(
        name="lot_rolls",
        title="Which rolls of a lot are worth a second look?",
        columns=(
            "roll", "inspections", "open_questions", "defects", "points", "points_per_100_yd2",
            "inspected_area_mm2",
        ),
        sql="""\
SELECT
    roll, inspections, failed + referred + undecided AS open_questions, defects, points,
    points_per_100_yd2, round(inspected_area_mm2, 1) AS inspected_area_mm2
FROM v_rolls
WHERE lot = :lot
ORDER BY open_questions DESC, points DESC, roll""",
        chart=("roll", "open_questions", "bar"),
    ),
    Question(
        name="roll_defects",
        title="Where on a roll are the defects?",
        columns=("from_m", "to_m", "kind", "severity", "width_um", "height_um", "area_mm2", "number"),
        sql="""\
SELECT
    round(from_m, 4) AS from_m, round(to_m, 4) AS to_m, kind, severity,
    round(width_um, 1) AS width_um, round(height_um, 1) AS height_um, area_mm2, number
FROM v_defects
WHERE lot = :lot AND roll = :roll
ORDER BY from_m, number""",
        chart=("from_m", "area_mm2", "bar"),
    ),
    Question(
        name="lab_coverage",
        title="How often do the intervals hold what the laboratory found?",
        columns=("fibres", "fibre", "inspections", "bias_pp", "covered_share", "basis", "lab_basis"),
        sql="""\
SELECT
    fibres, fibre, count(*) AS inspections, round(avg(deviation_pp), 2) AS bias_pp,
    round(avg(covered), 3) AS covered_share, basis, lab_basis
FROM v_lab_results
WHERE number IS NOT NULL
GROUP BY fibres, fibre, basis, lab_basis
ORDER BY fibres, fibre""",
        chart=("fibre", "covered_share", "bar"),
    ),
    Question(
        name="references_per_day",
        title="How many white references were taken each day, with which tile?",
        columns=("day", "instrument_serial", "tile_id", "white_references", "inspections"),
        sql="""\
SELECT
    substr(taken_at, 1, 10) AS day, instrument_serial, tile_id,
    count(*) AS white_references, sum(inspections) AS inspections
FROM v_references
GROUP BY day, instrument_serial, tile_id
ORDER BY day, instrument_serial, tile_id""",
        chart=("day", "white_references", "bar"),
    ),
    Question(
        name="reference_age",
        title="How old was the white reference at each inspection of a lot?",
        columns=("number", "accepted_at", "tile_id", "age_minutes"),
        sql="""\
SELECT
    i.number, i.accepted_at, r.tile_id,
    round((julianday(i.accepted_at) - julianday(r.taken_at)) * 24 * 60, 1) AS age_minutes
FROM v_inspections AS i
JOIN v_references AS r ON r.id = i.reference_id
WHERE i.lot = :lot
ORDER BY i.number""",
        chart=("accepted_at", "age_minutes", "line"),
    ),
    Question(
        name="daily_yield",
        title="How did each day go?",
        columns=("day", "inspections", "passed_percent", "referred", "undecided"),
        sql="""\
SELECT
    substr(accepted_at, 1, 10) AS day, count(*) AS inspections,
    round(100.0 * count(*) FILTER (WHERE verdict = 'PASS') / count(*), 1) AS passed_percent,
    count(*) FILTER (WHERE verdict = 'REFER') AS referred,
    count(*) FILTER (WHERE verdict = 'UNDECIDED') AS undecided
FROM v_inspections
WHERE accepted_at >= :since
GROUP BY day
ORDER BY day""",
        chart=("day", "passed_percent", "line"),
    ),
    Question(
        name="specimen_history",
        title="What has been said of one specimen: each measurement, what is declared, what was found?",
        columns=(
            "number", "accepted_at", "verdict", "fibre", "percent", "lo_percent", "hi_percent",
            "declared_percent", "lab_percent",
        ),
        sql="""\
SELECT
    s.number, s.accepted_at, s.verdict, s.fibre, s.percent, s.lo_percent, s.hi_percent,
    s.declared_percent, l.lab_percent
FROM v_fibre_shares AS s
LEFT JOIN v_lab_results AS l
    ON l.specimen = :specimen AND l.number = s.number AND l.fibre = s.fibre
WHERE s.specimen = :specimen
ORDER BY s.number, s.fibre""",
    ),
)  # fmt: skip
