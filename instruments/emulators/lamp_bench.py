"""What a detector sees of a scene under a lamp that can be switched: light over any axis, and drift."""

import math

import numpy as np
from numpy.typing import NDArray

from instruments.emulators.faults import ActiveFaults
from instruments.emulators.scene import Scene, warming_c

# A recorded lamp monitor falls by 2.9 of 3836 counts for each °C that the device warms up.
_LAMP_PER_C = 2.9 / 3836.0
_COLD_C = 30.5
_GLOW_S = 0.3  # time constant of a filament

LAMP_FAULTS = {
    "lamp_off": "no light: the counts stay at the dark level",
    "lamp_dim": "the lamp gives VALUE of its light (0.5)",
}


def light(
    scene: Scene, wavelength_nm: NDArray[np.float64], lit_s: float, powered_s: float, faults: ActiveFaults
) -> NDArray[np.float64]:
    """Return (n,) light at `wavelength_nm`, where the brightest band of the white tile reads 1.

    Args:
        scene: what lies in front of the window.
        wavelength_nm: (n,) wavelengths of the detector, within those of the tape.
        lit_s: how long the lamp has been on.
        powered_s: how long the device has been on.
        faults: of the lamp.
    """
    if faults.value("lamp_off"):
        return np.zeros(wavelength_nm.size)
    counts = np.interp(wavelength_nm, scene.tape.wavelength_nm, scene.counts)
    warm = 1.0 - _LAMP_PER_C * (warming_c(powered_s) - _COLD_C)
    glow = 1.0 - math.exp(-lit_s / _GLOW_S)
    dim = faults.value("lamp_dim", default=0.5) or 1.0
    seen: NDArray[np.float64] = counts / scene.white_counts().max() * warm * glow * dim
    return seen
