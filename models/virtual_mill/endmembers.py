"""Absorption bands of the six fibres: what the virtual mill's spectra are made of.

Every band is a Gaussian in wavenumber, written (centre in nm, full width at half maximum in cm^-1,
height as K/S of Kubelka and Munk at average scattering). Band centres start from published
assignments (docs/virtual_mill.md lists them); centres, widths and heights of cotton, nylon,
polyester and wool were then fitted to recorded spectra of pure fabrics. Linen and viscose are
cotton with other weights: no recorded near-infrared spectrum of either was at hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FIBRES = ("cotton", "linen", "nylon", "polyester", "viscose", "wool")

_FITTED: Mapping[str, tuple[tuple[float, float, float], ...]] = {
    "cotton": (
        (922.7, 345, 0.0058), (1001.3, 610, 0.0040), (1213.1, 447, 0.0104), (1283.4, 454, 0.0056),
        (1373.7, 275, 0.0197), (1431.5, 248, 0.0686), (1471.5, 308, 0.0858), (1492.3, 229, 0.0755),
        (1543.7, 284, 0.1305), (1592.8, 193, 0.0747), (1645.0, 299, 0.0618), (1700.3, 108, 0.0319),
        (1732.2, 147, 0.0565), (1773.8, 161, 0.0579), (1828.1, 210, 0.0724), (1929.6, 220, 0.2146),
        (2008.3, 267, 0.0683), (2093.7, 174, 0.1767), (2143.2, 396, 0.2694), (2270.1, 73, 0.1347),
        (2332.7, 226, 0.2994), (2373.3, 204, 0.2179), (2493.7, 171, 0.8551),
    ),
    "nylon": (
        (922.1, 361, 0.0100), (1038.9, 408, 0.0036), (1162.7, 177, 0.0070), (1200.3, 281, 0.0528),
        (1246.2, 309, 0.0068), (1377.2, 161, 0.0103), (1389.9, 149, 0.0183), (1420.7, 224, 0.0383),
        (1467.9, 242, 0.0284), (1513.1, 213, 0.0568), (1539.5, 115, 0.0604), (1572.1, 94, 0.0501),
        (1602.9, 145, 0.0505), (1655.6, 231, 0.0216), (1690.0, 160, 0.0236), (1715.6, 111, 0.1854),
        (1752.6, 113, 0.1453), (1800.6, 248, 0.1008), (1878.8, 230, 0.0578), (1949.8, 214, 0.1697),
        (2014.9, 103, 0.1662), (2050.0, 60, 0.3226), (2087.0, 201, 0.1675), (2137.6, 104, 0.2034),
        (2183.1, 102, 0.3395), (2244.2, 176, 0.3234), (2291.4, 62, 0.6316), (2345.9, 181, 0.6332),
        (2384.4, 136, 0.3476), (2435.0, 150, 0.0154), (2481.4, 173, 0.6616),
    ),
    "polyester": (
        (914.1, 373, 0.0010), (1014.8, 589, 0.0008), (1128.9, 135, 0.0114), (1170.3, 205, 0.0044),
        (1371.3, 185, 0.0051), (1411.9, 179, 0.0086), (1442.3, 236, 0.0030), (1631.0, 139, 0.0121),
        (1652.1, 71, 0.0972), (1661.9, 47, 0.1477), (1676.1, 83, 0.0827), (1712.4, 170, 0.0571),
        (1748.2, 151, 0.0212), (1800.3, 191, 0.0214), (1832.3, 123, 0.0110), (1886.4, 155, 0.0169),
        (1910.0, 78, 0.0198), (1949.4, 81, 0.0271), (2005.7, 212, 0.0190), (2091.8, 145, 0.0575),
        (2130.1, 55, 0.2468), (2156.6, 39, 0.1720), (2182.4, 61, 0.1214), (2258.0, 54, 0.4780),
        (2265.9, 133, 0.5277), (2333.4, 101, 0.6425), (2369.0, 134, 0.4062), (2410.0, 81, 0.3686),
        (2446.2, 42, 1.9895), (2487.5, 53, 0.6141),
    ),
    "wool": (
        (920.0, 450, 0.0110), (1011.4, 645, 0.0056), (1181.3, 261, 0.0123), (1216.1, 259, 0.0026),
        (1366.7, 233, 0.0134), (1412.2, 210, 0.0393), (1449.7, 276, 0.0856), (1499.9, 242, 0.1049),
        (1536.8, 213, 0.0711), (1577.9, 195, 0.0575), (1621.0, 221, 0.0532), (1664.4, 133, 0.0906),
        (1693.8, 83, 0.1463),
        # Beyond the axis of the wool scans: published positions, heights by analogy with nylon.
        (1735.0, 130, 0.0850), (1765.0, 150, 0.0600), (1940.0, 220, 0.2500), (2055.0, 110, 0.3300),
        (2175.0, 130, 0.3400), (2300.0, 110, 0.3500), (2350.0, 170, 0.3500), (2450.0, 200, 0.4000),
    ),
}  # fmt: skip

# Liquid water between the fibres (moisture above or below the usual regain): published positions of
# its overtones and combinations; heights relative to the combination band near 1930 nm.
_WATER = ((970.0, 600.0, 0.015), (1190.0, 500.0, 0.04), (1450.0, 480.0, 0.30), (1935.0, 330.0, 1.0))

# Lignin and pectin, of which flax keeps a few percent: C-H and phenolic O-H overtones.
_LIGNIN = ((1140.0, 300.0, 0.05), (1415.0, 150.0, 0.20), (1672.0, 150.0, 0.35), (1920.0, 250.0, 0.5),
           (2140.0, 250.0, 0.5), (2270.0, 150.0, 0.7))  # fmt: skip

# The O-H overtones of cellulose sort by order: near 1428 nm amorphous, near 1480 nm semi-crystalline,
# near 1548 and 1592 nm crystalline.
_AMORPHOUS_NM, _CRYSTALLINE_NM = (1415.0, 1445.0), (1535.0, 1605.0)


@dataclass(frozen=True, slots=True)
class Bands:
    """Gaussian bands: centre in nm, width (FWHM) in cm^-1, height as K/S; (m,) each."""

    centre_nm: NDArray[np.float64]
    width_cm1: NDArray[np.float64]
    height: NDArray[np.float64]

    def absorption(self, wavelength_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return K/S (b,) of these bands."""
        wavenumber = 1e7 / wavelength_nm[:, None]
        distance = (wavenumber - 1e7 / self.centre_nm) / self.width_cm1
        total: NDArray[np.float64] = np.exp2(-4.0 * distance**2) @ self.height
        return total


def fibre_bands(fibre: str, crystallinity: float, lignin: float) -> Bands:
    """Return the bands of a fibre.

    Args:
        fibre: one of `FIBRES`.
        crystallinity: of the cellulose, relative to the cotton that was fitted (1.0); other fibres
            ignore it.
        lignin: K/S of the strongest lignin band; other fibres than linen have none.
    """
    if fibre not in {"cotton", "linen", "viscose"}:
        return _bands(_FITTED[fibre])
    cellulose = _bands(_FITTED["cotton"])
    amorphous = _inside(cellulose.centre_nm, _AMORPHOUS_NM)
    crystalline = _inside(cellulose.centre_nm, _CRYSTALLINE_NM)
    moved = (1.0 - crystallinity) * float(cellulose.height[crystalline].sum())
    height = cellulose.height.copy()
    height[crystalline] *= crystallinity
    height[amorphous] += moved / np.count_nonzero(amorphous) * _AMORPHOUS_GAIN
    cellulose = Bands(cellulose.centre_nm, cellulose.width_cm1, height)
    return _joined(cellulose, _bands(_LIGNIN), lignin) if fibre == "linen" else cellulose


def water_bands() -> Bands:
    """Return the bands of liquid water; the strongest has height 1."""
    return _bands(_WATER)


# Of the O-H absorption that leaves the crystalline bands, this part shows near 1428 nm, the rest is
# spread over the broad semi-crystalline band.
_AMORPHOUS_GAIN = 0.6


def _bands(rows: tuple[tuple[float, float, float], ...]) -> Bands:
    table = np.array(rows, dtype=np.float64)
    return Bands(table[:, 0], table[:, 1], table[:, 2])


def _joined(first: Bands, second: Bands, weight: float) -> Bands:
    return Bands(
        np.concatenate([first.centre_nm, second.centre_nm]),
        np.concatenate([first.width_cm1, second.width_cm1]),
        np.concatenate([first.height, weight * second.height]),
    )


def _inside(values: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.bool_]:
    return (values >= limits[0]) & (values <= limits[1])
