"""A memory of known fabrics: near one, the calibration's error there is taken off; far from all, nothing is.

Kernel ridge regression with a radial basis on what the linear calibration left over. Its reach is short
on purpose. A specimen of a known fabric is read as that fabric was; a new one by the linear calibration,
which alone can speak of it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.training.linear_anchor import LinearAnchor

Floats = NDArray[np.float64]

# Shares of the linear calibration are at least this before they are normalised, and the remembered ones
# end in a curve above zero; both as in `models.isic_net`.
LEAST_SHARE, BEND = 1e-4, 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """Corrections remembered at M places.

    Attributes:
        offset: (m,) taken off the inputs first.
        scale: what they are multiplied with then.
        centres: (M, m), moved and scaled like the inputs.
        weights: (M, k).
    """

    offset: Floats
    scale: float
    centres: Floats
    weights: Floats

    def correction(self, inputs: Floats) -> Floats:
        """Return (n, k) for (n, m)."""
        scaled = (inputs - self.offset) * self.scale
        corrected: Floats = np.exp(-squared_distances(scaled, self.centres)) @ self.weights
        return corrected


@dataclass(frozen=True, slots=True, eq=False)
class RememberingAnchor:
    """A linear calibration whose shares a memory corrects."""

    linear: LinearAnchor
    memory: Memory

    def shares(self, inputs: Floats) -> Floats:
        """Return (n, k) shares that are positive and sum to 1, for (n, m) inputs."""
        return remembered(linear_shares(self.linear, inputs), self.memory.correction(inputs))


def linear_shares(linear: LinearAnchor, inputs: Floats) -> Floats:
    """Return (n, k) of the linear calibration, positive and normalised."""
    positive = np.maximum(inputs @ linear.weight.T + linear.bias, 0.0) + LEAST_SHARE
    shares: Floats = positive / positive.sum(axis=1, keepdims=True)
    return shares


def remembered(shares: Floats, correction: Floats) -> Floats:
    """Return (n, k) corrected shares, positive and normalised again."""
    corrected = shares + correction
    positive = 0.5 * (corrected + np.sqrt(corrected**2 + BEND))
    normalised: Floats = positive / positive.sum(axis=1, keepdims=True)
    return normalised


def squared_distances(first: Floats, second: Floats) -> Floats:
    """Return (n, M) squared distances of (n, m) and (M, m)."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)
    distances: Floats = np.maximum(squares - 2.0 * first @ second.T, 0.0)
    return distances
