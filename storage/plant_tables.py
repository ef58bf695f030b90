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
    Column("sequence", BigInteger, nullable=False),
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

# The newest conclusion of each acquisition of every station.
INSPECTIONS_VIEW = """
CREATE OR REPLACE VIEW v_plant_inspections AS
SELECT DISTINCT ON (station, acquisition_id)
    station, number, acquisition_id, specimen, lot, roll, position_m, accepted_at, verdict,
    main_fibre AS class, defects, reasons, models, conclusion_id, concluded_at
FROM plant_results
ORDER BY station, acquisition_id, sequence DESC
"""
