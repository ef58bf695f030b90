"""The tables of a plant: what all its stations sent, in one PostgreSQL.

Every row says which station it came from; the stations stay authoritative, so nothing points from here
to a table of theirs. Units end column names; times are timestamptz; shares are percent by mass.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from storage.tables import NAMING_CONVENTION

PLANT = MetaData(naming_convention=NAMING_CONVENTION)
_MOMENT = DateTime(timezone=True)


def _of_station() -> Column[str]:
    return Column("station", Text, ForeignKey("plant_stations.station"), primary_key=True)


STATIONS = Table(
    "plant_stations",
    PLANT,
    Column("station", Text, primary_key=True),
    Column("origin_sha256", Text, nullable=False, unique=True),
    Column("sequence", BigInteger, nullable=False),
    Column("last_message_at", _MOMENT),
)

RESULTS = Table(
    "plant_results",
    PLANT,
    _of_station(),
    Column("conclusion_id", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),  # of the conclusion on its station
    Column("acquisition_id", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("specimen", Text, nullable=False),
    Column("lot", Text, nullable=False),
    Column("roll", Text, nullable=False),
    Column("position_m", Double, nullable=False),
    Column("accepted_at", _MOMENT, nullable=False),
    Column("concluded_at", _MOMENT, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("main_fibre", Text),
    Column("defects", Integer, nullable=False),
    Column("reasons", JSONB, nullable=False),
    Column("models", JSONB, nullable=False),
    CheckConstraint("verdict IN ('PASS', 'FAIL', 'REFER')", "verdict"),
    Index(None, "station", "acquisition_id", "sequence"),
    Index(None, "lot", "roll"),
    Index(None, "accepted_at"),
)

SHARES = Table(
    "plant_shares",
    PLANT,
    Column("station", Text, primary_key=True),
    Column("conclusion_id", Text, primary_key=True),
    Column("fibre", Text, primary_key=True),
    Column("percent", Double, nullable=False),
    Column("lo_percent", Double, nullable=False),
    Column("hi_percent", Double, nullable=False),
    ForeignKeyConstraint(
        ["station", "conclusion_id"], ["plant_results.station", "plant_results.conclusion_id"]
    ),
)

CORRECTIONS = Table(
    "plant_corrections",
    PLANT,
    _of_station(),
    Column("sequence", BigInteger, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("field", Text, nullable=False),
    Column("old_value", Text),
    Column("value", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("corrected_at", _MOMENT, nullable=False),
    CheckConstraint("field IN ('specimen', 'lot', 'roll', 'position_m', 'label')", "field"),
    Index(None, "station", "number", "field", "sequence"),
)

# How far a station's records of each kind have come.
NEWEST_RECORDS = Table(
    "plant_newest_records",
    PLANT,
    _of_station(),
    Column("kind", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)

ALARMS = Table(
    "plant_alarms",
    PLANT,
    _of_station(),
    Column("message_id", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("happened_at", _MOMENT, nullable=False),
    Column("raised_at", _MOMENT, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
)

LEDGER_HEADS = Table(
    "plant_ledger_heads",
    PLANT,
    _of_station(),
    Column("message_id", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("sent_at", _MOMENT, nullable=False),
)


def _now(field: str, type_name: str = "text") -> str:
    """Return what an inspection is called by the newest correction of a field, or what was read."""
    return f"""coalesce((
        SELECT CAST(c.value AS {type_name}) FROM plant_corrections AS c
        WHERE c.station = r.station AND c.number = r.number AND c.field = '{field}'
        ORDER BY c.sequence DESC LIMIT 1
    ), r.{field}) AS {field}"""  # noqa: S608 constants of this file


# The newest conclusion of each acquisition of every station, as the inspection is called now.
INSPECTIONS_VIEW = f"""
CREATE OR REPLACE VIEW v_plant_inspections AS
SELECT
    r.station, r.number, r.acquisition_id,
    {_now("specimen")}, {_now("lot")}, {_now("roll")}, {_now("position_m", "double precision")},
    r.accepted_at, r.verdict, r.main_fibre AS class, r.defects, r.reasons, r.models, r.conclusion_id,
    r.concluded_at,
    EXISTS (
        SELECT 1 FROM plant_corrections AS c WHERE c.station = r.station AND c.number = r.number
    ) AS corrected
FROM (
    SELECT DISTINCT ON (station, acquisition_id) *
    FROM plant_results
    ORDER BY station, acquisition_id, sequence DESC
) AS r
"""  # noqa: S608 constants of this file
