"""A NIRONE Sensor without hardware: `python -m instruments.emulators.nirone --tape scans.npz`."""

import sys

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.nirone_device import DEVICE_FAULTS, NironeDevice
from instruments.emulators.nirone_serial import SERIAL_FAULTS, NironeSerial, command_number
from instruments.emulators.serial_process import Emulated, emulate
from instruments.emulators.tape import Tape


def _build(tape: Tape, scan_time_s: float | None, faults: ActiveFaults, now_s: float) -> NironeSerial:
    return NironeSerial(NironeDevice(tape, scan_time_s or 0.0, faults, now_s), faults)


NIRONE = Emulated("nirone", DEVICE_FAULTS | SERIAL_FAULTS, 1.0, _build, command_number)

if __name__ == "__main__":
    sys.exit(emulate(NIRONE))
