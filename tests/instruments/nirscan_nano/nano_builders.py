"""Small records of the NIRscan Nano for tests."""

from dataclasses import replace
from typing import Any

import numpy as np

from instruments.emulators.tape import Tape
from instruments.nirscan_nano.axis import ColumnAxis
from instruments.nirscan_nano.scan_container import ScanRecord, first_black, with_black_values

# Coefficients as a device may have them.
AXIS = ColumnAxis(1780.5, -0.92, -0.00023, 900, 1700, 228, 6)


def a_record(**changes: Any) -> ScanRecord:
    """A column scan of 228 patterns with counts 200000, 200010, ... over a dark level of 100000."""
    counts = 200_000 + 10 * np.arange(228)
    record = ScanRecord(
        name="Column 1",
        device_time=bytes((26, 11, 24, 2, 10, 30, 0)),
        system_temperature_c=31.25,
        detector_temperature_c=-2.5,
        humidity_percent=40.5,
        lamp_photodiode=3803,
        scan_index=7,
        shift_coefficients=np.array([-11.25, 0.0785, -0.00015]),
        axis=AXIS,
        serial="1234567",
        first_black=first_black(228),
        black_period=25,
        pga_gain=64,
        scan_type=0,
        config_index=5,
        config_serial=b"1234567\0",
        config_name="Column 1",
        repeats=6,
        adc=with_black_values(counts, 100_000),
    )
    return replace(record, **changes)


def a_tape(rows: int = 3, bands: int = 228) -> Tape:
    """A tape of `rows` scans that differ in every band, against a hump-shaped white reference."""
    wavelength_nm = np.linspace(900.0, 1700.0, bands)
    white = np.rint(300_000 + 250_000 * np.sin(np.linspace(0.3, 2.8, bands))).astype(np.int64)
    shares = np.linspace(0.4, 0.8, rows)[:, np.newaxis] + 0.1 * np.cos(np.arange(bands) / 9.0)
    unknown = np.full(rows, np.nan)
    return Tape(
        wavelength_nm=wavelength_nm,
        sample_counts=np.rint(white * shares).astype(np.int64),
        reference_counts=white[np.newaxis],
        reference_index=np.zeros(rows, dtype=np.int64),
        system_temperature_c=unknown,
        detector_temperature_c=unknown,
        humidity_percent=unknown,
        lamp_photodiode_counts=unknown,
        names=tuple(f"specimen {row}" for row in range(rows)),
        serial="EM-0042",
        pga_gain=64,
        repeats=6,
    )
