"""What lies in front of an emulated NIRscan Nano, and the scan records that the device makes of it."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from instruments.emulators.scene import Scene, warming_c
from instruments.emulators.tape import Tape
from instruments.nirscan_nano.axis import BLACK_PERIOD, column_axis
from instruments.nirscan_nano.payloads import encode_device_time
from instruments.nirscan_nano.scan_container import (
    FULL_SCALE_COUNTS,
    ScanRecord,
    ScanType,
    first_black,
    with_black_values,
)

# Black level of a recorded scan at gain 64, in counts; the counts of a tape have it taken off.
_DARK_COUNTS = 108_153
_FACTORY_TIME = datetime(2015, 12, 15, 15, 25, 44, tzinfo=UTC)
_FACTORY_REPEATS = 30


class NanoScene(Scene):
    """A tape in front of the window of a NIRscan Nano.

    Raises:
        DatasetError: a NIRscan Nano cannot carry the tape's wavelengths.
    """

    def __init__(self, tape: Tape) -> None:
        super().__init__(tape)
        self.axis = column_axis(tape.wavelength_nm)

    def scan(self, repeats: int, powered_s: float, device_time: bytes) -> ScanRecord:
        """Return the record of a scan, `powered_s` seconds after the device was switched on."""
        system_c, detector_c, humidity, lamp = self._conditions(powered_s)
        return ScanRecord(
            name="Column 1",
            device_time=device_time,
            system_temperature_c=system_c,
            detector_temperature_c=detector_c,
            humidity_percent=humidity,
            lamp_photodiode=round(lamp),
            scan_index=0,
            shift_coefficients=np.zeros(3),
            axis=self.axis,
            serial=self.tape.serial,
            first_black=first_black(self.axis.patterns),
            black_period=BLACK_PERIOD,
            pga_gain=self.tape.pga_gain,
            scan_type=ScanType.COLUMN,
            config_index=0,
            config_serial=self.tape.serial.encode("ascii")[:8].ljust(8, b"\0"),
            config_name="Column 1",
            repeats=repeats,
            adc=_adc_values(self.counts),
        )

    def factory_reference(self) -> ScanRecord:
        """Return the record of the reference that the maker took, with the maker's own settings."""
        return replace(
            self.scan(_FACTORY_REPEATS, 0.0, encode_device_time(_FACTORY_TIME)),
            name="SystemTest",
            config_name="SystemTest",
            adc=_adc_values(self.white_counts()),
        )

    def empty_adc(self) -> NDArray[np.int64]:
        """Return the ADC values of a scan with nothing in front of the window."""
        return _adc_values(self._empty_counts())

    def _conditions(self, powered_s: float) -> tuple[float, float, float, float]:
        """Return °C of system and detector, %RH and the lamp reading, as recorded or else drifting."""
        tape, row = self.tape, self.row
        recorded = (
            float(tape.system_temperature_c[row]),
            float(tape.detector_temperature_c[row]),
            float(tape.humidity_percent[row]),
            float(tape.lamp_photodiode_counts[row]),
        )
        drifting = _drift(powered_s)
        if not self.shows_row:
            return drifting
        system_c, detector_c, humidity, lamp = (
            now if math.isnan(then) else then for then, now in zip(recorded, drifting, strict=True)
        )
        return system_c, detector_c, humidity, lamp


def _adc_values(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return with_black_values(np.minimum(counts + _DARK_COUNTS, int(FULL_SCALE_COUNTS) - 1), _DARK_COUNTS)


def _drift(powered_s: float) -> tuple[float, float, float, float]:
    """Warm up like a recorded unit, the lamp falling by 2.9 counts per °C."""
    system_c = warming_c(powered_s)
    return system_c, system_c - 3.0, 27.0, 3836.0 - 2.9 * (system_c - 30.5)
