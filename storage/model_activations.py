"""Which model a station was told to use for a role; the newest word is the one that counts."""

from datetime import datetime
from pathlib import Path

import sqlalchemy
from sqlalchemy import select
from sqlalchemy.orm import Session

from qc_daemon.domain.inspection import ModelVersion
from storage.database import one_line_errors
from storage.database_url import database_of, database_url
from storage.station_folder import StationFolder
from storage.tables import ModelActivationRow


def add_activation(session: Session, model: ModelVersion, at: datetime) -> None:
    """Add the event that a model was activated."""
    session.add(ModelActivationRow(role=model.role, name=model.name, digest=model.digest, activated_at=at))


def active_model(station_folder: Path, role: str, url: str | None = None) -> ModelVersion | None:
    """Return the model that a station was last told to use, also while a daemon writes; None for its default.

    A station that was never started, or not since models could be activated, has its default.

    Raises:
        StoreUnavailable: the database does not answer, or is none.
    """
    database = database_of(url or database_url(StationFolder(station_folder).database))
    if not database.exists():
        return None
    reader = database.open_reader()
    try:
        with one_line_errors(database), Session(reader) as session:
            if not sqlalchemy.inspect(session.connection()).has_table(ModelActivationRow.__tablename__):
                return None
            query = select(ModelActivationRow).where(ModelActivationRow.role == role)
            row = session.scalar(query.order_by(ModelActivationRow.sequence.desc()).limit(1))
            return None if row is None else ModelVersion(row.role, row.name, row.digest)
    finally:
        reader.dispose()
