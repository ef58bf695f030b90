"""The section [backup]: where the station is copied to each night."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class BackupSection(BaseModel):
    """The nightly backup; leave it out on a station that is backed up by other means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Field(description="Folder to keep the backup in, best on another disk or computer.")
