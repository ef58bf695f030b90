"""Choose the specimens whose spectra span the cone of the known.

One after the other, always the specimen that sticks out furthest of the cone of those before: few of them
then span nearly what all do. Their means are compared as smoothed second derivatives of the SNV spectrum,
in which neither scatter nor weather looks like a fibre.
"""

import numpy as np
from numpy.typing import NDArray

from models.known_cone import KnownCone
from models.preprocessing import signal_channels
from models.training.examples import Examples, row_weights
from models.training.unmixing import second_derivatives

Floats = NDArray[np.float64]

_WIDTHS = (9, 13, 17)  # bands; those of the plainest unmixing
_SPECTRA = 40  # in the cone; with 24 it is a hundredth worse at telling the types of a mid-infrared set
_CANDIDATES = 300
_TINY = 1e-12


def known_cone(training: Examples, seed: int) -> KnownCone:
    """Return the cone of at most 40 specimens; where there are thousands, of a fair draw of them."""
    means = _specimen_means(training, np.random.default_rng([seed, 5]))
    inputs = signal_channels(means).reshape(len(means), -1).astype(np.float64)
    pretreatment: Floats = np.mean(second_derivatives(_WIDTHS, inputs.shape[1]), axis=0)
    treated = inputs @ pretreatment.T
    spectra = treated / np.maximum(np.linalg.norm(treated, axis=1, keepdims=True), _TINY)
    return KnownCone(pretreatment, spectra[_outermost(spectra)])


def _specimen_means(training: Examples, generator: np.random.Generator) -> Floats:
    """Return the mean absorbance (s, bands) of all specimens, or of those drawn."""
    names, inverse = np.unique(np.array(training.specimens), return_inverse=True)
    means: Floats = np.zeros((len(names), training.absorbance.shape[1]))
    np.add.at(means, inverse, training.absorbance)
    means /= np.bincount(inverse)[:, None]
    if len(names) <= _CANDIDATES:
        return means
    weights = np.bincount(inverse, row_weights(training))
    drawn = generator.choice(len(names), _CANDIDATES, replace=False, p=weights)
    fair: Floats = means[drawn]
    return fair


def _outermost(spectra: Floats) -> NDArray[np.intp]:
    """Return the numbers of the spectra that span the cone, beginning with the most ordinary one."""
    if len(spectra) <= _SPECTRA:
        return np.arange(len(spectra))
    chosen = [int((spectra @ spectra.mean(axis=0)).argmax())]
    while len(chosen) < _SPECTRA:
        outside = KnownCone(np.eye(0), spectra[chosen]).residual_of(spectra)
        chosen.append(int(outside.argmax()))
    return np.array(chosen, dtype=np.intp)
