"""Spectra that were never measured but could have been: blends, other units, other days.

Every function takes and returns (n, bands) absorbance on the model's grid and draws all its
randomness from the generator it is given.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Ranges of the variations. Wavelength axes of two NIRscan Nano units differ by up to 0.6 nm on
# paper and their spectra by 2 to 3 nm; noise is that of 6 averaged scans of white fabric.
SHIFT_NM = 1.5
STRETCH_NM = 1.0  # at the ends of the axis
GAIN_SPREAD = 0.15
SLOPE_SPREAD = 0.06  # of the specimen's own spread, see `other_unit`
NOISE = 6e-4
MAX_STRAY = 0.05
MIN_REFLECTANCE = 1e-3
_LEAST_ABSORBANCE = 0.01  # a specimen brighter than the tile is lifted to this before Kubelka-Munk


def blended(
    absorbance: Floats, shares: Floats, partner_absorbance: Floats, partner_shares: Floats,
    generator: np.random.Generator,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Mix each specimen with its partner, in absorbance or in Kubelka-Munk units, by turns.

    Two fibres in one yarn mix somewhere between the two laws; drawing both keeps the network
    from trusting either.

    Returns:
        Absorbance (n, bands) and shares (n, k) of the blends.
    """
    part = generator.uniform(0.0, 1.0, (len(absorbance), 1))
    linear = part * absorbance + (1.0 - part) * partner_absorbance
    lift = np.maximum(
        0.0, _LEAST_ABSORBANCE - np.minimum(absorbance, partner_absorbance).min(1, keepdims=True)
    )
    remission = part * _kubelka_munk(absorbance + lift) + (1.0 - part) * _kubelka_munk(
        partner_absorbance + lift
    )
    diffuse = generator.random((len(absorbance), 1)) < 0.5
    mixed = np.where(diffuse, _absorbance_of(remission) - lift, linear)
    return mixed, part * shares + (1.0 - part) * partner_shares


def other_unit(absorbance: Floats, step_nm: float, generator: np.random.Generator) -> Floats:
    """Return the spectra as another instrument on another day might give them.

    Wavelength shift and stretch, path length, a smooth baseline, stray light and noise.
    """
    n, bands = absorbance.shape
    place = np.linspace(-1.0, 1.0, bands)
    shift_nm = generator.normal(0.0, SHIFT_NM, (n, 1)) + generator.normal(0.0, STRETCH_NM, (n, 1)) * place
    # First order in the shift, which stays below a band.
    moved = absorbance + np.clip(shift_nm / step_nm, -1.0, 1.0) * np.gradient(absorbance, axis=1)
    spread = moved.std(axis=1, keepdims=True)
    gain = np.exp(generator.normal(0.0, GAIN_SPREAD, (n, 1)))
    bends = generator.normal(0.0, 1.0, (n, 3)) * [0.5, 1.0, 0.5] * SLOPE_SPREAD
    baseline = spread * (bends @ np.stack([place**3, place, place**2]) * 2.0)
    stray = generator.uniform(0.0, MAX_STRAY, (n, 1)) ** 2
    reflectance = (10.0 ** -(gain * moved + baseline) + stray) / (1.0 + stray)
    noise = NOISE * np.exp(generator.normal(0.0, 0.7, (n, 1))) * generator.normal(0.0, 1.0, (n, bands))
    varied: Floats = -np.log10(np.maximum(reflectance, MIN_REFLECTANCE)) + noise
    return varied


def _kubelka_munk(absorbance: Floats) -> Floats:
    """Return K/S = (1 - R)² / 2R (Kubelka and Munk, 1931) of absorbance above 0."""
    reflectance = 10.0**-absorbance
    ratio: Floats = (1.0 - reflectance) ** 2 / (2.0 * reflectance)
    return ratio


def _absorbance_of(remission: Floats) -> Floats:
    """Invert `_kubelka_munk`: R = 1 + r - sqrt(r² + 2r)."""
    reflectance = 1.0 + remission - np.sqrt(remission**2 + 2.0 * remission)
    absorbance: Floats = -np.log10(np.maximum(reflectance, MIN_REFLECTANCE))
    return absorbance
