"""The section [log]: where the station's log goes, and how large it may grow."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LogSection(BaseModel):
    """One JSON object a line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path | None = Field(
        None, description="File of the log; if not given, it goes to stderr, which a service manager keeps."
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged: this and worse. One line an inspection is info."
    )
    max_mb: float = Field(20.0, gt=0, description="Size at which the file gives way to a new one, MB.")
    old_files: int = Field(
        5, ge=1, le=100, description="How many old files are kept beside it; older ones are deleted."
    )
