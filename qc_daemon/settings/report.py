"""The section [report]: how reports look, and when that of the day is written."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class ReportSection(BaseModel):
    """How certificates and reports look, and when that of the day is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    template_folder: Path | None = Field(
        None, description="Folder of the factory's own templates and logo; this software's if not given."
    )
    daily_hour: int = Field(
        1, ge=0, le=23, description="Hour of UTC at which the report of the day before is written."
    )
