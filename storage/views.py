"""The views for QA people: stable names and columns, explained in docs/history.md.

Their SQL stays within SQLite 3.37 (STRICT tables need that): with a view that it cannot read, an
older library, such as that of Python 3.11, would refuse the whole database.

They are dropped and created by every migration, so a changed view needs a migration, even an
empty one. Columns are added, never renamed or removed.
"""

# ruff: noqa: S608  (the parts put together here are constants of this file)

from collections.abc import Mapping

from sqlalchemy import Connection

from storage.dialects import SQLITE, SqlDialect, is_postgresql, sql_of, view_names
from storage.lab_views import lab_results
from storage.retention_views import HOLDS, RETIRED
from storage.roll_views import COUNTS, roll_points, rolls

_CURRENT_CONCLUSION = """conclusions AS c ON c.sequence = (
    SELECT max(sequence) FROM conclusions WHERE acquisition_number = a.number
)"""

# What an acquisition is called now, by an index; all else that was measured.
_NOW_CALLED = "identities AS s JOIN acquisitions AS a ON a.number = s.acquisition_number"


def _inspections(sql: SqlDialect) -> str:
    return f"""
SELECT
    a.number, a.id, s.specimen, s.lot, s.roll, s.position_m, s.label_text AS label, s.corrected,
    a.accepted_at,
    coalesce(c.outcome, 'UNDECIDED') AS verdict,
    (
        SELECT {sql.joined("reason", ", ")}
        FROM (
            SELECT code || CASE WHEN subject = '' THEN '' ELSE ':' || subject END AS reason
            FROM reasons WHERE conclusion_sequence = c.sequence ORDER BY position
        ) AS ordered
    ) AS reasons,
    c.main_fibre AS class,
    c.novelty, c.novelty_limit, c.basis, c.interval_coverage,
    c.filled_percent, c.cleaning_method,
    CASE WHEN c.sequence IS NOT NULL
        THEN (SELECT count(*) FROM defects WHERE conclusion_sequence = c.sequence)
    END AS defects,
    c.tolerance_name AS tolerance, c.tolerance_version,
    (
        SELECT path FROM reports WHERE conclusion_sequence = c.sequence ORDER BY sequence DESC LIMIT 1
    ) AS report,
    c.id AS conclusion_id,
    (SELECT count(*) FROM conclusions WHERE acquisition_number = a.number) AS conclusions,
    c.concluded_at, c.software_version,
    spectrometer.serial AS spectrometer_serial,
    w.id AS reference_id,
    camera.serial AS camera_serial, a.camera_expected, a.um_per_pixel,
    a.image_width_px * a.image_height_px * a.um_per_pixel * a.um_per_pixel / 1e6
        * (1.0 - c.filled_percent / 100.0) AS inspected_area_mm2,
    a.triggered_at, a.acquire_seconds, c.infer_seconds,
    a.scan_sha256, a.image_sha256, a.facts_sha256
FROM {_NOW_CALLED}
LEFT JOIN instruments AS spectrometer ON spectrometer.id = a.spectrometer_id
LEFT JOIN instruments AS camera ON camera.id = a.camera_id
LEFT JOIN white_references AS w ON w.sequence = a.white_reference_sequence
LEFT JOIN {_CURRENT_CONCLUSION}
"""


_FIBRE_SHARES = f"""
SELECT
    number, specimen, lot, roll, position_m, corrected, accepted_at, verdict,
    fibre, percent, lo_percent, hi_percent, uncleaned_percent,
    declared_percent, percent - declared_percent AS deviation_pp, basis
FROM (
    SELECT
        a.number, s.specimen, s.lot, s.roll, s.position_m, s.corrected, a.accepted_at, c.outcome AS verdict,
        f.position, f.fibre, f.percent, f.lo_percent, f.hi_percent, u.percent AS uncleaned_percent,
        CASE WHEN s.label_text IS NOT NULL THEN coalesce(
            CASE WHEN s.label_correction_sequence IS NULL THEN d.percent ELSE n.percent END, 0.0
        ) END AS declared_percent,
        c.basis
    FROM {_NOW_CALLED}
    JOIN {_CURRENT_CONCLUSION}
    JOIN fibre_shares AS f ON f.conclusion_sequence = c.sequence
    LEFT JOIN uncleaned_shares AS u ON u.conclusion_sequence = c.sequence AND u.position = f.position
    LEFT JOIN declared_fibres AS d ON d.acquisition_number = a.number AND d.fibre = f.fibre
    LEFT JOIN corrected_fibres AS n
        ON n.correction_sequence = s.label_correction_sequence AND n.fibre = f.fibre
) AS compared
"""

_DEFECTS = f"""
SELECT
    a.number, s.specimen, s.lot, s.roll, s.position_m, s.corrected, a.accepted_at,
    d.kind, d.severity, d.confidence, d.area_mm2,
    d.x_px, d.y_px, d.width_px, d.height_px, a.um_per_pixel,
    d.x_px * a.um_per_pixel AS x_um, d.y_px * a.um_per_pixel AS y_um,
    d.width_px * a.um_per_pixel AS width_um, d.height_px * a.um_per_pixel AS height_um,
    s.position_m + d.y_px * a.um_per_pixel / 1e6 AS from_m,
    s.position_m + (d.y_px + d.height_px) * a.um_per_pixel / 1e6 AS to_m,
    a.image_sha256
FROM {_NOW_CALLED}
JOIN {_CURRENT_CONCLUSION}
JOIN defects AS d ON d.conclusion_sequence = c.sequence
"""

_LOTS = f"""
SELECT
    lot,
    count(DISTINCT roll) AS rolls,
    {COUNTS}
FROM v_inspections
GROUP BY lot
"""

_REFERENCES = """
SELECT
    w.id, w.source, w.tile_id,
    i.kind AS instrument_kind, i.serial AS instrument_serial,
    w.taken_at,
    CAST(w.sequence = (
        SELECT max(other.sequence) FROM white_references AS other
        JOIN instruments AS its ON its.id = other.instrument_id
        WHERE its.serial = i.serial
    ) AS INTEGER) AS is_current,
    (SELECT count(*) FROM acquisitions WHERE white_reference_sequence = w.sequence) AS inspections,
    w.scan_sha256, w.tile_reflectance_sha256,
    s.config_name, s.scans_averaged, s.pga_gain,
    s.system_temperature_c, s.detector_temperature_c, s.humidity_percent, s.lamp_photodiode_counts
FROM white_references AS w
JOIN instruments AS i ON i.id = w.instrument_id
LEFT JOIN calibration_scans AS s ON s.id = w.id
"""

_DARKS = """
SELECT
    s.id, i.kind AS instrument_kind, i.serial AS instrument_serial, s.taken_at,
    s.mean_dark_counts, s.highest_dark_counts,
    s.config_name, s.scans_averaged, s.pga_gain,
    s.system_temperature_c, s.detector_temperature_c, s.humidity_percent, s.lamp_photodiode_counts,
    s.scan_sha256
FROM calibration_scans AS s
JOIN instruments AS i ON i.id = s.instrument_id
WHERE s.kind = 'dark'
"""

_CHECKS = """
SELECT
    s.id, c.kind, c.standard_id,
    i.kind AS instrument_kind, i.serial AS instrument_serial, s.taken_at,
    v.position_nm, v.certified, v.measured, v.measured - v.certified AS residual,
    v.rule, c.in_control, w.id AS reference_id, s.system_temperature_c, s.scan_sha256
FROM check_values AS v
JOIN check_runs AS c ON c.scan_sequence = v.scan_sequence
JOIN calibration_scans AS s ON s.sequence = c.scan_sequence
JOIN instruments AS i ON i.id = s.instrument_id
JOIN white_references AS w ON w.sequence = c.white_reference_sequence
"""

_CONTROL_RESETS = """
SELECT serial AS instrument_serial, who, why, reset_at FROM control_resets
"""

_INSTRUMENTS = """
SELECT
    i.kind, i.model, i.serial, i.firmware,
    count(a.number) AS inspections,
    (SELECT count(*) FROM white_references WHERE instrument_id = i.id) AS white_references,
    min(a.accepted_at) AS first_accepted_at,
    max(a.accepted_at) AS last_accepted_at
FROM instruments AS i
LEFT JOIN acquisitions AS a ON i.id IN (a.spectrometer_id, a.camera_id)
GROUP BY i.id
"""

_MODELS = """
SELECT
    m.role, m.name, m.digest,
    count(c.sequence) AS conclusions,
    min(c.concluded_at) AS first_concluded_at,
    max(c.concluded_at) AS last_concluded_at
FROM models AS m
LEFT JOIN conclusion_models AS part ON part.model_id = m.id
LEFT JOIN conclusions AS c ON c.sequence = part.conclusion_sequence
GROUP BY m.id
"""

_ALARMS = """
SELECT
    code, subject, message, raised_at, cleared_at, CAST(cleared_at IS NULL AS INTEGER) AS active,
    CASE
        WHEN cleared_at IS NOT NULL THEN 'cleared'
        WHEN acknowledged_at IS NOT NULL THEN 'acknowledged'
        WHEN escalated_at IS NOT NULL THEN 'escalated'
        ELSE 'raised'
    END AS state,
    acknowledged_by, acknowledged_at, acknowledged_why, escalated_at
FROM (
    SELECT
        raised.code, raised.subject, raised.message, raised.happened_at AS raised_at,
        (
            SELECT later.happened_at FROM station_events AS later
            WHERE later.code = raised.code AND later.subject = raised.subject
                AND later.sequence > raised.sequence AND later.active = 0 AND later.message = ''
            ORDER BY later.sequence LIMIT 1
        ) AS cleared_at,
        taken.who AS acknowledged_by, taken.happened_at AS acknowledged_at, taken.why AS acknowledged_why,
        escalated.happened_at AS escalated_at
    FROM station_events AS raised
    LEFT JOIN alarm_transitions AS taken
        ON taken.raised_sequence = raised.sequence AND taken.state = 'acknowledged'
    LEFT JOIN alarm_transitions AS escalated
        ON escalated.raised_sequence = raised.sequence AND escalated.state = 'escalated'
    WHERE raised.active = 1
) AS followed
"""

_EVENTS = """
SELECT happened_at, code, subject, message
FROM station_events
WHERE active = 0 AND message <> ''
ORDER BY sequence
"""

_CORRECTIONS = """
SELECT
    c.acquisition_number AS number, c.field, c.old_value, c.value, c.who, c.why, c.corrected_at,
    CAST(c.sequence = (
        SELECT max(sequence) FROM corrections
        WHERE acquisition_number = c.acquisition_number AND field = c.field
    ) AS INTEGER) AS is_current
FROM corrections AS c
"""

_LEDGER = """
SELECT
    sequence, kind, subject, recorded_at, actor, table_name, row_key, content,
    content_sha256, previous_sha256, sha256
FROM ledger
"""


def views_of(sql: SqlDialect) -> Mapping[str, str]:
    """Return the query of each view, in an order in which they can be created."""
    return {
        "v_inspections": _inspections(sql),
        "v_fibre_shares": _FIBRE_SHARES,
        "v_defects": _DEFECTS,
        "v_rolls": rolls(sql),
        "v_roll_points": roll_points(sql),
        "v_lots": _LOTS,
        "v_references": _REFERENCES,
        "v_darks": _DARKS,
        "v_checks": _CHECKS,
        "v_control_resets": _CONTROL_RESETS,
        "v_instruments": _INSTRUMENTS,
        "v_corrections": _CORRECTIONS,
        "v_ledger": _LEDGER,
        "v_models": _MODELS,
        "v_alarms": _ALARMS,
        "v_events": _EVENTS,
        "v_lab_results": lab_results(sql),
        "v_retired": RETIRED,
        "v_holds": HOLDS,
    }


# Names, and the queries as SQLite has them.
VIEWS = views_of(SQLITE)


def create_views(connection: Connection) -> None:
    """Create all views."""
    for name, query in views_of(sql_of(connection)).items():
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {query}")


def drop_views(connection: Connection) -> None:
    """Drop all views that the database has, those of an older software too."""
    names = view_names(connection)
    if is_postgresql(connection) and names:  # at once, for one reads another
        connection.exec_driver_sql(f"DROP VIEW {', '.join(names)}")
    else:
        for name in names:
            connection.exec_driver_sql(f'DROP VIEW "{name}"')
