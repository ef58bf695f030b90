"""Chooses the spectrometer: its driver, its emulator, and what decodes its stored scans.

Heavy packages are imported where they are used, so that a command starts at once.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from qc_daemon.clock import SystemClock
from qc_daemon.config import Config, SpectrometerKind, SpectrometerSection
from qc_daemon.domain.ports import Line, NirSpectrometer
from qc_daemon.domain.spectrum import Scan

EMULATORS: Mapping[str, str] = {
    "nirscan-nano": "nirscan_nano",
    "nirone": "nirone",
    "ocean": "ocean",
}
# Least and greatest wavelength that virtual fabric is seen at, in nm, and in how many steps: the window that
# public clients of the NIRONE Sensor use, and that of an STS-NIR. The NIRscan Nano's is the mill's own.
_EMULATED_RANGES: Mapping[str, tuple[float, float, int]] = {
    "nirone": (1550.0, 1950.0, 200),
    "ocean": (650.0, 1100.0, 225),
}


def spectrometer_of(config: Config, line: Line) -> AbstractContextManager[NirSpectrometer]:
    """Return the spectrometer of a configuration, or the emulated one of a line without hardware."""
    from instruments.emulators.line import EmulatedLine

    if isinstance(line, EmulatedLine):
        emulated = config.emulated_line
        kind: SpectrometerKind = emulated.spectrometer if emulated is not None else "nirscan-nano"
        return _spectrometer(SpectrometerSection(driver=kind, port=line.spectrometer_port))
    assert config.spectrometer is not None
    return _spectrometer(config.spectrometer)


def emulated_axis(kind: str) -> NDArray[np.float64] | None:
    """Return the wavelengths at which virtual fabric is seen; None for the mill's own."""
    if kind not in _EMULATED_RANGES:
        return None
    first_nm, last_nm, steps = _EMULATED_RANGES[kind]
    return np.linspace(first_nm, last_nm, steps + 1)


def scan_decoders() -> Mapping[str, Callable[[bytes], Scan]]:
    """Return what decodes stored scans, by their raw format."""
    from instruments.nirone import recording as nirone
    from instruments.nirscan_nano import scan_container as nirscan_nano
    from instruments.ocean import recording as ocean

    return {room.RAW_FORMAT: room.decode_raw_scan for room in (nirscan_nano, nirone, ocean)}


def _spectrometer(section: SpectrometerSection) -> AbstractContextManager[NirSpectrometer]:
    from instruments.unit_search import search_unit

    return search_unit(section.port, section.serial, lambda port: _driver(section, port))


def _driver(section: SpectrometerSection, port: str) -> AbstractContextManager[NirSpectrometer]:
    from instruments.nirone.driver import NironeSensor
    from instruments.nirscan_nano.driver import NirscanNano
    from instruments.ocean.driver import OceanSpectrometer
    from instruments.transport import SerialLink

    link, clock = SerialLink(port, section.baud, rtscts=section.rtscts), SystemClock()
    averaged, longest_scan_s = section.scans_averaged, section.longest_scan_s
    match section.driver:
        case "nirscan-nano":
            return NirscanNano(
                link,
                clock,
                config_index=section.config_index,
                repeats=averaged,
                pga_gain=section.pga_gain,
                lamp_stays_on=section.lamp_stays_on,
                longest_scan_s=longest_scan_s,
            )
        case "nirone":
            return NironeSensor(link, clock, scans_averaged=averaged or 10, longest_scan_s=longest_scan_s)
        case "ocean":
            return OceanSpectrometer(
                link,
                clock,
                integration_time_ms=section.integration_time_ms or 100.0,
                scans_averaged=averaged,
                longest_scan_s=longest_scan_s,
            )
