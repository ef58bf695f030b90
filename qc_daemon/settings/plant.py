"""The section [plant]: the database that collects what all stations of a plant found."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator


class PlantSection(BaseModel):
    """A PostgreSQL that gets results, alarms and ledger heads; leave it out on a station on its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        description="postgresql://USER@HOST/DATABASE; the password in password_file or in PGPASSWORD."
    )
    station: str = Field(min_length=1, description="What the plant calls this station; one name for each.")
    password_file: Path | None = Field(None, description="File with the password of that user.")

    @field_validator("url")
    @classmethod
    def _postgresql(cls, url: str) -> str:
        scheme, _, rest = url.partition("://")
        if scheme not in {"postgresql", "postgresql+psycopg"} or not rest:
            raise ValueError("expected postgresql://USER@HOST/DATABASE")
        return url

    @field_validator("password_file")
    @classmethod
    def _there(cls, file: Path | None) -> Path | None:
        if file is not None and not file.is_file():
            raise ValueError(f"{file}: no such file")
        return file
