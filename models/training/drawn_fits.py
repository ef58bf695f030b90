"""Fits on spectra drawn as training draws them, blends and other units included."""

import numpy as np

from models.calibration import SignalSubspace, fit_subspace
from models.preprocessing import signal_channels
from models.training.examples import Examples, row_weights, vary
from models.training.linear_anchor import LinearAnchor, fit_anchor

_MOST_ROWS, _LEAST_ROWS = 3000, 300


def drawn_anchor(training: Examples, seed: int) -> LinearAnchor:
    """Return the linear calibration, fitted half on spectra as measured and half on varied ones."""
    generator = np.random.default_rng([seed, 0])
    weights = row_weights(training)
    count = int(np.clip(len(training), _LEAST_ROWS, _MOST_ROWS))
    rows = generator.choice(len(training), count, p=weights)
    varied, varied_shares = vary(training, rows, weights, generator)
    absorbance = np.concatenate([training.absorbance[rows], varied])
    shares = np.concatenate([training.shares[rows], varied_shares])
    names = [training.specimens[row] for row in rows] * 2
    inputs = signal_channels(absorbance).reshape(len(absorbance), -1).astype(np.float64)
    return fit_anchor(inputs, shares, names)


def drawn_subspace(training: Examples, seed: int) -> SignalSubspace:
    """Return the space that the known spans."""
    generator = np.random.default_rng([seed, 1])
    weights = row_weights(training)
    rows = generator.choice(len(training), min(_MOST_ROWS, 20 * len(training)), p=weights)
    absorbance, _ = vary(training, rows, weights, generator)
    return fit_subspace(signal_channels(absorbance).reshape(len(rows), -1).astype(np.float64))
