"""The inside of an emulated NIRscan Nano: what it knows, does and answers; no I/O, time is passed in."""

import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.nano_scene import NanoScene
from instruments.emulators.nano_spoiling import (
    HADAMARD_NAME,
    SCAN_FAULTS,
    amplified,
    monitored,
    serial_now,
    spoilt_scan,
)
from instruments.emulators.tape import Tape
from instruments.nirscan_nano.codec import MAX_CHUNK, Command
from instruments.nirscan_nano.payloads import DeviceStatus, ErrorSource, FileType, encode_device_time
from instruments.nirscan_nano.scan_container import ScanRecord, ScanType, encode_scan, scan_of
from instruments.nirscan_nano.tpl import encode_container

DEVICE_FAULTS = SCAN_FAULTS | {
    "slow_scan": "scans take VALUE times as long as estimated (16)",
    "error_bit": "scans end with the scan error VALUE (4, the lamp driver)",
    "clock_jump": "the device's clock is VALUE seconds ahead (3600)",
    "type8_offset_bug": "asking for the size of the interpreted file does not rewind it",
}

_FIRMWARE = 2 << 16 | 1 << 8 | 0
_MODEL_NAME = b"NIRscan Nano"
_CONFIG_TYPE_STRING = "S(cvc#c#vvcvv)"
_CONFIG_NAMES = (b"Column 1", HADAMARD_NAME.encode())
_UNSET_CLOCK = datetime(2015, 1, 1, tzinfo=UTC)  # recorded streams of an unset device show 2015
_SD_CARD_STATUS = 0x04
_GAINS = (1, 2, 4, 8, 16, 32, 64)


class Refused(Exception):
    """The device answers with its error bit set."""


@dataclass(slots=True)
class _Memory:
    """What the device forgets when it restarts."""

    started_s: float
    repeats: int
    clock_set_s: float
    clock: datetime = _UNSET_CLOCK
    config_index: int = 0
    hibernate: int = 1
    pga_gain: int | None = None  # the device chooses one
    lamp_kept: bool = False  # the host switches the lamp, not each scan
    lamp_on: bool = False
    scan: ScanRecord | None = None
    scan_done_s: float = 0.0
    scan_error: int = 0
    interpreted: bytes = b""
    file: bytes = b""
    offset: int = 0


class NanoDevice:
    """State machine of the device.

    Args:
        tape: what there is to see.
        scan_time_s: how long a scan takes with the tape's number of repeats.
        faults: consulted at each step.
        now_s: seconds of a clock that runs forward.

    Raises:
        DatasetError: the instrument cannot carry the tape's wavelengths.
    """

    def __init__(self, tape: Tape, scan_time_s: float, faults: ActiveFaults, now_s: float) -> None:
        self.scene = NanoScene(tape)
        self._tape = tape
        self._scan_time_s = scan_time_s
        self._faults = faults
        self._scan_count = 0
        self._memory = _Memory(now_s, tape.repeats, now_s)

    def restart(self, now_s: float) -> None:
        """Forget settings, clock and scan, as after a loss of power."""
        self._memory = _Memory(now_s, self._tape.repeats, now_s)

    def answer(self, command: int, data: bytes, now_s: float) -> bytes:
        """Return the data of the reply to a request.

        Raises:
            Refused: the device does not know the command or cannot obey now.
        """
        for part in (self._identity, self._setting, self._sensor, self._scanning, self._reading):
            reply = part(command, data, now_s)
            if reply is not None:
                return reply
        raise Refused

    def _identity(self, command: int, _data: bytes, _now_s: float) -> bytes | None:
        match command:
            case Command.VERSION:
                return struct.pack("<7I", _FIRMWARE, 0, 0, 0, 1, 1, 1)
            case Command.SERIAL_NUMBER:
                return serial_now(self._tape.serial, self._faults).encode("ascii").ljust(8, b"\0")
            case Command.MODEL_NAME:
                return _MODEL_NAME.ljust(16, b"\0")
        return None

    def _setting(self, command: int, data: bytes, now_s: float) -> bytes | None:
        memory = self._memory
        match command, len(data):
            case Command.CONFIG_COUNT, 0:
                return bytes([len(_CONFIG_NAMES)])
            case Command.READ_CONFIG, 1:
                config = self._config(data[0])
                return struct.pack("<I", len(config)) + config
            case Command.GET_ACTIVE_CONFIG, 0:
                return bytes([memory.config_index])
            case Command.SET_ACTIVE_CONFIG, 1:
                self._config(data[0])
                memory.config_index = data[0]
                return struct.pack("<i", self._tape.wavelength_nm.size)
            case Command.SET_REPEATS, 2:
                memory.repeats = int.from_bytes(data, "little")
                return b""
            case Command.SET_FIXED_PGA, 2:
                if data[1] not in _GAINS:
                    raise Refused
                memory.pga_gain = data[1] if data[0] else None
                return b""
            case Command.KEEP_LAMP, 1:
                memory.lamp_kept = bool(data[0])
                memory.lamp_on = memory.lamp_on and memory.lamp_kept
                return b""
            case Command.SWITCH_LAMP, 2:
                memory.lamp_on = memory.lamp_kept and bool(data[1])
                return b""
            case Command.GET_CLOCK, 0:
                return self._device_time(now_s)
            case Command.SET_CLOCK, 7:
                self._set_clock(data, now_s)
                return b""
            case Command.GET_HIBERNATE, 0:
                return bytes([memory.hibernate])
            case Command.SET_HIBERNATE, 1:
                memory.hibernate = data[0]
                return b""
        return None

    def _sensor(self, command: int, _data: bytes, now_s: float) -> bytes | None:
        record = self.scene.scan(1, now_s - self._memory.started_s, bytes(7))
        system = round(100 * record.system_temperature_c)
        match command:
            case Command.TEMPERATURE:
                return struct.pack("<2i", system, round(100 * record.detector_temperature_c))
            case Command.HUMIDITY:
                return struct.pack("<2i", system, round(100 * record.humidity_percent))
            case Command.PHOTODETECTOR:
                lit = self._memory.lamp_on or self._running(now_s)
                return struct.pack("<3I", 0, monitored(record.lamp_photodiode, self._faults) if lit else 0, 0)
        return None

    def _scanning(self, command: int, _data: bytes, now_s: float) -> bytes | None:
        match command:
            case Command.SCAN_TIME:
                return struct.pack("<I", round(1000 * self._estimated_s()))
            case Command.START_SCAN:
                self._start_scan(now_s)
                return b""
            case Command.SCAN_STATUS:
                return bytes([not self._running(now_s)])
            case Command.DEVICE_STATUS:
                running = DeviceStatus.SCAN_RUNNING if self._running(now_s) else 0
                return struct.pack("<I", DeviceStatus.TIVA_OK | _SD_CARD_STATUS | running)
            case Command.ERROR_STATUS:
                error = 0 if self._running(now_s) else self._memory.scan_error
                return struct.pack("<IB15x", ErrorSource.SCAN if error else 0, error)
            case Command.RESET_ERRORS:
                self._memory.scan_error = 0
                return b""
        return None

    def _reading(self, command: int, data: bytes, now_s: float) -> bytes | None:
        memory = self._memory
        match command, len(data):
            case Command.FILE_SIZE, 1:
                memory.file = self._file(data[0], now_s)
                if not (data[0] == FileType.INTERPRETED and self._faults.value("type8_offset_bug")):
                    memory.offset = 0
                return struct.pack("<I", len(memory.file))
            case Command.FILE_CHUNK, 0:
                chunk = memory.file[memory.offset : memory.offset + MAX_CHUNK]
                if not chunk:
                    raise Refused
                memory.offset += len(chunk)
                return chunk
            case Command.START_INTERPRET, 0:
                memory.interpreted = self._interpret(now_s)
                return b""
            case Command.INTERPRET_STATUS, 0:
                return b"\1"
        return None

    def _estimated_s(self) -> float:
        return self._scan_time_s * self._memory.repeats / self._tape.repeats

    def _running(self, now_s: float) -> bool:
        return now_s < self._memory.scan_done_s

    def _start_scan(self, now_s: float) -> None:
        memory = self._memory
        if self._running(now_s):
            raise Refused
        record = self.scene.scan(memory.repeats, now_s - memory.started_s, self._device_time(now_s))
        self._scan_count += 1
        memory.scan = self._as_set(replace(record, scan_index=self._scan_count))
        memory.interpreted = b""
        memory.scan_error = int(self._faults.value("error_bit", default=4.0) or 0)
        slowness = self._faults.value("slow_scan", default=16.0) or 1.0
        memory.scan_done_s = now_s + self._estimated_s() * slowness

    def _as_set(self, record: ScanRecord) -> ScanRecord:
        """Return a good scan as the settings and the active faults make it."""
        memory = self._memory
        if memory.config_index == 1:
            record = replace(
                record, scan_type=ScanType.HADAMARD, config_index=1, config_name=_CONFIG_NAMES[1].decode()
            )
        record = spoilt_scan(record, self.scene.empty_adc(), self._faults)
        return record if memory.pga_gain is None else amplified(record, memory.pga_gain)

    def _file(self, file_type: int, now_s: float) -> bytes:
        scan = self._memory.scan
        match file_type:
            case FileType.FACTORY_REFERENCE:
                return encode_scan(self.scene.factory_reference())
            case FileType.SCAN if scan is not None and not self._running(now_s):
                return encode_scan(scan)
            case FileType.INTERPRETED if self._memory.interpreted:
                return self._memory.interpreted
        raise Refused

    def _interpret(self, now_s: float) -> bytes:
        """Return wavelengths and counts as the device works them out by itself."""
        record = self._memory.scan
        if record is None or self._running(now_s) or record.scan_type != ScanType.COLUMN:
            raise Refused
        scan = scan_of(record, b"")
        rows = zip(scan.wavelength_nm, scan.net_counts, strict=True)
        return struct.pack("<i", scan.wavelength_nm.size) + b"".join(
            struct.pack("<di", nm, int(counts)) for nm, counts in rows
        )

    def _config(self, index: int) -> bytes:
        if index >= len(_CONFIG_NAMES):
            raise Refused
        serial = self._tape.serial.encode("ascii")[:8].ljust(8, b"\0")
        axis = self.scene.axis
        name = _CONFIG_NAMES[index].ljust(40, b"\0")
        values = (index, index, serial, name, axis.start_nm, axis.end_nm, axis.width_px, axis.patterns)
        return encode_container(_CONFIG_TYPE_STRING, (*values, self._memory.repeats))

    def _device_time(self, now_s: float) -> bytes:
        jumped_s = self._faults.value("clock_jump", default=3600.0) or 0.0
        since_set = timedelta(seconds=now_s - self._memory.clock_set_s + jumped_s)
        return encode_device_time(self._memory.clock + since_set)

    def _set_clock(self, data: bytes, now_s: float) -> None:
        year, month, day, _, hour, minute, second = data
        try:
            self._memory.clock = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError as error:
            raise Refused from error
        self._memory.clock_set_s = now_s
