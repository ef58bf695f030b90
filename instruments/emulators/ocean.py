"""An Ocean spectrometer without hardware: `python -m instruments.emulators.ocean --tape scans.npz`."""

import sys

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.ocean_device import DEVICE_FAULTS, OceanDevice
from instruments.emulators.ocean_serial import SERIAL_FAULTS, OceanSerial
from instruments.emulators.serial_process import Emulated, emulate
from instruments.emulators.tape import Tape


def _build(tape: Tape, scan_time_s: float | None, faults: ActiveFaults, now_s: float) -> OceanSerial:
    return OceanSerial(OceanDevice(tape, scan_time_s, faults, now_s), faults)


OCEAN = Emulated("ocean", DEVICE_FAULTS | SERIAL_FAULTS, None, _build)

if __name__ == "__main__":
    sys.exit(emulate(OCEAN))
