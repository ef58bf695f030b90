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
        (923.6, 301, 0.0050), (998.4, 598, 0.0036), (1211.5, 453, 0.0118), (1285.0, 455, 0.0069),
        (1372.6, 275, 0.0223), (1432.1, 260, 0.0786), (1471.1, 299, 0.0800), (1491.8, 233, 0.0827),
        (1543.8, 292, 0.1358), (1593.7, 195, 0.0769), (1647.7, 295, 0.0677), (1701.2, 107, 0.0348),
        (1732.7, 146, 0.0614), (1773.8, 162, 0.0635), (1828.3, 212, 0.0803), (1929.5, 227, 0.2311),
        (2008.4, 263, 0.0700), (2093.6, 174, 0.1704), (2143.1, 409, 0.2778), (2270.1, 73, 0.1303),
        (2332.6, 226, 0.3127), (2374.0, 195, 0.2061), (2493.9, 176, 0.8450),
    ),
    "nylon": (
        (922.1, 361, 0.0118), (1038.6, 420, 0.0044), (1162.9, 178, 0.0081), (1200.2, 280, 0.0600),
        (1244.3, 308, 0.0077), (1378.3, 152, 0.0138), (1391.1, 151, 0.0189), (1421.0, 225, 0.0429),
        (1468.4, 240, 0.0321), (1513.8, 215, 0.0649), (1539.6, 113, 0.0658), (1572.0, 95, 0.0562),
        (1602.9, 144, 0.0560), (1655.4, 235, 0.0230), (1689.9, 162, 0.0262), (1715.6, 111, 0.2070),
        (1752.6, 113, 0.1626), (1800.6, 246, 0.1121), (1878.9, 231, 0.0656), (1949.7, 213, 0.1902),
        (2014.9, 104, 0.1848), (2050.0, 60, 0.3568), (2087.0, 204, 0.1863), (2137.6, 104, 0.2247),
        (2183.0, 101, 0.3715), (2243.9, 178, 0.3591), (2291.4, 62, 0.6950), (2345.4, 181, 0.6891),
        (2384.3, 137, 0.3988), (2435.0, 150, 0.0160), (2481.4, 172, 0.7326),
    ),
    "polyester": (
        (912.0, 364, 0.0010), (1015.9, 483, 0.0005), (1129.1, 125, 0.0125), (1170.5, 205, 0.0044),
        (1372.0, 181, 0.0055), (1412.1, 177, 0.0093), (1442.4, 252, 0.0033), (1630.6, 134, 0.0124),
        (1651.1, 65, 0.0748), (1661.4, 41, 0.1323), (1670.8, 123, 0.1164), (1714.7, 136, 0.0597),
        (1747.3, 146, 0.0292), (1800.5, 191, 0.0233), (1832.1, 122, 0.0118), (1886.4, 156, 0.0190),
        (1910.1, 79, 0.0223), (1949.3, 82, 0.0304), (2005.4, 216, 0.0212), (2091.8, 144, 0.0629),
        (2130.1, 55, 0.2742), (2156.6, 39, 0.1909), (2182.4, 60, 0.1340), (2258.0, 54, 0.5371),
        (2265.9, 133, 0.5861), (2333.5, 101, 0.7291), (2369.3, 132, 0.4429), (2409.9, 81, 0.4179),
        (2446.2, 42, 2.2272), (2487.2, 53, 0.6706),
    ),
    "wool": (
        (919.6, 448, 0.0108), (1013.3, 622, 0.0058), (1121.9, 287, 0.0003), (1181.2, 267, 0.0138),
        (1216.2, 260, 0.0030), (1366.7, 232, 0.0146), (1412.1, 211, 0.0426), (1449.5, 276, 0.0924),
        (1499.7, 243, 0.1113), (1536.8, 216, 0.0757), (1577.8, 195, 0.0596), (1621.0, 226, 0.0558),
        (1664.8, 133, 0.0914), (1693.8, 83, 0.1600),
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
