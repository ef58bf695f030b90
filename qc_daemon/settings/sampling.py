"""The section [sampling]: how many specimens a roll's and a lot's verdict need."""

from pydantic import BaseModel, ConfigDict, Field


class SamplingSection(BaseModel):
    """The sampling plan of the factory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    specimens_per_roll: int = Field(
        3, ge=2, description="So many usable specimens of a roll make a verdict of the roll."
    )
    rolls_per_lot: int = Field(2, ge=1, description="So many rolls with a verdict make a verdict of the lot.")
