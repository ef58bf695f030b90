"""The section [storage]: a server that keeps the rows of the station instead of a file."""

from pydantic import BaseModel, ConfigDict, Field

from qc_daemon.settings.postgresql import DatabaseAddress, PasswordFile


class StorageSection(BaseModel):
    """A PostgreSQL for the station's own rows; leave it out for a SQLite file in the station's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: DatabaseAddress = Field(
        description="postgresql://USER@HOST/DATABASE, a database of this station alone; the password in "
        "password_file or in PGPASSWORD."
    )
    password_file: PasswordFile | None = Field(None, description="File with the password of that user.")
