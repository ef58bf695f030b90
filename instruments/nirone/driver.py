"""The NIRONE Sensor as a spectrometer: how a scan is set up, taken, checked and read."""

from collections.abc import Callable

import numpy as np

from instruments.nirone.codec import (
    MAX_POINTS,
    block_command,
    decode_number,
    decode_value,
    wavelength_command,
)
from instruments.nirone.dialogue import Dialogue
from instruments.nirone.recording import Exchange, decode_raw_scan, record_scan
from instruments.serial_spectrometer import REPLY_TIMEOUT_S, SerialSpectrometer
from instruments.transport import ByteLink
from qc_daemon.domain.errors import DeviceFault, ProtocolError
from qc_daemon.domain.ports import Clock
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan, ScanConditions

_KIND = "nirone"
_LAMP_OFF = "LI0"
_LONGEST_WARM_UP_S = 30.0
# The estimate depends on the number of points and on averaging; a restarted sensor has lost both.
_ESTIMATE_TOLERANCE = 0.05


class NironeSensor(SerialSpectrometer[Dialogue]):
    """A Spectral Engines NIRONE Sensor on a serial line, as `qc_daemon.domain.ports.NirSpectrometer`.

    With the lamp off the dark level is measured, on opening and whenever the last one is too old.

    Args:
        link: the serial line.
        clock: measures deadlines and the age of the dark level.
        step_nm: distance of the points; they run over the whole range of the sensor.
        scans_averaged: scans that the sensor averages.
        lamp_percent: power of the lamp, 1 to 100.
        dark_age_s: a dark level older than this is measured anew.
        longest_scan_s: a scan is waited for at least this long.
        stopping: tells whether the station wants to stop; then the wait ends with an error within half
            a second.
        reply_timeout_s: how long any reply is waited for.
    """

    def __init__(
        self,
        link: ByteLink,
        clock: Clock,
        *,
        step_nm: float = 4.0,
        scans_averaged: int = 10,
        lamp_percent: int = 100,
        dark_age_s: float = 600.0,
        longest_scan_s: float = 60.0,
        stopping: Callable[[], bool] = lambda: False,
        reply_timeout_s: float = REPLY_TIMEOUT_S,
    ) -> None:
        super().__init__(link, "the NIRONE Sensor", lambda: Dialogue(link, clock, stopping, reply_timeout_s))
        self._clock = clock
        self._step_nm = step_nm
        self._averaging = f"V1,{scans_averaged}"
        self._lamp_on = f"LI{lamp_percent}"
        self._dark_age_s = dark_age_s
        self._longest_scan_s = longest_scan_s
        self._points = 0
        self._estimated_s = 0.0
        self._facts: list[Exchange] = []
        self._dark: list[Exchange] = []
        self._dark_taken_s = 0.0

    def measure(self) -> Scan:
        """Measure one averaged scan: detector counts over wavelength in nm.

        Raises:
            DeviceFault: the sensor refused, or lost its settings.
            LinkTimeout: no answer, or the scan took longer than allowed.
            ProtocolError: what came is no scan that can be used.
            LinkLost: the sensor was unplugged.
        """
        self._require_settings()
        if self._clock.monotonic_s() - self._dark_taken_s > self._dark_age_s:
            self._take_dark()
        return decode_raw_scan(record_scan([*self._facts, *self._dark, *self._scan(self._lamp_on)]))

    def factory_reference(self) -> None:
        """Return None: the sensor holds no white reference."""
        return

    def conditions(self) -> ScanConditions:
        """Ask for the temperature without a scan; so the sensor shows that it is still there.

        Raises:
            InstrumentError: see `measure`.
        """
        return ScanConditions(system_temperature_c=decode_number(self._value("St"), "temperature"))

    def _identify(self) -> InstrumentIdentity:
        serial = self._asked("h2")
        self._facts = [serial]
        return InstrumentIdentity(
            kind=_KIND,
            model=self._value("h0"),
            serial=decode_value(serial.answer.decode("ascii"), "the answer to h2")[1],
            firmware=self._value("i"),
        )

    def _set_up(self) -> None:
        """Tell the sensor what it forgets when it restarts."""
        commands = [wavelength_command(index, nm) for index, nm in enumerate(self._axis_nm())]
        self._points = len(commands)
        self._facts += map(self._told, (*commands, self._averaging))
        self._dialogue.tell("LM0")  # the lamp obeys the host, not the sensor's own automatic
        self._estimated_s = self._estimate_s()
        self._take_dark()

    def _axis_nm(self) -> list[float]:
        """Return the wavelengths of the points: even steps over the sensor's range, to 0.1 nm."""
        low = decode_number(self._value("h3"), "least wavelength")
        high = decode_number(self._value("h4"), "greatest wavelength")
        if not 300.0 <= low < high <= 5000.0:
            raise ProtocolError(f"the sensor's range is {low:g} to {high:g} nm, expected 300 to 5000 at most")
        points = min(int((high - low) / self._step_nm) + 1, MAX_POINTS)
        return [round(float(nm), 1) for nm in np.linspace(low, high, max(points, 2))]

    def _require_settings(self) -> None:
        """Refuse to measure with a sensor that has restarted since it was set up."""
        estimate_s = self._estimate_s()
        if abs(estimate_s - self._estimated_s) > _ESTIMATE_TOLERANCE * self._estimated_s:
            raise DeviceFault(
                f"the sensor lost its settings: it estimates {estimate_s:g} s for a scan, before "
                f"{self._estimated_s:g} s; reconnect to set it up again"
            )

    def _estimate_s(self) -> float:
        """Return how long the sensor thinks that a scan takes, in s."""
        return decode_number(self._value("E0"), "estimated measurement time") / 1000.0

    def _take_dark(self) -> None:
        self._dark = self._scan(_LAMP_OFF)
        self._dark_taken_s = self._clock.monotonic_s()
        self._dialogue.tell(self._lamp_on)
        # The unit is not documented; other times of this sensor are in ms.
        warm_up_s = decode_number(self._value("Lt"), "lamp warm-up time") / 1000.0
        self._dialogue.wait(min(max(warm_up_s, 0.0), _LONGEST_WARM_UP_S))

    def _scan(self, lamp: str) -> list[Exchange]:
        lit, temperature = self._told(lamp), self._asked("St")
        limit_s = max(2.0 * self._estimated_s + 1.0, self._longest_scan_s)
        self._dialogue.run("XM", self._estimated_s, limit_s)
        block = self._dialogue.read_block(self._points)
        return [lit, temperature, Exchange(block_command(self._points), block)]

    def _value(self, command: str) -> str:
        return decode_value(self._dialogue.ask(command), f"the answer to {command}")[1]

    def _asked(self, command: str) -> Exchange:
        return Exchange(command, self._dialogue.ask(command).encode("ascii"))

    def _told(self, command: str) -> Exchange:
        return Exchange(command, self._dialogue.tell(command).encode("ascii"))
