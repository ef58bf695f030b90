"""From detector counts to absorbance.

R = (S - D_S) / (W - D_W) * (g_W / g_S) * R_tile and A = -log10 R, band by band: the two-point
(dark and white) correction of diffuse reflectance, with the amplifier gains g divided out and the
certified reflectance of the white tile multiplied back in. Bands in which a factor is not
positive have no absorbance: they are masked, never clipped to a number.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.arrays import frozen_array, require_ascending

# A band whose white reference is below this share of its own maximum carries noise, not signal.
MIN_WHITE_SHARE = 0.01
# Absorbance beyond this is stray light on the instruments served here (reflectance below 0.1 %).
MAX_ABSORBANCE = 3.0
# Serial numbers of emulated spectrometers, by what they show: the virtual mill or a recording.
VIRTUAL_SERIAL, REPLAYED_SERIAL = "VIRTUAL", "REPLAYED"


@dataclass(frozen=True, slots=True)
class InstrumentIdentity:
    """Which physical device spoke: kind ("nirscan-nano", "mjpeg-camera"), model, serial, firmware."""

    kind: str
    model: str
    serial: str
    firmware: str

    @property
    def simulated(self) -> bool:
        """Tell whether this is an emulator: nothing real was in front of it when it measured."""
        return self.serial in (VIRTUAL_SERIAL, REPLAYED_SERIAL)


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """How a scan was taken. Scans are comparable only if all of this is equal, gain excepted."""

    config_name: str
    scans_averaged: int
    pga_gain: int

    def comparable_with(self, other: "ScanSettings") -> bool:
        """Tell whether a white reference with `other` settings may serve this scan."""
        return self.config_name == other.config_name and self.scans_averaged == other.scans_averaged


@dataclass(frozen=True, slots=True)
class ScanConditions:
    """What the instrument said of itself during the scan; None is what it does not measure.

    Temperatures in °C, humidity in %RH.
    """

    system_temperature_c: float | None = None
    detector_temperature_c: float | None = None
    humidity_percent: float | None = None
    lamp_photodiode_counts: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One averaged scan: raw bytes from the wire and what they say.

    Attributes:
        raw: the bytes as the instrument sent them; everything below can be decoded from them.
        raw_format: names the decoder ("nirscan-nano").
        wavelength_nm: (n,) ascending.
        counts: (n,) detector counts before dark subtraction.
        dark_counts: (n,) dark level of each band, same unit.
        full_scale_counts: the converter's end of range.
        device_at: when it was taken by the instrument's own clock, which may be wrong; None if it has none.
    """

    raw: bytes
    raw_format: str
    serial: str
    wavelength_nm: NDArray[np.float64]
    counts: NDArray[np.float64]
    dark_counts: NDArray[np.float64]
    full_scale_counts: float
    settings: ScanSettings
    conditions: ScanConditions
    device_at: datetime | None = None

    def __post_init__(self) -> None:
        wavelength_nm = frozen_array(self.wavelength_nm, np.float64, (None,), "wavelength_nm")
        require_ascending(wavelength_nm, "wavelength_nm")
        object.__setattr__(self, "wavelength_nm", wavelength_nm)
        for name in ("counts", "dark_counts"):
            array = frozen_array(getattr(self, name), np.float64, wavelength_nm.shape, name)
            object.__setattr__(self, name, array)

    @property
    def net_counts(self) -> NDArray[np.float64]:
        """(n,) counts with the dark level taken off."""
        return self.counts - self.dark_counts


@dataclass(frozen=True, slots=True, eq=False)
class ReflectanceTile:
    """A white or grey tile with its certificate: reflectance (n,) 0..1 over wavelength_nm (n,)."""

    id: str
    wavelength_nm: NDArray[np.float64]
    reflectance: NDArray[np.float64]

    def __post_init__(self) -> None:
        wavelength_nm = frozen_array(self.wavelength_nm, np.float64, (None,), "wavelength_nm")
        require_ascending(wavelength_nm, "wavelength_nm")
        reflectance = frozen_array(self.reflectance, np.float64, wavelength_nm.shape, "reflectance")
        object.__setattr__(self, "wavelength_nm", wavelength_nm)
        object.__setattr__(self, "reflectance", reflectance)

    def reflectance_at(self, wavelength_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the certified reflectance (m,) interpolated to wavelength_nm (m,)."""
        return np.interp(wavelength_nm, self.wavelength_nm, self.reflectance)


@dataclass(frozen=True, slots=True, eq=False)
class WhiteReference:
    """A scan of a white tile, and when and by which instrument it was taken.

    Attributes:
        id: UUIDv7 text.
        source: "tile" (taken on this station) or "factory" (stored in the instrument).
        tile_id: which tile; "factory" for the instrument's own.
        tile_reflectance: (n,) certified reflectance of the tile on the scan's axis, 0..1.
    """

    id: str
    source: str
    tile_id: str
    scan: Scan
    tile_reflectance: NDArray[np.float64]
    instrument: InstrumentIdentity
    taken_at: datetime

    def __post_init__(self) -> None:
        array = frozen_array(
            self.tile_reflectance, np.float64, self.scan.wavelength_nm.shape, "tile_reflectance"
        )
        object.__setattr__(self, "tile_reflectance", array)


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Absorbance over wavelength.

    Attributes:
        wavelength_nm: (n,) ascending.
        absorbance: (n,) -log10 reflectance; NaN where not valid.
        valid: (n,) bool.
    """

    wavelength_nm: NDArray[np.float64]
    absorbance: NDArray[np.float64]
    valid: NDArray[np.bool_]

    def __post_init__(self) -> None:
        wavelength_nm = frozen_array(self.wavelength_nm, np.float64, (None,), "wavelength_nm")
        require_ascending(wavelength_nm, "wavelength_nm")
        valid = frozen_array(self.valid, np.bool_, wavelength_nm.shape, "valid")
        absorbance = np.array(self.absorbance, dtype=np.float64)
        if absorbance.shape != wavelength_nm.shape:
            raise ValueError(f"absorbance has shape {absorbance.shape}, expected {wavelength_nm.shape}")
        if not np.all(np.isfinite(absorbance[valid])):
            raise ValueError("absorbance must be finite wherever it is valid")
        absorbance[~valid] = np.nan
        object.__setattr__(self, "wavelength_nm", wavelength_nm)
        object.__setattr__(self, "valid", valid)
        object.__setattr__(
            self, "absorbance", frozen_array(absorbance, np.float64, wavelength_nm.shape, "absorbance")
        )

    @property
    def valid_share(self) -> float:
        """Share of bands that carry an absorbance, 0..1."""
        return float(np.mean(self.valid))


def reflectance(scan: Scan, white: WhiteReference) -> NDArray[np.float64]:
    """Return (n,) diffuse reflectance of the scan; NaN where the white reference has no signal.

    Raises:
        ValueError: the two were taken on different wavelength axes.
    """
    if not same_axis(scan.wavelength_nm, white.scan.wavelength_nm):
        raise ValueError("scan and white reference have different wavelength axes")
    white_net = white.scan.net_counts / white.scan.settings.pga_gain
    scan_net = scan.net_counts / scan.settings.pga_gain
    usable = white_net > MIN_WHITE_SHARE * max(float(white_net.max()), 0.0)
    ratio = np.full(scan_net.shape, np.nan)
    np.divide(scan_net, white_net, out=ratio, where=usable)
    return ratio * white.tile_reflectance


def absorbance_spectrum(scan: Scan, white: WhiteReference) -> Spectrum:
    """Return the absorbance of a scan; bands without a positive reflectance are masked."""
    ratio = reflectance(scan, white)
    positive = np.isfinite(ratio) & (ratio > 10.0**-MAX_ABSORBANCE)
    absorbance = np.full(ratio.shape, np.nan)
    np.log10(ratio, out=absorbance, where=positive)
    return Spectrum(scan.wavelength_nm, -absorbance, positive)


def same_axis(first_nm: NDArray[np.float64], second_nm: NDArray[np.float64]) -> bool:
    """Tell whether two axes agree to 0.01 nm, far below the 7 nm width of a pattern."""
    return first_nm.shape == second_nm.shape and bool(np.allclose(first_nm, second_nm, rtol=0, atol=0.01))
