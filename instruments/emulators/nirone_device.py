"""The inside of an emulated NIRONE Sensor: what it knows, does and answers; time is passed in."""

import math
import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.lamp_bench import LAMP_FAULTS, light
from instruments.emulators.scene import Scene, warming_c
from instruments.emulators.tape import Tape

DEVICE_FAULTS = LAMP_FAULTS | {
    "slow_scan": "scans take VALUE times as long as estimated (16)",
    "saturated": "the detector clips",
    "dead_points": "every tenth point reads 0",
    "all_zero": "every point reads 0",
    "nan": "the first point is no number",
    "other_axis": "the sensor's range is that of another unit",
}

_MOST_POINTS = 512
_WHITE_COUNTS = 50_000.0  # of the white tile's brightest band at full lamp power
_DARK_COUNTS = 800.0
_DARK_PER_C = 2.0
_NOISE_COUNTS = 3.0
_USUAL_POINTS = 101  # the scan time that the emulator is started with is that of this many points
_USUAL_AVERAGED = 10
_WARM_UP_MS = 500
_FIRMWARE, _TYPE, _HARDWARE = "1.0", "NIRONE Sensor", "1"

_WAVELENGTH = re.compile(r"W(\d{1,3}),(\d{3,4}(?:\.\d{1,3})?)")
_AVERAGING = re.compile(r"V(\d{1,4}),(\d{1,4})")
_LAMP = re.compile(r"LI(\d{1,3})")
_BLOCK = re.compile(r"Xm0,(\d{1,3})")


class Refused(Exception):
    """The sensor does not know the command or cannot obey now."""


@dataclass(slots=True)
class _Memory:
    """What the sensor forgets when it restarts."""

    started_s: float
    wavelengths_nm: dict[int, float] = field(default_factory=dict)
    averaged: int = 1
    lamp_percent: int = 0
    lamp_on_s: float = 0.0
    counts: NDArray[np.float32] | None = None


class NironeDevice:
    """State of the sensor, and what it answers at once; `measure` is what takes time.

    Args:
        tape: what there is to see; the sensor's range is that of the tape.
        scan_time_s: how long a scan of 101 points takes that averages 10 scans. If it is 0, so is the time
            that the lamp needs.
        faults: consulted at each step.
        now_s: seconds of a clock that runs forward.
    """

    def __init__(self, tape: Tape, scan_time_s: float, faults: ActiveFaults, now_s: float) -> None:
        self.scene = Scene(tape)
        self._tape = tape
        self._scan_time_s = scan_time_s
        self._faults = faults
        self._noise = np.random.default_rng(len(tape.names))
        self._memory = _Memory(now_s)

    def restart(self, now_s: float) -> None:
        """Forget settings and data, as after a loss of power."""
        self._memory = _Memory(now_s)

    def scan_seconds(self) -> float:
        """Return how long a scan takes now."""
        return self._estimated_s() * (self._faults.value("slow_scan", default=16.0) or 1.0)

    def answer(self, command: str, now_s: float) -> bytes:
        """Return the answer to a command: a line with its end, or the data of the last scan.

        Raises:
            Refused: the sensor does not know the command or cannot obey.
        """
        if block := _BLOCK.fullmatch(command):
            return self._block(int(block[1]))
        line = self._value(command, now_s) or self._obey(command, now_s)
        return line.encode("ascii") + b"\r\n"

    def measure(self, now_s: float) -> None:
        """Take a scan that begins now.

        Raises:
            Refused: no wavelengths are set.
        """
        memory = self._memory
        axis_nm = np.array([nm for _, nm in sorted(memory.wavelengths_nm.items())])
        if not axis_nm.size:
            raise Refused
        warmer_c = self._temperature_c(now_s) - 30.0
        counts = _DARK_COUNTS + _DARK_PER_C * warmer_c + self._lit_counts(axis_nm, now_s)
        counts += self._noise.normal(0.0, _NOISE_COUNTS / np.sqrt(memory.averaged), axis_nm.size)
        memory.counts = self._spoilt(counts).astype(np.float32)

    def _value(self, command: str, now_s: float) -> str | None:
        first, last = self._range_nm()
        values = {
            "!": "NIRONE",
            "h0": f"Sensor type: {_TYPE}",
            "h1": f"Hardware version: {_HARDWARE}",
            "h2": f"Serial number: {self._tape.serial}",
            "h3": f"Minimum wavelength: {first:.1f}",
            "h4": f"Maximum wavelength: {last:.1f}",
            "i": f"Firmware version: {_FIRMWARE}",
            "m": f"Number of wavelengths: {len(self._memory.wavelengths_nm)}",
            "E0": f"Measurement time: {round(1000 * self._estimated_s())}",
            "Lt": f"Lamp warm-up time: {_WARM_UP_MS if self._scan_time_s > 0 else 0}",
            "St": f"Temperature: {self._temperature_c(now_s):.2e}",
        }
        return values.get(command)

    def _obey(self, command: str, now_s: float) -> str:
        memory = self._memory
        if wavelength := _WAVELENGTH.fullmatch(command):
            self._set_wavelength(int(wavelength[1]), float(wavelength[2]))
        elif (averaging := _AVERAGING.fullmatch(command)) and int(averaging[2]) > 0:
            memory.averaged = int(averaging[2])
        elif (lamp := _LAMP.fullmatch(command)) and int(lamp[1]) <= 100:
            if memory.lamp_percent == 0:
                memory.lamp_on_s = now_s
            memory.lamp_percent = int(lamp[1])
        elif command not in ("LM0", "LM1"):
            raise Refused
        return "OK"

    def _set_wavelength(self, index: int, wavelength_nm: float) -> None:
        first, last = self._range_nm()
        if index >= _MOST_POINTS or not first - 0.1 <= wavelength_nm <= last + 0.1:
            raise Refused
        self._memory.wavelengths_nm[index] = wavelength_nm

    def _block(self, points: int) -> bytes:
        counts = self._memory.counts
        if counts is None or points > counts.size:
            raise Refused
        return counts[:points].astype("<f4").tobytes()

    def _range_nm(self) -> tuple[float, float]:
        first, last = float(self._tape.wavelength_nm[0]), float(self._tape.wavelength_nm[-1])
        return first, last - (20.0 if self._faults.value("other_axis") else 0.0)

    def _estimated_s(self) -> float:
        memory = self._memory
        work = len(memory.wavelengths_nm) * memory.averaged / (_USUAL_POINTS * _USUAL_AVERAGED)
        return self._scan_time_s * work

    def _temperature_c(self, now_s: float) -> float:
        return warming_c(now_s - self._memory.started_s)

    def _lit_counts(self, axis_nm: NDArray[np.float64], now_s: float) -> NDArray[np.float64]:
        memory = self._memory
        if memory.lamp_percent == 0:
            return np.zeros(axis_nm.size)
        lit_s = now_s - memory.lamp_on_s if self._scan_time_s > 0 else math.inf
        seen = light(self.scene, axis_nm, lit_s, now_s - memory.started_s, self._faults)
        return _WHITE_COUNTS * memory.lamp_percent / 100 * seen

    def _spoilt(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        faults = self._faults
        if faults.value("saturated") and self._memory.lamp_percent:
            counts = np.minimum(counts, counts.max() / 2)
        if faults.value("dead_points"):
            counts[::10] = 0.0
        if faults.value("all_zero"):
            counts = np.zeros(counts.size)
        if faults.value("nan"):
            counts[0] = np.nan
        return counts
