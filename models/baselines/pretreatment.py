"""What a chemometrician does to spectra before any calibration: SNV, then a Savitzky-Golay derivative."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from models.preprocessing import snv

NARROW, WIDE = 5, 11  # bands of the smoothing window: sharp bands, or noise
_ORDER = 2  # of the polynomial


def snv_derivative(absorbance: NDArray[np.float64], window: int = NARROW) -> NDArray[np.float64]:
    """Return (n, bands): the first derivative per band of the SNV spectra of (n, bands) absorbance.

    Savitzky and Golay, Analytical Chemistry 36 (1964) 1627: a parabola through `window` bands.
    """
    derivative: NDArray[np.float64] = savgol_filter(snv(absorbance), window, _ORDER, deriv=1, axis=1)
    return derivative


def pretreated(estimator: Any) -> Pipeline:
    """Return `estimator` behind the pre-treatment; its step is named "method"."""
    treatment = FunctionTransformer(snv_derivative, kw_args={"window": NARROW})
    return Pipeline([("pretreatment", treatment), ("method", estimator)])
