"""An Ocean spectrometer: how a scan is set up, taken, checked and read."""

from collections.abc import Callable

from instruments.ocean.codec import Checksum, Message, MessageType
from instruments.ocean.dialogue import Dialogue
from instruments.ocean.payloads import decode_firmware, decode_number, decode_spectrum, decode_text
from instruments.ocean.recording import conditions_of, decode_raw_scan, record_scan
from instruments.serial_spectrometer import REPLY_TIMEOUT_S, SerialSpectrometer
from instruments.transport import ByteLink
from qc_daemon.domain.errors import ConfigError, DeviceFault, LinkTimeout, ProtocolError
from qc_daemon.domain.ports import Clock
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan, ScanConditions

_KIND = "ocean"
_ATTEMPTS_TO_SCAN = 3
_MAX_COEFFICIENTS = 16


class OceanSpectrometer(SerialSpectrometer[Dialogue]):
    """A spectrometer that speaks the Ocean Binary Protocol, as `qc_daemon.domain.ports.NirSpectrometer`.

    The lamp hangs on the device's lamp line: with it off the dark spectrum is taken, on opening and
    whenever the last one is too old.

    Args:
        link: the serial line.
        clock: measures deadlines and the age of the dark spectrum.
        integration_time_ms: how long the detector collects light.
        scans_averaged: scans that the device averages; None keeps the device's number.
        lamp_warm_up_s: how long the lamp burns before light is measured.
        dark_age_s: a dark spectrum older than this is taken anew.
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
        integration_time_ms: float = 100.0,
        scans_averaged: int | None = None,
        lamp_warm_up_s: float = 2.0,
        dark_age_s: float = 600.0,
        longest_scan_s: float = 60.0,
        stopping: Callable[[], bool] = lambda: False,
        reply_timeout_s: float = REPLY_TIMEOUT_S,
    ) -> None:
        super().__init__(
            link, "the Ocean spectrometer", lambda: Dialogue(link, clock, stopping, reply_timeout_s)
        )
        self._clock = clock
        self._integration_us = round(1000 * integration_time_ms)
        self._scans_averaged = scans_averaged
        self._lamp_warm_up_s = lamp_warm_up_s
        self._dark_age_s = dark_age_s
        self._longest_scan_s = longest_scan_s
        self._facts: tuple[Message, ...] = ()
        self._settings: tuple[Message, ...] = ()
        self._dark: Message | None = None
        self._dark_taken_s = 0.0

    def measure(self) -> Scan:
        """Measure one averaged scan: detector counts over wavelength in nm.

        Raises:
            DeviceBusy: the device is not ready.
            DeviceFault: it refused, or lost its settings.
            LinkTimeout: no reply, or the scan took longer than allowed.
            ProtocolError: what came is no scan that can be used.
            LinkLost: the device was unplugged.
        """
        self._require_settings()
        if self._clock.monotonic_s() - self._dark_taken_s > self._dark_age_s:
            self._take_dark()
        temperatures = self._temperatures()
        lit = self._spectrum()
        assert self._dark is not None
        return decode_raw_scan(record_scan([*self._facts, *self._settings, *temperatures, self._dark, lit]))

    def factory_reference(self) -> None:
        """Return None: the device holds no white reference."""
        return

    def conditions(self) -> ScanConditions:
        """Ask for the temperatures without a scan; so the device shows that it is still there.

        Raises:
            InstrumentError: see `measure`.
        """
        return conditions_of(self._temperatures())

    def _protect_replies(self) -> None:
        """Have an MD5 checksum put on every reply, and end the scan of a program that was killed."""
        self._dialogue.ask(MessageType.SET_CHECKSUM_TYPE, bytes([Checksum.MD5]))
        self._dialogue.ask_if_known(MessageType.ABORT_ACQUISITION)

    def _identify(self) -> InstrumentIdentity:
        self._protect_replies()
        ask = self._dialogue.ask
        serial = ask(MessageType.SERIAL_NUMBER)
        hardware = decode_number(ask(MessageType.HARDWARE_REVISION).data, "hardware revision")
        identity = InstrumentIdentity(
            kind=_KIND,
            model=f"Ocean spectrometer, hardware {hardware}",
            serial=decode_text(serial.data, "serial number"),
            firmware=decode_firmware(ask(MessageType.FIRMWARE_REVISION).data),
        )
        saturation = self._dialogue.ask_if_known(MessageType.SATURATION_LEVEL)
        self._facts = (serial, *([saturation] if saturation else []), *self._coefficients())
        return identity

    def _coefficients(self) -> list[Message]:
        reply = self._dialogue.ask(MessageType.WAVELENGTH_COEFFICIENT_COUNT)
        count = decode_number(reply.data, "number of wavelength coefficients")
        if not 2 <= count <= _MAX_COEFFICIENTS:
            raise ProtocolError(f"{count} wavelength coefficients, expected 2 to {_MAX_COEFFICIENTS}")
        return [
            self._dialogue.ask(MessageType.WAVELENGTH_COEFFICIENT, bytes([index])) for index in range(count)
        ]

    def _set_up(self) -> None:
        """Tell the device what it forgets when it restarts."""
        ask = self._dialogue.ask
        least = decode_number(ask(MessageType.MIN_INTEGRATION_TIME).data, "least integration time")
        greatest = decode_number(ask(MessageType.MAX_INTEGRATION_TIME).data, "greatest integration time")
        if not least <= self._integration_us <= greatest:
            raise ConfigError(
                f"spectrometer.integration_time_ms: {self._integration_us / 1000:g}; this device expects "
                f"{least / 1000:g} to {greatest / 1000:g}"
            )
        ask(MessageType.SET_INTEGRATION_TIME, self._integration_us.to_bytes(4, "little"))
        if self._scans_averaged is not None:
            ask(MessageType.SET_SCANS_TO_AVERAGE, self._scans_averaged.to_bytes(2, "little"))
        self._settings = self._read_settings()
        wanted = [self._integration_us, self._scans_averaged or self._numbers()[1]]
        if self._numbers() != wanted:
            raise DeviceFault(f"the device keeps the settings {self._numbers()} instead of {wanted}")
        self._take_dark()

    def _read_settings(self) -> tuple[Message, ...]:
        return (
            self._dialogue.ask(MessageType.INTEGRATION_TIME),
            self._dialogue.ask(MessageType.SCANS_TO_AVERAGE),
        )

    def _numbers(self) -> list[int]:
        """Return integration time in µs and scans averaged, as the device told them."""
        return [decode_number(message.data, "a setting") for message in self._settings]

    def _require_settings(self) -> None:
        """Refuse to measure with a device that has restarted since it was set up."""
        before, self._settings = self._numbers(), self._read_settings()
        if self._numbers() != before:
            raise DeviceFault(
                f"the device lost its settings: {self._numbers()} instead of {before}; "
                "reconnect to set it up again"
            )

    def _take_dark(self) -> None:
        self._switch_lamp(False)
        self._dark = self._spectrum()
        self._dark_taken_s = self._clock.monotonic_s()
        self._switch_lamp(True)
        self._dialogue.wait(self._lamp_warm_up_s)

    def _switch_lamp(self, on: bool) -> None:
        self._dialogue.ask(MessageType.SET_LAMP_ENABLED, bytes([on]))

    def _temperatures(self) -> list[Message]:
        kinds = (MessageType.ALL_TEMPERATURES, MessageType.TEC_TEMPERATURE)
        return [message for kind in kinds if (message := self._dialogue.ask_if_known(kind)) is not None]

    def _spectrum(self) -> Message:
        """Scan, and scan again only after a broken reply, for that shows that no scan is running."""
        integration_us, averaged = self._numbers()
        limit_s = max(1.5e-6 * integration_us * averaged + 3.0, self._longest_scan_s)
        for _ in range(_ATTEMPTS_TO_SCAN - 1):
            try:
                return self._one_spectrum(limit_s)
            except ProtocolError:
                self.link_counters.failed_attempts += 1
        return self._one_spectrum(limit_s)

    def _one_spectrum(self, limit_s: float) -> Message:
        try:
            spectrum = self._dialogue.ask_once(MessageType.RAW_SPECTRUM, limit_s)
        except LinkTimeout:
            self._dialogue.ask_if_known(MessageType.ABORT_ACQUISITION)
            raise
        decode_spectrum(spectrum.data)
        return spectrum
