"""SQL of the ten worked questions, for either kind of database."""

# ruff: noqa: S608  (what is put in are the expressions of `storage.dialects`)

from storage.dialects import SqlDialect


def roll_readings(_sql: SqlDialect) -> str:
    """Every reading of a roll."""
    return """\
SELECT
    number, position_m, accepted_at, verdict, reasons, spectrometer_serial, reference_id,
    tolerance, tolerance_version, software_version, scan_sha256, facts_sha256
FROM v_inspections
WHERE lot = :lot AND roll = :roll
ORDER BY number"""


def roll_fails(_sql: SqlDialect) -> str:
    """The fails of a roll."""
    return """\
SELECT i.number, i.position_m, s.fibre, s.percent, s.declared_percent, s.deviation_pp, i.reasons
FROM v_inspections AS i
JOIN v_fibre_shares AS s ON s.number = i.number
WHERE i.lot = :lot AND i.roll = :roll AND i.verdict = 'FAIL'
ORDER BY i.position_m, i.number, s.fibre"""


def share_drift(sql: SqlDialect) -> str:
    """Mean deviation from the label of each lot."""
    return f"""\
SELECT
    min(accepted_at) AS first_accepted_at, lot, fibre, count(*) AS inspections,
    {sql.rounded("avg(deviation_pp)", 2)} AS mean_pp, {sql.rounded("max(abs(deviation_pp))", 2)} AS worst_pp
FROM v_fibre_shares
WHERE {sql.matches("lot", ":lots")} AND declared_percent > 0
GROUP BY lot, fibre
ORDER BY first_accepted_at, lot, fibre"""


def lot_rolls(sql: SqlDialect) -> str:
    """The rolls of a lot, those with most open questions first."""
    return f"""\
SELECT
    roll, inspections, failed + referred + undecided AS open_questions, defects, points,
    points_per_100_yd2, {sql.rounded("inspected_area_mm2", 1)} AS inspected_area_mm2
FROM v_rolls
WHERE lot = :lot
ORDER BY open_questions DESC, points DESC, roll"""


def roll_defects(sql: SqlDialect) -> str:
    """The defects of a roll by their place."""
    return f"""\
SELECT
    {sql.rounded("from_m", 4)} AS from_m, {sql.rounded("to_m", 4)} AS to_m, kind, severity,
    {sql.rounded("width_um", 1)} AS width_um, {sql.rounded("height_um", 1)} AS height_um, area_mm2, number
FROM v_defects
WHERE lot = :lot AND roll = :roll
ORDER BY from_m, number"""


def lab_coverage(sql: SqlDialect) -> str:
    """How intervals compare with the laboratory."""
    return f"""\
SELECT
    fibres, fibre, count(*) AS inspections, {sql.rounded("avg(deviation_pp)", 2)} AS bias_pp,
    {sql.rounded("avg(covered)", 3)} AS covered_share, basis, lab_basis
FROM v_lab_results
WHERE number IS NOT NULL
GROUP BY fibres, fibre, basis, lab_basis
ORDER BY fibres, fibre"""


def references_per_day(sql: SqlDialect) -> str:
    """White references of each day."""
    return f"""\
SELECT
    {sql.day("taken_at")} AS day, instrument_serial, tile_id,
    count(*) AS white_references, sum(inspections) AS inspections
FROM v_references
GROUP BY day, instrument_serial, tile_id
ORDER BY day, instrument_serial, tile_id"""


def reference_age(sql: SqlDialect) -> str:
    """Age of the reference at each inspection of a lot."""
    return f"""\
SELECT
    i.number, i.accepted_at, r.tile_id,
    {sql.rounded(sql.minutes("r.taken_at", "i.accepted_at"), 1)} AS age_minutes
FROM v_inspections AS i
JOIN v_references AS r ON r.id = i.reference_id
WHERE i.lot = :lot
ORDER BY i.number"""


def daily_yield(sql: SqlDialect) -> str:
    """Verdicts of each day."""
    return f"""\
SELECT
    {sql.day("accepted_at")} AS day, count(*) AS inspections,
    {sql.rounded("100.0 * count(*) FILTER (WHERE verdict = 'PASS') / count(*)", 1)} AS passed_percent,
    count(*) FILTER (WHERE verdict = 'REFER') AS referred,
    count(*) FILTER (WHERE verdict = 'UNDECIDED') AS undecided
FROM v_inspections
WHERE accepted_at >= :since
GROUP BY day
ORDER BY day"""


def specimen_history(_sql: SqlDialect) -> str:
    """All that was said of a specimen."""
    return """\
SELECT
    s.number, s.accepted_at, s.verdict, s.fibre, s.percent, s.lo_percent, s.hi_percent,
    s.declared_percent, l.lab_percent
FROM v_fibre_shares AS s
LEFT JOIN v_lab_results AS l
    ON l.specimen = :specimen AND l.number = s.number AND l.fibre = s.fibre
WHERE s.specimen = :specimen
ORDER BY s.number, s.fibre"""
