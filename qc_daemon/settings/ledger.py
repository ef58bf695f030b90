"""The section [ledger]: where the head of the ledger is written down outside of the database."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class LedgerSection(BaseModel):
    """What makes it visible that the newest entries of the ledger were cut off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    anchor_file: Path = Field(
        description="Text file that gets a line with the head each night and at each stop; best on another "
        "computer or on a medium that is written once."
    )
