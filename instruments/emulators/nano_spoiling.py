"""What can be wrong with the scans of an emulated NIRscan Nano, however well they travel."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from instruments.emulators.faults import ActiveFaults
from instruments.nirscan_nano.scan_container import FULL_SCALE_COUNTS, ScanRecord, ScanType

SCAN_FAULTS = {
    "saturated": "the detector clips",
    "dead_pixels": "every other wavelength reads the dark level",
    "all_zero": "the converter gives zeros only",
    "lamp_off": "no light: the counts stay at the dark level",
    "lamp_dim": "the lamp gives VALUE of its light (0.5), and its monitor says so",
    "lamp_monitor_dip": "the lamp monitor reads VALUE (904), the light is as ever",
    "no_specimen": "nothing lies in front of the window, whatever is presented",
    "ambient_light": "light from outside adds VALUE of the brightest counts (0.2)",
    "other_axis": "the wavelength coefficients are those of another unit",
    "other_unit": "another unit is there: the last letter of the serial number is the next one",
    "end_in_data": "scans are named DCBA, as the end of a frame",
    "hadamard_active": "the active configuration is a Hadamard scan",
}
HADAMARD_NAME = "Hadamard 1"

_AXIS_SHIFT_NM = 2.0


def spoilt_scan(record: ScanRecord, empty_adc: NDArray[np.int64], faults: ActiveFaults) -> ScanRecord:
    """Return what the device makes of a good scan under the active faults.

    Args:
        record: the good scan.
        empty_adc: (n,) ADC values of a window with nothing in front of it.
        faults: the active faults.
    """
    axis, name = record.axis, record.name
    if faults.value("other_axis"):
        axis = replace(axis, c0=axis.c0 + _AXIS_SHIFT_NM)
    if faults.value("end_in_data"):
        name = "DCBA" * 4
    if faults.value("hadamard_active"):
        record = replace(record, scan_type=ScanType.HADAMARD, config_index=1, config_name=HADAMARD_NAME)
    adc = empty_adc if faults.value("no_specimen") else record.adc
    return replace(
        record,
        axis=axis,
        name=name,
        serial=serial_now(record.serial, faults),
        lamp_photodiode=monitored(record.lamp_photodiode, faults),
        adc=_spoilt_adc(adc, record, faults),
    )


def serial_now(serial: str, faults: ActiveFaults) -> str:
    """Return the serial number that the device tells."""
    if not faults.value("other_unit"):
        return serial
    return serial[:-1] + chr((ord(serial[-1]) - 0x20) % 94 + 0x21)  # the next letter that can be printed


def monitored(photodiode: int, faults: ActiveFaults) -> int:
    """Return what the lamp monitor reads where a healthy one reads `photodiode`."""
    if faults.value("lamp_off"):
        return 0
    dipped = faults.value("lamp_monitor_dip", default=904.0)
    if dipped is not None:
        return round(dipped)
    return round(photodiode * (faults.value("lamp_dim", default=0.5) or 1.0))


def amplified(record: ScanRecord, gain: int) -> ScanRecord:
    """Return the scan as it comes out with another gain: all counts in proportion, up to full scale."""
    adc = np.minimum(record.adc * gain // record.pga_gain, int(FULL_SCALE_COUNTS) - 1)
    return replace(record, pga_gain=gain, adc=adc)


def _spoilt_adc(adc: NDArray[np.int64], record: ScanRecord, faults: ActiveFaults) -> NDArray[np.int64]:
    """Return (n,) ADC values with all that is wrong with the light and the detector."""
    black = int(adc[record.first_black])
    brightest = int(adc.max())
    dim = faults.value("lamp_dim", default=0.5)
    if faults.value("lamp_off"):
        dim = 0.0
    if dim is not None:
        adc = black + np.rint((adc - black) * dim).astype(np.int64)
    ambient = faults.value("ambient_light", default=0.2)
    if ambient is not None:
        behind = np.arange(adc.size) - record.first_black
        lit = (behind < 0) | (behind % record.black_period != 0)
        added = round(ambient * (brightest - black))
        adc = np.where(lit, np.minimum(adc + added, int(FULL_SCALE_COUNTS) - 1), adc)
    if faults.value("dead_pixels"):
        adc = adc.copy()
        adc[::2] = black
    if faults.value("saturated"):
        limit = (adc.min() + adc.max()) // 2
        adc = np.where(adc > limit, int(FULL_SCALE_COUNTS) - 1, adc)
    return np.zeros_like(adc) if faults.value("all_zero") else adc
