"""The section [plant]: the database that collects what all stations of a plant found."""

from pydantic import BaseModel, ConfigDict, Field

from qc_daemon.settings.postgresql import DatabaseAddress, PasswordFile


class PlantSection(BaseModel):
    """A PostgreSQL that gets results, alarms and ledger heads; leave it out on a station on its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: DatabaseAddress = Field(
        description="postgresql://USER@HOST/DATABASE; the password in password_file or in PGPASSWORD."
    )
    station: str = Field(min_length=1, description="What the plant calls this station; one name for each.")
    password_file: PasswordFile | None = Field(None, description="File with the password of that user.")
