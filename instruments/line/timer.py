"""A line that says nothing: each tick of the clock is a specimen of the configured roll."""

from qc_daemon.domain.calibration import WavelengthStandard
from qc_daemon.domain.inspection import Specimen
from qc_daemon.domain.label import DeclaredLabel
from qc_daemon.domain.ports import Clock
from qc_daemon.domain.spectrum import ReflectanceTile


class TimerLine:
    """Names specimens by roll and time; the position along the roll is not known and stays 0."""

    def __init__(self, lot: str, roll: str, label: DeclaredLabel | None, clock: Clock) -> None:
        self._lot = lot
        self._roll = roll
        self._label = label
        self._clock = clock

    def next_specimen(self) -> Specimen | None:
        """Return what lies in front of the instruments now."""
        moment = self._clock.now().strftime("%Y%m%dT%H%M%S.%fZ")
        return Specimen(f"{self._roll or 'specimen'}-{moment}", self._lot, self._roll, 0.0, self._label)

    def show_white_tile(self) -> ReflectanceTile | None:
        """Return None: nothing on this line moves a tile."""
        return None

    def show_grey_tile(self) -> ReflectanceTile | None:
        """Return None, as for the white tile."""
        return None

    def show_wavelength_standard(self) -> WavelengthStandard | None:
        """Return None, as for the white tile."""
        return None
