"""The NIRscan Nano as a spectrometer: how a scan is set up, taken, checked and read."""

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from instruments.nirscan_nano.codec import Command
from instruments.nirscan_nano.dialogue import Dialogue
from instruments.nirscan_nano.payloads import (
    DeviceStatus,
    FileType,
    decode_error_status,
    decode_firmware,
    decode_hundredths,
    decode_lamp_monitor,
    decode_text,
    decode_unsigned,
    encode_device_time,
)
from instruments.nirscan_nano.scan_container import ScanRecord, decode_scan, scan_of
from instruments.serial_spectrometer import REPLY_TIMEOUT_S, SerialSpectrometer
from instruments.transport import ByteLink
from qc_daemon.domain.errors import (
    DeviceBusy,
    DeviceFault,
    InstrumentError,
    LinkTimeout,
    ProtocolError,
)
from qc_daemon.domain.ports import Clock
from qc_daemon.domain.spectrum import InstrumentIdentity, Scan, ScanConditions

_KIND = "nirscan-nano"
_POLL_S = 0.1
_SHORTEST_POLL_S = 0.01
_POLLS_OF_LATE = 20  # a scan that is late is asked for after each twentieth of its delay
_MAX_FILE_SIZE = 65536  # a scan has 3822 bytes
_ATTEMPTS_TO_START = 3


class NirscanNano(SerialSpectrometer[Dialogue]):
    """A TI NIRscan Nano on a serial line, as `qc_daemon.domain.ports.NirSpectrometer`.

    Args:
        link: the serial line.
        clock: sets the device's clock and measures deadlines.
        config_index: which stored scan configuration to make active; None keeps the active one.
        repeats: scans that the device averages; None keeps the configuration's number.
        pga_gain: gain of its amplifier, 1 to 64; None lets the device choose one for each scan.
        lamp_stays_on: keep the lamp on between scans. It saves 0.9 s a scan and keeps the lamp at one
            temperature, at the cost of its life; if not, the device switches it for each scan.
        longest_scan_s: a scan that the device reports as running is waited for at least this long.
            Recorded streams hold a scan of 39.9 s among others of 2.7 s.
        stopping: tells whether the station wants to stop; then the wait ends with an error within half
            a second.
        reply_timeout_s: how long any reply is waited for.
    """

    def __init__(
        self,
        link: ByteLink,
        clock: Clock,
        *,
        config_index: int | None = None,
        repeats: int | None = None,
        pga_gain: int | None = None,
        lamp_stays_on: bool = False,
        longest_scan_s: float = 60.0,
        stopping: Callable[[], bool] = lambda: False,
        reply_timeout_s: float = REPLY_TIMEOUT_S,
    ) -> None:
        super().__init__(link, "the NIRscan Nano", lambda: Dialogue(link, clock, stopping, reply_timeout_s))
        self._clock = clock
        self._config_index = config_index
        self._repeats = repeats
        self._pga_gain = pga_gain
        self._lamp_stays_on = lamp_stays_on
        self._longest_scan_s = longest_scan_s
        self._estimated_s = 0.0
        self._last: Scan | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lamp_stays_on and error is None:
            with suppress(InstrumentError):  # leaving must not fail; without power the lamp is off anyway
                self._dialogue.ask_once(Command.SWITCH_LAMP, bytes((False, False)))
                self._dialogue.ask_once(Command.KEEP_LAMP, bytes((False,)))
        super().__exit__(kind, error, trace)

    def measure(self) -> Scan:
        """Measure one averaged scan: detector counts over wavelength in nm.

        Raises:
            DeviceBusy: the device is at work on a scan that was not asked for here.
            DeviceFault: it refused, reported an error of its own, lost its settings, or handed out the
                scan before this one again.
            LinkTimeout: no reply, or the scan took longer than allowed.
            ProtocolError: what came is no scan that can be used.
            LinkLost: the device was unplugged.
        """
        self._start_scan()
        self._await_scan()
        self._require_no_error()
        scan = self._read_scan(FileType.SCAN)
        self._require_this_unit(scan)
        if self._last is None:
            self._require_as_told(scan)
        self._require_new(scan)
        self._last = scan
        return scan

    def conditions(self) -> ScanConditions:
        """Ask for temperatures and humidity, and for the lamp if it stays on; None for a sensor that fails.

        Raises:
            LinkTimeout: no reply.
            LinkLost: the device was unplugged.
        """
        temperature = self._readings(Command.TEMPERATURE, "temperature", -40.0, 125.0)
        humidity = self._readings(Command.HUMIDITY, "humidity", -40.0, 125.0)
        lamp = decode_lamp_monitor(self._dialogue.ask(Command.PHOTODETECTOR)) if self._lamp_stays_on else None
        return ScanConditions(
            system_temperature_c=temperature[0] if temperature else None,
            detector_temperature_c=temperature[1] if temperature else None,
            humidity_percent=humidity[1] if humidity else None,
            lamp_photodiode_counts=lamp,
        )

    def factory_reference(self) -> Scan:
        """Return the white reference scan that the maker stored in the device.

        Raises:
            InstrumentError: see `measure`.
        """
        return self._read_scan(FileType.FACTORY_REFERENCE)

    def _identify(self) -> InstrumentIdentity:
        ask = self._dialogue.ask
        firmware = decode_firmware(ask(Command.VERSION))
        serial = decode_text(ask(Command.SERIAL_NUMBER), "serial number")
        try:
            model = decode_text(ask(Command.MODEL_NAME), "model name")
        except (DeviceFault, ProtocolError):
            model = "NIRscan Nano"  # firmware before 2.1.0 does not know the command; others have no name
        return InstrumentIdentity(_KIND, model, serial, firmware)

    def _set_up(self) -> None:
        """Tell the device what it forgets when it restarts, and ask how long a scan takes."""
        ask = self._dialogue.ask
        self._last = None
        self._estimated_s = self._estimate_s()
        if self._scan_running():
            self._await_scan()  # of a program that ended before its scan did
        ask(Command.RESET_ERRORS)
        ask(Command.SET_HIBERNATE, b"\0")
        with suppress(DeviceFault):  # a scan is dated by the station; the device's own time is only compared
            ask(Command.SET_CLOCK, encode_device_time(self._clock.now()))
        if self._config_index is not None:
            ask(Command.SET_ACTIVE_CONFIG, bytes([self._config_index]))
        if self._repeats is not None:
            ask(Command.SET_REPEATS, self._repeats.to_bytes(2, "little"))
        if self._pga_gain is not None:
            ask(Command.SET_FIXED_PGA, bytes((True, self._pga_gain)))
        if self._lamp_stays_on:
            ask(Command.KEEP_LAMP, bytes((True,)))
            ask(Command.SWITCH_LAMP, bytes((True, True)))
        self._estimated_s = self._estimate_s()

    def _estimate_s(self) -> float:
        """Return how long the device thinks that a scan takes with its present settings, in s."""
        return decode_unsigned(self._dialogue.ask(Command.SCAN_TIME), 4, "estimated scan time") / 1000.0

    def _readings(
        self, command: Command, what: str, least: float, greatest: float
    ) -> tuple[float, float] | None:
        """Return two readings of a sensor; None if it fails, which costs no scan."""
        try:
            return decode_hundredths(self._dialogue.ask(command), what, least, greatest)
        except (DeviceFault, DeviceBusy, ProtocolError):
            return None

    def _start_scan(self) -> None:
        """Start a scan, and never a second one: after a lost reply the device is asked what it does."""
        refusal: InstrumentError | None = None
        for _ in range(_ATTEMPTS_TO_START):
            if self._scan_running():
                raise DeviceBusy("the device is still at work on an earlier scan")
            try:
                self._dialogue.ask_once(Command.START_SCAN, b"\0")
            except (DeviceFault, DeviceBusy) as error:
                refusal = error  # it answered, so nothing was started
                self._dialogue.wait(_POLL_S)
                continue
            except (LinkTimeout, ProtocolError):
                if not self._scan_running():
                    raise
                # It was idle a moment ago, so the scan that runs is ours.
            return
        self._require_no_error()
        assert refusal is not None
        raise refusal

    def _await_scan(self) -> None:
        limit_s = max(1.5 * self._estimated_s + 3.0, self._longest_scan_s)
        started_s = self._clock.monotonic_s()
        while not self._scan_done():
            elapsed_s = self._clock.monotonic_s() - started_s
            if elapsed_s > limit_s:
                raise LinkTimeout(
                    f"the scan still runs after {limit_s:g} s, the device estimated {self._estimated_s:g} s"
                )
            self._dialogue.wait(_poll_s(self._estimated_s - elapsed_s))

    def _scan_running(self) -> bool:
        status = decode_unsigned(self._dialogue.ask(Command.DEVICE_STATUS), 4, "device status")
        return bool(status & DeviceStatus.SCAN_RUNNING)

    def _scan_done(self) -> bool:
        status = decode_unsigned(self._dialogue.ask(Command.SCAN_STATUS), 1, "scan status")
        if status not in (0, 1):
            raise ProtocolError(f"scan status is {status}, expected 0 or 1")
        return status == 1

    def _require_no_error(self) -> None:
        errors = decode_error_status(self._dialogue.ask(Command.ERROR_STATUS))
        if errors.sources:
            self._dialogue.ask(Command.RESET_ERRORS)  # or the next scan would seem to have failed
        if errors.spoils_scan:
            raise DeviceFault(f"the device reports an error of {errors.words()}")

    def _read_scan(self, file_type: FileType) -> Scan:
        def read() -> tuple[ScanRecord, bytes]:
            raw = self._read_file(file_type)
            return decode_scan(raw), raw

        # Inside the attempts, because bytes that pass the checksum may still be no scan.
        record, raw = self._dialogue.attempt(read)
        return scan_of(record, raw)

    def _read_file(self, file_type: FileType) -> bytes:
        """Read a file from its beginning: asking for its size rewinds it, each chunk moves on."""
        reply = self._dialogue.ask_once(Command.FILE_SIZE, bytes([file_type]))
        size = decode_unsigned(reply, 4, "file size")
        if not 0 < size <= _MAX_FILE_SIZE:
            raise ProtocolError(f"file {file_type.name} has {size} bytes, expected 1 to {_MAX_FILE_SIZE}")
        content = bytearray()
        while len(content) < size:
            chunk = self._dialogue.ask_once(Command.FILE_CHUNK)
            if not 0 < len(chunk) <= size - len(content):
                raise ProtocolError(
                    f"file {file_type.name} came with {len(chunk)} bytes at {len(content)} of {size}"
                )
            content += chunk
        return bytes(content)

    def _require_this_unit(self, scan: Scan) -> None:
        """Refuse the scan of a unit that was put in the place of the one that was set up."""
        if scan.serial != self.identity.serial:
            raise DeviceFault(
                f"the scan is of unit {scan.serial}, but unit {self.identity.serial} was set up; "
                "reconnect to set it up"
            )
        if self._pga_gain is not None and scan.settings.pga_gain != self._pga_gain:
            raise DeviceFault(
                f"the device scanned with gain {scan.settings.pga_gain} instead of {self._pga_gain}; "
                "reconnect to set it up again"
            )

    def _require_as_told(self, scan: Scan) -> None:
        """Refuse the first scan of a device that has restarted since it was told its settings.

        Later scans are held against the one before; this one has none.
        """
        found = {"repeats": scan.settings.scans_averaged}
        if self._config_index is not None:
            reply = self._dialogue.ask(Command.GET_ACTIVE_CONFIG)
            found["configuration"] = decode_unsigned(reply, 1, "active configuration")
        for name, told in (("repeats", self._repeats), ("configuration", self._config_index)):
            if told is not None and found[name] != told:
                raise DeviceFault(
                    f"the device lost its settings: {name} {found[name]} instead of {told}; "
                    "reconnect to set it up again"
                )

    def _require_new(self, scan: Scan) -> None:
        """Refuse a scan that is the last one again, or has other settings: the device has restarted."""
        last = self._last
        if last is None:
            return
        if scan.raw == last.raw:  # noise, clock and counter make that impossible for two scans
            raise DeviceFault("the device handed out the scan before this one again")
        if not scan.settings.comparable_with(last.settings):
            raise DeviceFault(
                f'the device lost its settings: it scanned "{scan.settings.config_name}" with '
                f'{scan.settings.scans_averaged} repeats, before "{last.settings.config_name}" with '
                f"{last.settings.scans_averaged}; reconnect to set it up again"
            )


def _poll_s(left_s: float) -> float:
    """Return how long to wait before asking again for a scan that should be done in `left_s`.

    It should be noticed at once when it is done in time, and not be asked for all the time when it is late.
    """
    if left_s > 0.0:
        return min(_POLL_S, left_s)
    return min(max(-left_s / _POLLS_OF_LATE, _SHORTEST_POLL_S), _POLL_S)
