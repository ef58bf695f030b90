"""The linear calibration that the network starts from: partial least squares on the network's inputs.

PLS is what a spectroscopist would fit first, and on a few dozen specimens it is hard to beat. The
number of latent variables is chosen by groups, never by rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import GroupKFold

MAX_LATENT_VARIABLES = 12
_FOLDS = 5
# A further latent variable has to lower the error by this part of it; a bare minimum overfits.
_WORTHWHILE = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class LinearAnchor:
    """shares = weight @ inputs + bias.

    Attributes:
        weight: (k, inputs).
        bias: (k,).
        latent_variables: how many PLS used.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    latent_variables: int

    def shares(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n, k) shares that are positive and sum to 1, for (n, inputs)."""
        positive = np.maximum(inputs @ self.weight.T + self.bias, 1e-6)
        normalised: NDArray[np.float64] = positive / positive.sum(axis=1, keepdims=True)
        return normalised


def fit_anchor(
    inputs: NDArray[np.float64], shares: NDArray[np.float64], groups: Sequence[str]
) -> LinearAnchor:
    """Fit PLS of (n, k) shares on (n, m) inputs; `groups` (n,) stay whole in the choice of its size."""
    count = choose_latent_variables(inputs, shares, groups)
    if count == 0:
        weight = np.zeros((shares.shape[1], inputs.shape[1]))
        return LinearAnchor(weight, shares.mean(axis=0), 0)
    fitted = PLSRegression(count, scale=False).fit(inputs, shares)
    weight = fitted.coef_.reshape(shares.shape[1], inputs.shape[1])
    return LinearAnchor(weight, shares.mean(axis=0) - weight @ inputs.mean(axis=0), count)


def choose_latent_variables(
    inputs: NDArray[np.float64], shares: NDArray[np.float64], groups: Sequence[str]
) -> int:
    """Return the number of latent variables by cross-validation over groups; 0 if nothing varies."""
    if np.ptp(shares, axis=0).max() == 0.0 or np.ptp(inputs, axis=0).max() == 0.0:
        return 0
    distinct = len(set(groups))
    limit = min(MAX_LATENT_VARIABLES, len(inputs) - 1, inputs.shape[1])
    if distinct < 3:
        return min(2, limit)
    errors = np.zeros(limit)
    for fitted, left_out in GroupKFold(min(_FOLDS, distinct)).split(inputs, shares, groups):
        errors += _errors(inputs, shares, fitted, left_out, limit)
    best = 0
    for count in range(1, limit):
        if errors[count] < (1.0 - _WORTHWHILE) ** (count - best) * errors[best]:
            best = count
    return best + 1


def _errors(
    inputs: NDArray[np.float64],
    shares: NDArray[np.float64],
    fitted: NDArray[np.intp],
    left_out: NDArray[np.intp],
    limit: int,
) -> NDArray[np.float64]:
    """Return (limit,) summed absolute errors on the rows left out, with 1..limit latent variables."""
    errors = np.full(limit, np.inf)
    largest = min(limit, len(fitted) - 1)
    if largest < 1 or np.ptp(shares[fitted], axis=0).max() == 0.0:
        return np.zeros(limit)
    model = PLSRegression(largest, scale=False).fit(inputs[fitted], shares[fitted])
    centred = inputs[left_out] - inputs[fitted].mean(axis=0)
    predicted = np.tile(shares[fitted].mean(axis=0), (len(left_out), 1))
    for count in range(largest):
        # One fit serves all sizes: a latent variable adds its own term to the prediction.
        scores = centred @ model.x_rotations_[:, count : count + 1]
        predicted = predicted + scores @ model.y_loadings_[:, count : count + 1].T
        errors[count] = float(np.abs(np.clip(predicted, 0.0, 1.0) - shares[left_out]).sum())
    return errors
