"""Virtual scans of fabrics: from mass shares to detector counts and absorbance.

A fabric is a turbid layer (Kubelka and Munk): its absorption is the share-weighted sum of its fibres'
bands, dye and water; its scattering and thickness say how much of the background shines through. What
the spectrometer adds (window reflection, tile, resolution, stray light, noise) follows. Every spread
below was read off recorded scans; docs/virtual_mill.md says how.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.virtual_mill.endmembers import FIBRES, fibre_bands, water_bands
from qc_daemon.domain.arrays import frozen_array

# Pixel-to-wavelength polynomial of one NIRscan Nano (c0 nm, c1 nm/px, c2 nm/px²).
NANO_COEFFICIENTS = (1775.68, -0.916766, -0.000235065)

# White reference over wavelength: mean shape of two NIRscan Nano units, peak 1.
_REFERENCE_NM = (
    900, 920, 940, 960, 1000, 1050, 1100, 1150, 1200, 1250, 1300, 1350, 1400, 1450, 1500, 1550, 1600, 1650,
    1670, 1680, 1690, 1700,
)  # fmt: skip
_REFERENCE_SHAPE = (
    0.148, 0.233, 0.376, 0.484, 0.600, 0.577, 0.601, 0.635, 0.724, 0.878, 0.990, 0.980, 0.934, 0.936, 0.886,
    0.766, 0.585, 0.383, 0.239, 0.142, 0.081, 0.049,
)  # fmt: skip
# How much more than an ideal one the white reference of these instruments absorbs (log10, negated):
# fitted, common to all fibres. Every scan dips near 1690 nm; by how much differs between specimens.
_TILE_NM = (
    860, 901, 930, 1000, 1050, 1150, 1200, 1250, 1300, 1400, 1500, 1600, 1630, 1650, 1660, 1670, 1680, 1690,
    1700, 1740,
)  # fmt: skip
_TILE_ABSORBANCE = (
    0.0, -0.047, -0.028, -0.021, -0.015, -0.010, -0.008, -0.004, 0.001, 0.012, 0.020, 0.029, 0.031, 0.032,
    0.015, -0.040, -0.107, -0.120, -0.101, 0.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fabric:
    """Optical properties of one fabric, the same in each of its scans.

    Attributes:
        shares: mass share of each of `FIBRES`, sums to 1.
        scattering: of each fibre, relative to the average fabric; delustrant and fineness set it.
        thickness: optical thickness S·X of one layer; below 1 the background shines through.
        dye: K/S at 1300 nm of dye, soil or carbon black.
        dye_slope: by how many e-folds the dye's absorption falls over 400 nm.
        moisture: K/S of the water band at 1935 nm above (or below) the usual regain.
        crystallinity: of each fibre's cellulose, relative to cotton's mean.
        lignin: K/S of the strongest lignin band in linen.
        tile_weight: how strongly the white tile's own absorption shows. Recorded scans call for one
            value a specimen, 0.1 to 1.8; why it follows the specimen is not known.
    """

    shares: tuple[float, ...]
    scattering: tuple[float, ...]
    thickness: float
    dye: float
    dye_slope: float
    moisture: float
    crystallinity: tuple[float, ...]
    lignin: float
    tile_weight: float


@dataclass(frozen=True, slots=True)
class ScanSetting:
    """What differs from scan to scan: how the piece lies and the state of the instrument.

    Attributes:
        gain: collected light relative to the white tile's geometry.
        layers: how often the piece is folded.
        background_reflectance: of what lies behind the fabric, 0..1.
        window_reflectance: light that returns without having met the fabric.
        wavelength_shift_nm: error of the axis.
        temperature_c: difference from 30 °C; hydrogen-bonded bands move with it.
        resolution_nm: full width at half maximum of the slit function.
        stray_light: share of the mean light that every detector reading receives.
        dark_offset: remainder of the dark level, as a share of the reference's peak.
        reference_peak_counts: highest count of the white reference.
        noise_counts: standard deviation of a count.
    """

    gain: float
    layers: int
    background_reflectance: float
    window_reflectance: float
    wavelength_shift_nm: float
    temperature_c: float
    resolution_nm: float
    stray_light: float
    dark_offset: float
    reference_peak_counts: float
    noise_counts: float


@dataclass(frozen=True, slots=True, eq=False)
class VirtualScan:
    """Integer detector counts (b,) of specimen and white reference, dark level taken off."""

    wavelength_nm: NDArray[np.float64]
    sample_counts: NDArray[np.int32]
    reference_counts: NDArray[np.int32]

    def __post_init__(self) -> None:
        axis = frozen_array(self.wavelength_nm, np.float64, (None,), "wavelength_nm")
        object.__setattr__(self, "wavelength_nm", axis)
        for name in ("sample_counts", "reference_counts"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int32, axis.shape, name))

    @property
    def absorbance(self) -> NDArray[np.float64]:
        """(b,) log10(reference / sample)."""
        values: NDArray[np.float64] = np.log10(self.reference_counts / self.sample_counts)
        return values


def nirscan_nano_axis(
    coefficients: tuple[float, float, float] = NANO_COEFFICIENTS,
    start_nm: float = 900.0,
    end_nm: float = 1700.0,
    patterns: int = 228,
) -> NDArray[np.float64]:
    """Return the (patterns,) ascending wavelengths of a NIRscan Nano column scan.

    Pattern centres are whole mirror columns between those of the two limits; a pattern of even width
    is centred half a column lower.
    """
    c0, c1, c2 = coefficients
    first, last = ((-c1 - np.sqrt(c1 * c1 - 4.0 * c2 * (c0 - nm))) / (2.0 * c2) for nm in (start_nm, end_nm))
    column = np.floor(first + np.arange(patterns) * (last - first) / (patterns - 1)) - 0.5
    axis: NDArray[np.float64] = c2 * column**2 + c1 * column + c0
    return axis


def draw_fabric(shares: Mapping[str, float], generator: np.random.Generator) -> Fabric:
    """Draw the optical properties of a fabric with these mass shares (fibre → 0..1)."""
    sheer = generator.random() < _SHEER_PROBABILITY
    dark = generator.random() < _DARK_PROBABILITY
    thickness = generator.normal(np.log(0.06), 0.8) if sheer else generator.normal(1.5, 0.8)
    dye = generator.normal(np.log(0.5), 0.7) if dark else generator.normal(-3.1, 0.8)
    return Fabric(
        shares=tuple(float(shares.get(fibre, 0.0)) for fibre in FIBRES),
        scattering=tuple(np.exp(generator.normal(0.4, 0.4, len(FIBRES))).tolist()),
        thickness=float(np.exp(thickness)),
        dye=float(np.exp(dye)),
        dye_slope=float(generator.normal(0.6, 0.45)),
        moisture=float(generator.normal(0.0, 0.02) * _regain(shares)),
        crystallinity=_draw_crystallinity(generator),
        lignin=float(np.exp(generator.normal(np.log(0.02), 0.4))),
        tile_weight=float(np.clip(generator.normal(0.7, 0.45), 0.0, 2.0)),
    )


def draw_scan_setting(generator: np.random.Generator) -> ScanSetting:
    """Draw how a piece lies and how the instrument is."""
    return ScanSetting(
        gain=float(np.exp(generator.normal(0.03, 0.22))),
        layers=int(generator.choice([1, 2, 4], p=[0.7, 0.15, 0.15])),
        background_reflectance=float(generator.uniform(0.0, 0.15)),
        window_reflectance=float(generator.normal(0.045, 0.006)),
        wavelength_shift_nm=float(generator.normal(0.0, 0.7)),
        temperature_c=float(generator.normal(0.0, 3.0)),
        resolution_nm=float(generator.normal(10.0, 0.7)),
        stray_light=float(np.exp(generator.normal(np.log(1.7e-3), 0.5))),
        dark_offset=float(generator.normal(3.5e-4, 4e-4)),
        reference_peak_counts=float(generator.uniform(0.56e6, 0.68e6)),
        noise_counts=float(np.exp(generator.normal(np.log(150.0), 0.35))),
    )


def simulate_scan(
    fabric: Fabric,
    setting: ScanSetting,
    wavelength_nm: NDArray[np.float64],
    generator: np.random.Generator,
) -> VirtualScan:
    """Return the counts of one scan of `fabric` on any ascending axis (b,) in nm."""
    true_nm = wavelength_nm + setting.wavelength_shift_nm
    reflectance = setting.window_reflectance + setting.gain * fabric_reflectance(fabric, setting, true_nm)
    reflectance = _blurred(reflectance, wavelength_nm, setting.resolution_nm)
    tile = np.interp(wavelength_nm, _TILE_NM, _TILE_ABSORBANCE, left=0.0, right=0.0)
    lamp = reference_shape(wavelength_nm)
    specimen = lamp * reflectance * 10.0 ** (-fabric.tile_weight * tile)
    return VirtualScan(
        wavelength_nm,
        _counts(specimen, setting, generator),
        _counts(lamp, setting, generator),
    )


def fabric_reflectance(
    fabric: Fabric, setting: ScanSetting, wavelength_nm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the (b,) diffuse reflectance of the layer over its background, 0..1."""
    shares, scattering = np.array(fabric.shares), np.array(fabric.scattering)
    mixed_scattering = float(shares @ scattering)
    absorption = fabric.dye * np.exp(-fabric.dye_slope * (wavelength_nm - 1300.0) / 400.0)
    absorption = absorption + fabric.moisture * water_bands().absorption(wavelength_nm)
    shifted_nm = wavelength_nm - _NM_PER_C * setting.temperature_c
    for fibre, share, crystallinity in zip(FIBRES, shares, fabric.crystallinity, strict=True):
        if share > 0.0:
            absorption += share * fibre_bands(fibre, crystallinity, fabric.lignin).absorption(shifted_nm)
    ratio = np.maximum(absorption, 1e-5) / mixed_scattering
    return kubelka_munk(ratio, fabric.thickness * setting.layers, setting.background_reflectance)


def kubelka_munk(
    absorption: NDArray[np.float64], thickness: float, background_reflectance: float
) -> NDArray[np.float64]:
    """Return the (b,) reflectance of a layer with K/S `absorption` (b,) > 0 over a background.

    Hyperbolic solution of Kubelka (J. Opt. Soc. Am. 38, 448, 1948); `thickness` is S·X.
    """
    a = 1.0 + absorption
    b = np.sqrt(a * a - 1.0)
    coth = b / np.tanh(np.minimum(b * thickness, 50.0))
    reflectance: NDArray[np.float64] = (1.0 - background_reflectance * (a - coth)) / (
        a - background_reflectance + coth
    )
    return reflectance


def reference_shape(wavelength_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (b,) white reference relative to its peak.

    Inside 895..1705 nm that of a NIRscan Nano; an axis that leaves this range belongs to another
    instrument, which gets a broad arch between the ends of its own range.
    """
    if wavelength_nm[0] >= 895.0 and wavelength_nm[-1] <= 1705.0:
        return np.interp(wavelength_nm, _REFERENCE_NM, _REFERENCE_SHAPE)
    position = (wavelength_nm - wavelength_nm[0]) / (wavelength_nm[-1] - wavelength_nm[0])
    arch: NDArray[np.float64] = 0.3 + 0.7 * np.sin(np.pi * position)
    return arch


# Share of fabrics that are sheer, and that are dyed black with carbon or the like (3 of 27 swatches are
# sheer; the dark ones are an assumption).
_SHEER_PROBABILITY, _DARK_PROBABILITY = 0.10, 0.10
# Hydrogen-bonded overtones move to shorter wavelengths by some hundredths of a nm per kelvin.
_NM_PER_C = -0.05
# Usual moisture regain, which is also how strongly a fibre follows the humidity of the room.
_REGAIN = {"cotton": 0.085, "linen": 0.12, "nylon": 0.0575, "polyester": 0.015, "viscose": 0.13, "wool": 0.17}
# Crystallinity of the cellulose relative to cotton: (mean, spread).
_CRYSTALLINITY = {"cotton": (1.0, 0.05), "linen": (0.95, 0.05), "viscose": (0.45, 0.07)}


def _regain(shares: Mapping[str, float]) -> float:
    return sum(share * _REGAIN[fibre] for fibre, share in shares.items()) / _REGAIN["cotton"]


def _draw_crystallinity(generator: np.random.Generator) -> tuple[float, ...]:
    drawn = []
    for fibre in FIBRES:
        mean, spread = _CRYSTALLINITY.get(fibre, (1.0, 0.0))
        drawn.append(float(np.clip(generator.normal(mean, spread), 0.1, 1.2)))
    return tuple(drawn)


def _counts(
    light: NDArray[np.float64], setting: ScanSetting, generator: np.random.Generator
) -> NDArray[np.int32]:
    """Return what the converter says of `light` (b,), where the reference peaks at 1."""
    seen = light + setting.stray_light * light.mean() + setting.dark_offset
    noise = generator.normal(0.0, setting.noise_counts, len(light))
    counts = np.rint(setting.reference_peak_counts * seen + noise)
    whole: NDArray[np.int32] = np.maximum(counts, 1.0).astype(np.int32)
    return whole


def _blurred(
    values: NDArray[np.float64], wavelength_nm: NDArray[np.float64], width_nm: float
) -> NDArray[np.float64]:
    distance = (wavelength_nm[:, None] - wavelength_nm) / width_nm
    kernel = np.exp2(-4.0 * distance**2)
    blurred: NDArray[np.float64] = (kernel @ values) / kernel.sum(axis=1)
    return blurred
