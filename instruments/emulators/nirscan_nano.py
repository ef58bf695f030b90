"""A NIRscan Nano without hardware: `python -m instruments.emulators.nirscan_nano --tape scans.npz`."""

import sys

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.nano_device import DEVICE_FAULTS, NanoDevice
from instruments.emulators.nano_uart import UART_FAULTS, NanoUart
from instruments.emulators.serial_process import Emulated, emulate
from instruments.emulators.tape import Tape


def _build(tape: Tape, scan_time_s: float | None, faults: ActiveFaults, now_s: float) -> NanoUart:
    return NanoUart(NanoDevice(tape, scan_time_s or 0.0, faults, now_s), faults)


NANO = Emulated("nirscan_nano", DEVICE_FAULTS | UART_FAULTS, 2.7, _build)

if __name__ == "__main__":
    sys.exit(emulate(NANO))
