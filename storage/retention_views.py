"""SQL of the views of retention: what went, and which lots are held."""

RETIRED = """
SELECT sha256, path, kind, size_bytes, rule, retired_at FROM retired_contents
"""

HOLDS = """
SELECT
    h.lot, h.held, h.who, h.why, h.decided_at,
    CAST(h.sequence = (SELECT max(sequence) FROM lot_holds WHERE lot = h.lot) AS INTEGER) AS is_current
FROM lot_holds AS h
"""
