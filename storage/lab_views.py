"""SQL of the view that puts what laboratories found beside what the station had said."""

# ruff: noqa: S608  (what is put in are the expressions of `storage.dialects`)

from storage.dialects import SqlDialect


def lab_results(sql: SqlDialect) -> str:
    """Return the query of the view: fibres that either names; who does not name one has 0 % of it."""
    return f"""
SELECT
    l.specimen, s.number, s.lot, s.roll, s.accepted_at,
    (
        SELECT {sql.joined("fibre", "/")}
        FROM (
            SELECT fibre FROM lab_shares
            WHERE result_sequence = l.sequence AND percent > 0 ORDER BY fibre
        ) AS present
    ) AS fibres,
    s.fibre, coalesce(p.percent, 0.0) AS lab_percent,
    s.percent, s.lo_percent, s.hi_percent,
    s.percent - coalesce(p.percent, 0.0) AS deviation_pp,
    CASE WHEN coalesce(p.percent, 0.0) BETWEEN s.lo_percent AND s.hi_percent THEN 1 ELSE 0 END AS covered,
    s.basis, l.basis AS lab_basis, l.method, l.laboratory, l.measured_on, l.imported_at
FROM lab_results AS l
JOIN v_fibre_shares AS s ON s.specimen = l.specimen
LEFT JOIN lab_shares AS p ON p.result_sequence = l.sequence AND p.fibre = s.fibre
UNION ALL
SELECT
    l.specimen, NULL, NULL, NULL, NULL,
    (
        SELECT {sql.joined("fibre", "/")}
        FROM (
            SELECT fibre FROM lab_shares
            WHERE result_sequence = l.sequence AND percent > 0 ORDER BY fibre
        ) AS present
    ),
    p.fibre, p.percent, NULL, NULL, NULL, NULL, NULL,
    NULL, l.basis, l.method, l.laboratory, l.measured_on, l.imported_at
FROM lab_results AS l
JOIN lab_shares AS p ON p.result_sequence = l.sequence
WHERE NOT EXISTS (
    SELECT 1 FROM v_fibre_shares AS s WHERE s.specimen = l.specimen AND s.fibre = p.fibre
)
"""
