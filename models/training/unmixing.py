"""Fibre shares by unmixing: a spectrum as the sum of what each fibre adds to it.

Each fibre's own spectrum is the least-squares one over all known specimens, pure or blended, and the
shares are what of each a new spectrum holds. Few numbers are learnt, and none of them can say "this is
that fabric": where compositions are few, that decides whether one never seen is read right.

Two things are taken care of. SNV divides a spectrum by its spread, so what a fibre adds to a blend is in
proportion to its own spread (`_gains`). And specimens of the same shares differ, by dye, weave and
weather; directions in which they do may count for less (`clutter`): generalised least squares, as in
Martens et al., Journal of Pharmaceutical and Biomedical Analysis 9 (1991) 625, and in external parameter
orthogonalisation, Roger et al., Chemometrics and Intelligent Laboratory Systems 66 (2003) 191.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from models.training.linear_anchor import LinearAnchor

Floats = NDArray[np.float64]

_GAIN_RIDGE = 0.05  # draws the fibres' spreads together where the specimens hardly tell them apart
_LEAST_GAIN = 0.2  # of the mean spread
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Unmixing:
    """How to unmix.

    Attributes:
        widths: of the Savitzky-Golay second derivatives of the SNV spectrum in bands, each unmixed on its own
            and the answers averaged; () for the network's two channels as they are.
        clutter: None to count all directions alike; else they count by the differences of specimens of the
            same shares, and the smaller this number, the more so.
    """

    widths: tuple[int, ...]
    clutter: float | None


def fit_unmixing(
    how: Unmixing, inputs: Floats, spreads: Floats, shares: Floats, specimens: Sequence[str]
) -> LinearAnchor:
    """Return the map from inputs to shares, not yet normalised.

    Args:
        how: what to unmix, and by which measure.
        inputs: (n, 2 bands) SNV spectra and their derivatives.
        spreads: (n,) standard deviation of each row's absorbance, which SNV took out.
        shares: (n, k); a fibre that is in no row is never found.
        specimens: n names; each counts once.
    """
    weights = specimen_weights(specimens)
    gained = inputs * (shares @ _gains(spreads, shares, weights))[:, None]
    parts = []
    for features in _features(how, inputs.shape[1]):
        unmixed = _unmix(gained @ features.T, shares, specimens, weights, how.clutter)
        parts.append(unmixed @ features)
    weight: Floats = np.mean(parts, axis=0)
    return LinearAnchor(weight, np.zeros(shares.shape[1]), 0)


def specimen_weights(specimens: Sequence[str]) -> Floats:
    """Return (n,) weights that sum to 1 and give each specimen the same."""
    _, inverse, counts = np.unique(np.array(specimens), return_inverse=True, return_counts=True)
    weights: Floats = 1.0 / (len(counts) * counts[inverse])
    return weights


def second_derivatives(widths: Sequence[int], inputs: int) -> list[Floats]:
    """Return Savitzky-Golay of the SNV spectrum as linear maps (inputs / 2, inputs), one for each width."""
    bands = inputs // 2
    maps = []
    for width in widths:
        fitting = min(width, bands - 1 + bands % 2)
        second = savgol_filter(np.eye(bands), fitting, 2, deriv=2, axis=0)
        maps.append(np.concatenate([second, np.zeros((bands, bands))], axis=1))
    return maps


def _gains(spreads: Floats, shares: Floats, weights: Floats) -> Floats:
    """Return (k,) how far a fibre's absorbance spreads, in units of the mean specimen's."""
    mean = float(weights @ spreads)
    differences = _endmembers((spreads - mean)[:, None], shares, weights, _GAIN_RIDGE)[:, 0]
    gains: Floats = np.maximum(mean + differences, _LEAST_GAIN * mean) / mean
    return gains


def _endmembers(values: Floats, shares: Floats, weights: Floats, ridge: float) -> Floats:
    """Return (k, m): what shares (n, k) have to be multiplied with to give values (n, m)."""
    weighted = shares * weights[:, None]
    normal = weighted.T @ shares
    # In proportion to a fibre's own: a rare one is not drawn in more than the others.
    normal += ridge * np.diag(np.maximum(np.diag(normal), _TINY))
    solved: Floats = np.linalg.solve(normal, weighted.T @ values)
    return solved


def _features(how: Unmixing, inputs: int) -> list[Floats]:
    """Return the linear maps (f, inputs) from the network's inputs to what is unmixed."""
    if not how.widths:
        return [np.eye(inputs)]
    return second_derivatives(how.widths, inputs)


def _unmix(
    values: Floats, shares: Floats, specimens: Sequence[str], weights: Floats, clutter: float | None
) -> Floats:
    """Return (k, m): generalised least squares of values (n, m) on the fibres' own."""
    fibres = _endmembers(values, shares, weights, _TINY)
    measured = fibres
    if clutter is not None:
        covariance = _differences(values - shares @ fibres, specimens)
        spread, directions = np.linalg.eigh(covariance)
        counts = 1.0 / (np.maximum(spread, 0.0) + clutter * max(spread.mean(), _TINY))
        measured = ((fibres @ directions) * counts) @ directions.T
    solved: Floats = np.linalg.pinv(measured @ fibres.T, rcond=_TINY) @ measured
    return solved


def _differences(residuals: Floats, specimens: Sequence[str]) -> Floats:
    """Return (m, m): how specimens of equal shares differ, plus how the scans of one specimen do."""
    names, inverse = np.unique(np.array(specimens), return_inverse=True)
    means = np.zeros((len(names), residuals.shape[1]))
    np.add.at(means, inverse, residuals)
    means /= np.bincount(inverse)[:, None]
    within = residuals - means[inverse]
    weighted = within * specimen_weights(specimens)[:, None]
    covariance: Floats = means.T @ means / len(names) + weighted.T @ within
    return covariance
