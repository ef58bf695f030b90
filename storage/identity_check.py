"""Checks that each acquisition is called what its facts and corrections say."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, text

# Nobody corrected them: the name is that of the facts.
_UNCORRECTED = text("""
    SELECT a.number FROM acquisitions AS a
    LEFT JOIN identities AS s ON s.acquisition_number = a.number
    WHERE s.acquisition_number IS NULL
        OR s.corrected <> CASE
            WHEN EXISTS (SELECT 1 FROM corrections WHERE acquisition_number = a.number) THEN 1 ELSE 0 END
        OR (
            s.corrected = 0 AND (
                s.specimen <> a.specimen OR s.lot <> a.lot OR s.roll <> a.roll
                OR s.position_m <> a.position_m
                OR coalesce(s.label_text, '') <> coalesce(a.label_text, '')
                OR (s.label_text IS NULL) <> (a.label_text IS NULL)
                OR s.label_correction_sequence IS NOT NULL
            )
        )
    ORDER BY a.number
""")
_CORRECTIONS = text("""
    SELECT
        c.acquisition_number, c.sequence, c.field, c.value,
        a.specimen, a.lot, a.roll, a.position_m, a.label_text AS label,
        s.specimen AS its_specimen, s.lot AS its_lot, s.roll AS its_roll, s.position_m AS its_position_m,
        s.label_text AS its_label, s.label_correction_sequence
    FROM corrections AS c
    JOIN acquisitions AS a ON a.number = c.acquisition_number
    JOIN identities AS s ON s.acquisition_number = c.acquisition_number
    ORDER BY c.acquisition_number, c.sequence
""")
_FIELDS = ("specimen", "lot", "roll", "position_m", "label")


def identity_problems(connection: Connection) -> Iterator[str]:
    """Yield a line for each acquisition whose name does not follow from its facts and corrections."""
    wrong = list(connection.scalars(_UNCORRECTED))
    rows = connection.execute(_CORRECTIONS)
    for number, corrections in groupby(rows, lambda row: row.acquisition_number):
        if not _follows(list(corrections)):
            wrong.append(number)
    for number in wrong:
        yield f"identities: acquisition {number} is not called as its facts and corrections say"


def _follows(corrections: list[Row[Any]]) -> bool:
    """Tell whether the name of an acquisition is that of its facts with these corrections, oldest first."""
    first = corrections[0]
    expected = {name: getattr(first, name) for name in _FIELDS}
    label_sequence = None
    for row in corrections:
        expected[row.field] = float(row.value) if row.field == "position_m" else row.value
        if row.field == "label":
            label_sequence = row.sequence
    found = {name: getattr(first, f"its_{name}") for name in _FIELDS}
    return expected == found and label_sequence == first.label_correction_sequence
