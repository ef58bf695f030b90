"""The records of calibration: dark references, checks against standards, and what they add up to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.arrays import frozen_array, require_ascending
from qc_daemon.domain.control_charts import IN_CONTROL
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan


class CheckKind(StrEnum):
    """What a check looks at: the reflectance of a grey tile, or the peaks of a wavelength standard."""

    TILE = "tile"
    WAVELENGTH = "wavelength"


@dataclass(frozen=True, slots=True, eq=False)
class WavelengthStandard:
    """A wavelength standard: its id and certified absorbance maxima (k,) in nm, ascending."""

    id: str
    peaks_nm: NDArray[np.float64]

    def __post_init__(self) -> None:
        peaks_nm = frozen_array(self.peaks_nm, np.float64, (None,), "peaks_nm")
        require_ascending(peaks_nm, "peaks_nm")
        object.__setattr__(self, "peaks_nm", peaks_nm)


@dataclass(frozen=True, slots=True, eq=False)
class DarkReference:
    """A scan taken for its dark level, and when and by which instrument.

    Attributes:
        id: UUIDv7 text.
        scan: its `dark_counts` are what this is about.
    """

    id: str
    scan: Scan
    instrument: InstrumentIdentity
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class CheckValue:
    """One figure of a check, a point of its own control chart.

    Attributes:
        position_nm: middle of the band, or the certified place of the peak; names the chart.
        certified: reflectance 0..1 of the tile, or place of the peak in nm.
        measured: the same as found; None for a peak that is not there.
        rule: the rule of the chart that it broke; "" if it is in control.
    """

    position_nm: float
    certified: float
    measured: float | None
    rule: str


@dataclass(frozen=True, slots=True, eq=False)
class CheckRun:
    """A check of a spectrometer against a standard.

    Attributes:
        id: UUIDv7 text.
        white_id: the white reference that the spectrum was made with.
        values: one per band or peak.
    """

    id: str
    kind: CheckKind
    standard_id: str
    scan: Scan
    white_id: str
    instrument: InstrumentIdentity
    done_at: datetime
    values: tuple[CheckValue, ...]

    @property
    def in_control(self) -> bool:
        """Tell whether no value broke a rule."""
        return all(value.rule == IN_CONTROL for value in self.values)


@dataclass(frozen=True, slots=True)
class ControlReset:
    """A person's word that a spectrometer may be trusted again; its charts begin anew from here."""

    serial: str
    who: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CalibrationStanding:
    """What is known of a spectrometer at a moment, beside its white reference.

    Attributes:
        reconnected_at: when it was last lost and found; None if never.
        out_of_control: one reason per kind of check whose newest run is out of control.
        warming: whether its temperature or its lamp still drifted since it was opened.
    """

    reconnected_at: datetime | None = None
    out_of_control: tuple[Reason, ...] = ()
    warming: bool = False

    @property
    def held_back(self) -> tuple[Reason, ...]:
        """Why the spectrometer must not decide now."""
        return self.out_of_control + ((Reason(ReasonCode.SPECTROMETER_WARMING),) if self.warming else ())


@dataclass(frozen=True, slots=True)
class LastCalibration:
    """The newest of each kind for one spectrometer; None if there was none.

    Attributes:
        tile_in_control, wavelength_in_control: True also if a person has reset the charts since.
    """

    instrument: InstrumentIdentity
    dark_at: datetime | None
    white_at: datetime | None
    white_source: str | None
    tile_at: datetime | None
    tile_in_control: bool
    wavelength_at: datetime | None
    wavelength_in_control: bool
