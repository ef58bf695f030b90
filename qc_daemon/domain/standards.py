"""How far a spectrum is from a standard: reflectance of a tile in a few bands, places of absorbance peaks."""

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.spectrum import ReflectanceTile, Spectrum

_BANDS = 5
_FIT_POINTS = 5
# A peak is looked for so far to each side of its certified place: more than an instrument in use is off,
# less than the distance of the certified bands.
_SEARCH_NM = 15.0


def tile_bands(
    wavelength_nm: NDArray[np.float64], reflectance: NDArray[np.float64], tile: ReflectanceTile
) -> list[tuple[float, float, float]]:
    """Return middle in nm, certified and measured mean reflectance of five bands as wide as one another.

    The bands share what axis (n,) and certificate have in common; points of `reflectance` (n,) that are
    NaN are left out.

    Raises:
        ValueError: the two have no five points in common.
    """
    common = (
        np.isfinite(reflectance)
        & (wavelength_nm >= tile.wavelength_nm[0])
        & (wavelength_nm <= tile.wavelength_nm[-1])
    )
    axis_nm, measured = wavelength_nm[common], reflectance[common]
    if len(axis_nm) < _BANDS:
        raise ValueError(
            f"the certificate of {tile.id} covers {tile.wavelength_nm[0]:g} to {tile.wavelength_nm[-1]:g} "
            f"nm, expected the range of the spectrometer, {wavelength_nm[0]:g} to {wavelength_nm[-1]:g} nm"
        )
    certified = tile.reflectance_at(axis_nm)
    return [
        (
            round(float(axis_nm[band].mean()), 1),
            float(certified[band].mean()),
            float(measured[band].mean()),
        )
        for band in np.array_split(np.arange(len(axis_nm)), _BANDS)
    ]


def peak_near(spectrum: Spectrum, certified_nm: float) -> float | None:
    """Return the place in nm of the absorbance maximum near a certified one; None if there is none.

    The top of a parabola through the five points around the greatest, by least squares.
    """
    axis_nm, absorbance = spectrum.wavelength_nm[spectrum.valid], spectrum.absorbance[spectrum.valid]
    near = np.flatnonzero(np.abs(axis_nm - certified_nm) <= _SEARCH_NM)
    if len(near) == 0:
        return None
    top = int(near[np.argmax(absorbance[near])])
    half = _FIT_POINTS // 2
    # A greatest value at the edge of what was searched is the flank of something else.
    if top in (near[0], near[-1]) or top < half or top + half >= len(axis_nm):
        return None
    fitted = slice(top - half, top + half + 1)
    distance_nm = axis_nm[fitted] - axis_nm[top]
    curvature, slope, _ = np.polyfit(distance_nm, absorbance[fitted], 2)
    if curvature >= 0.0:
        return None
    return float(axis_nm[top] - slope / (2.0 * curvature))
