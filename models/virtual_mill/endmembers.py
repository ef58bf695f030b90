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
        (922.8, 1724, 0.0110), (995.5, 592, 0.0017), (1096.6, 1253, 0.0049), (1214.5, 536, 0.0075),
        (1277.7, 284, 0.0024), (1369.4, 216, 0.0064), (1430.5, 208, 0.0191), (1470.3, 415, 0.0485),
        (1486.9, 232, 0.0306), (1548.4, 354, 0.0655), (1593.1, 164, 0.0263), (1640.3, 227, 0.0203),
        (1706.1, 125, 0.0047), (1734.9, 143, 0.0124), (1775.0, 168, 0.0119), (1824.2, 146, 0.0063),
        (1931.2, 158, 0.0836), (2010.2, 306, 0.0148), (2093.2, 187, 0.1604), (2139.6, 243, 0.0982),
        (2273.0, 68, 0.0520), (2335.3, 238, 0.1700), (2370.0, 225, 0.0719), (2481.3, 121, 0.4513),
    ),
    "nylon": (
        (917.4, 812, 0.0017), (1038.9, 555, 0.0010), (1198.6, 272, 0.0083), (1224.4, 1135, 0.0049),
        (1375.2, 242, 0.0060), (1393.4, 139, 0.0054), (1421.0, 197, 0.0111), (1466.5, 272, 0.0130),
        (1503.0, 163, 0.0129), (1536.0, 155, 0.0247), (1571.8, 115, 0.0134), (1608.0, 213, 0.0201),
        (1655.8, 95, 0.0150), (1705.2, 17, 0.1052), (1719.6, 56, 0.1126), (1755.1, 127, 0.0748),
        (1801.0, 215, 0.0319), (1880.1, 274, 0.0155), (1944.2, 199, 0.0199), (1983.8, 332, 0.0460),
        (2047.4, 79, 0.1394), (2089.3, 313, 0.0336), (2140.7, 174, 0.0233), (2177.3, 141, 0.0714),
        (2230.2, 333, 0.1095), (2290.5, 58, 0.2593), (2347.0, 175, 0.1820), (2384.6, 272, 0.0816),
        (2434.8, 359, 0.1398), (2480.1, 96, 0.0888),
    ),
    "polyester": (
        (904.9, 3353, 0.0015), (1128.4, 168, 0.0046), (1173.0, 458, 0.0027), (1378.2, 385, 0.0030),
        (1412.3, 145, 0.0033), (1440.7, 260, 0.0026), (1508.0, 220, 0.0008), (1620.2, 134, 0.0047),
        (1649.6, 80, 0.0248), (1660.6, 59, 0.1361), (1675.0, 157, 0.1471), (1721.1, 98, 0.0379),
        (1748.1, 160, 0.0233), (1800.0, 133, 0.0099), (1829.6, 94, 0.0092), (1890.5, 104, 0.0072),
        (1909.9, 73, 0.0112), (1951.6, 68, 0.0109), (1999.6, 101, 0.0022), (2085.9, 69, 0.0088),
        (2130.0, 57, 0.3328), (2154.9, 79, 0.1499), (2176.8, 58, 0.0203), (2258.4, 71, 2.0011),
        (2282.2, 83, 0.2594), (2331.9, 112, 1.4230), (2370.0, 165, 0.6055), (2424.8, 99, 0.3886),
        (2445.6, 31, 3.9947), (2478.5, 114, 0.0394),
    ),
    "wool": (
        (923.6, 835, 0.0090), (1017.7, 535, 0.0034), (1181.1, 293, 0.0094), (1216.0, 222, 0.0037),
        (1364.9, 175, 0.0062), (1411.1, 230, 0.0233), (1444.3, 266, 0.0511), (1500.0, 310, 0.0675),
        (1534.1, 383, 0.0380), (1578.1, 251, 0.0262), (1618.8, 278, 0.0144), (1657.2, 378, 0.0259),
        (1690.6, 242, 0.1020),
        # Beyond the axis of the wool scans: published positions, heights by analogy with nylon.
        (1735.0, 120, 0.0600), (1765.0, 140, 0.0450), (1940.0, 200, 0.1500), (2055.0, 110, 0.1600),
        (2175.0, 130, 0.1500), (2300.0, 110, 0.1800), (2350.0, 160, 0.1600),
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
