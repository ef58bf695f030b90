"""The section [storage]: a server that keeps the rows of the station instead of a file."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator


class StorageSection(BaseModel):
    """A PostgreSQL for the station's own rows; leave it out for a SQLite file in the station's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        description="postgresql://USER@HOST/DATABASE, a database of this station alone; the password in "
        "password_file or in PGPASSWORD."
    )
    password_file: Path | None = Field(None, description="File with the password of that user.")

    @field_validator("url")
    @classmethod
    def _postgresql(cls, url: str) -> str:
        scheme, _, rest = url.partition("://")
        if scheme not in {"postgresql", "postgresql+psycopg"} or not rest.partition("/")[2]:
            raise ValueError("expected postgresql://USER@HOST/DATABASE")
        return url

    @field_validator("password_file")
    @classmethod
    def _there(cls, file: Path | None) -> Path | None:
        if file is not None and not file.is_file():
            raise ValueError(f"{file}: no such file")
        return file
