"""Corrections: a person says what an acquisition should be called; what was measured stays as it is."""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.label import DeclaredLabel, parse_label


class CorrectedField(StrEnum):
    """What can be corrected."""

    SPECIMEN = "specimen"
    LOT = "lot"
    ROLL = "roll"
    POSITION_M = "position_m"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person said about one field of one acquisition.

    Attributes:
        number: station number of the acquisition.
        value: as it was written; metres for a position.
        who: who said so.
        why: their reason.
        at: when, aware UTC.

    Raises:
        InputError: the value cannot be one of that field, or nobody or no reason is named.
    """

    number: int
    field: CorrectedField
    value: str
    who: str
    why: str
    at: datetime

    def __post_init__(self) -> None:
        """Refuse what a view could not show or an auditor could not ask about."""
        for name, text in (("value", self.value), ("who", self.who), ("why", self.why)):
            if not text.strip():
                raise InputError(f"correction of {self.field}: {name} is empty; expected a text")
        if self.field is CorrectedField.POSITION_M:
            self.position_m()
        elif self.field is CorrectedField.LABEL:
            self.label()

    def position_m(self) -> float:
        """Return the corrected position in metres."""
        try:
            position_m = float(self.value)
        except ValueError:
            position_m = math.nan
        if not math.isfinite(position_m):
            raise InputError(f'correction of position-m: "{self.value}"; expected metres, such as 12.5')
        return position_m + 0.0

    def label(self) -> DeclaredLabel:
        """Return the corrected label; raises LabelError."""
        return parse_label(self.value)
