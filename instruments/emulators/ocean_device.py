"""The inside of an emulated Ocean spectrometer: what it knows, does and answers; time is passed in."""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.lamp_bench import LAMP_FAULTS, light
from instruments.emulators.scene import Scene, warming_c
from instruments.emulators.tape import Tape
from instruments.ocean.codec import MessageType
from instruments.ocean.payloads import wavelengths_nm

DEVICE_FAULTS = LAMP_FAULTS | {
    "slow_scan": "scans take VALUE times as long as the settings say (16)",
    "saturated": "the detector clips",
    "dead_pixels": "every tenth pixel reads 0",
    "other_axis": "the wavelength coefficients are those of another unit",
    "no_temperature": "the device has no temperature sensors",
}

PIXELS = 1024
SATURATION = 65535
_WHITE_COUNTS = 45_000.0  # of the white tile's brightest band at the integration time below
_WHITE_US = 100_000
_DARK_COUNTS = 1500.0
_DARK_PER_C = 4.0
_NOISE_COUNTS = 3.0
_LEAST_US, _GREATEST_US = 10, 10_000_000
_POWER_ON_US = 10_000
_COEFFICIENTS = 4
_CURVATURE = 0.03  # of the axis: a grating's is not quite straight
_FIRMWARE, _HARDWARE = 0x0123, 2


class Refused(Exception):
    """The device answers with an error number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(slots=True)
class _Memory:
    """What the device forgets when it restarts."""

    started_s: float
    lamp_on_s: float | None = None
    integration_us: int = _POWER_ON_US
    averaged: int = 1


class OceanDevice:
    """State of the device, and what it answers at once; `take_spectrum` is what takes time.

    Args:
        tape: what there is to see.
        scan_time_s: how long a scan takes; None for integration time times scans averaged. If it is 0, so
            is the time that the lamp needs.
        faults: consulted at each step.
        now_s: seconds of a clock that runs forward.
    """

    def __init__(self, tape: Tape, scan_time_s: float | None, faults: ActiveFaults, now_s: float) -> None:
        self.scene = Scene(tape)
        self._tape = tape
        self._scan_time_s = scan_time_s
        self._faults = faults
        self._noise = np.random.default_rng(len(tape.names))
        self._memory = _Memory(now_s)
        self._sets: dict[int, tuple[int, Callable[[int, float], None]]] = {
            MessageType.SET_INTEGRATION_TIME: (4, self._set_integration),
            MessageType.SET_SCANS_TO_AVERAGE: (2, self._set_averaged),
            MessageType.SET_LAMP_ENABLED: (1, self._set_lamp),
        }

    def restart(self, now_s: float) -> None:
        """Forget settings, as after a loss of power."""
        self._memory = _Memory(now_s)

    def scan_seconds(self) -> float:
        """Return how long a scan takes now."""
        own = self._memory.integration_us * self._memory.averaged / 1e6
        slowness = self._faults.value("slow_scan", default=16.0) or 1.0
        return slowness * (own if self._scan_time_s is None else self._scan_time_s)

    def answer(self, kind: int, data: bytes, now_s: float) -> bytes:
        """Return the data of the reply to a request.

        Raises:
            Refused: the device does not know the message or cannot obey.
        """
        if kind in self._sets:
            size, obey = self._sets[kind]
            if len(data) != size:
                raise Refused(5)
            obey(int.from_bytes(data, "little"), now_s)
            return b""
        for part in (self._identity, self._setting, self._sensor):
            reply = part(kind, data, now_s)
            if reply is not None:
                return reply
        raise Refused(2)

    def take_spectrum(self, now_s: float) -> bytes:
        """Return the counts of a scan that begins now."""
        memory = self._memory
        counts = _DARK_COUNTS + _DARK_PER_C * (self._temperature_c(now_s) - 30.0) + self._lit_counts(now_s)
        counts += self._noise.normal(0.0, _NOISE_COUNTS / np.sqrt(memory.averaged), PIXELS)
        if self._faults.value("saturated") and memory.lamp_on_s is not None:
            counts = np.where(counts > counts.max() / 2, SATURATION, counts)
        if self._faults.value("dead_pixels"):
            counts[::10] = 0
        spectrum: bytes = np.clip(np.rint(counts), 0, SATURATION).astype("<u2").tobytes()
        return spectrum

    def _identity(self, kind: int, data: bytes, _now_s: float) -> bytes | None:
        match kind:
            case MessageType.SERIAL_NUMBER:
                return self._tape.serial.encode("ascii")
            case MessageType.FIRMWARE_REVISION:
                return struct.pack("<H", _FIRMWARE)
            case MessageType.HARDWARE_REVISION:
                return bytes([_HARDWARE])
            case MessageType.WAVELENGTH_COEFFICIENT_COUNT:
                return bytes([_COEFFICIENTS])
            case MessageType.WAVELENGTH_COEFFICIENT:
                if len(data) != 1 or data[0] >= _COEFFICIENTS:
                    raise Refused(6)
                return struct.pack("<f", self._coefficients()[data[0]])
            case MessageType.SATURATION_LEVEL:
                return struct.pack("<I", SATURATION)
        return None

    def _setting(self, kind: int, _data: bytes, _now_s: float) -> bytes | None:
        memory = self._memory
        match kind:
            case MessageType.INTEGRATION_TIME:
                return struct.pack("<I", memory.integration_us)
            case MessageType.MIN_INTEGRATION_TIME:
                return struct.pack("<I", _LEAST_US)
            case MessageType.MAX_INTEGRATION_TIME:
                return struct.pack("<I", _GREATEST_US)
            case MessageType.SCANS_TO_AVERAGE:
                return struct.pack("<H", memory.averaged)
            case MessageType.LAMP_ENABLED:
                return bytes([memory.lamp_on_s is not None])
        return None

    def _sensor(self, kind: int, _data: bytes, now_s: float) -> bytes | None:
        if kind == MessageType.ALL_TEMPERATURES and not self._faults.value("no_temperature"):
            board = self._temperature_c(now_s)
            return struct.pack("<2f", board, board + 6.0)
        return None

    def _temperature_c(self, now_s: float) -> float:
        return warming_c(now_s - self._memory.started_s)

    def _lit_counts(self, now_s: float) -> NDArray[np.float64]:
        memory = self._memory
        if memory.lamp_on_s is None:
            return np.zeros(PIXELS)
        axis_nm = wavelengths_nm(self._coefficients(), PIXELS)
        lit_s = now_s - memory.lamp_on_s if self._scan_time_s != 0 else math.inf
        exposure = memory.integration_us / _WHITE_US
        seen = light(self.scene, axis_nm, lit_s, now_s - memory.started_s, self._faults)
        return _WHITE_COUNTS * exposure * seen

    def _coefficients(self) -> tuple[float, ...]:
        """Return a slightly bent axis from the first to the last wavelength of the tape."""
        first, last = float(self._tape.wavelength_nm[0]), float(self._tape.wavelength_nm[-1])
        if self._faults.value("other_axis"):
            first += 2.0
        span, steps = last - first, PIXELS - 1
        return first, (1.0 + _CURVATURE) * span / steps, -_CURVATURE * span / steps**2, 0.0

    def _set_integration(self, value_us: int, _now_s: float) -> None:
        if not _LEAST_US <= value_us <= _GREATEST_US:
            raise Refused(6)
        self._memory.integration_us = value_us

    def _set_averaged(self, count: int, _now_s: float) -> None:
        if count == 0:
            raise Refused(6)
        self._memory.averaged = count

    def _set_lamp(self, value: int, now_s: float) -> None:
        if value and self._memory.lamp_on_s is None:
            self._memory.lamp_on_s = now_s
        elif not value:
            self._memory.lamp_on_s = None
