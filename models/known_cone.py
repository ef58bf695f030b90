"""The cone of the known: everything that non-negative amounts of known specimens' spectra add up to.

A blend of known fabrics lies inside it; a fabric of another fibre sticks out, even where a linear
space of the known would reach it by taking more of one spectrum away than is there.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_RIDGE = 1e-9  # keeps spectra that are all but equal apart in the cross products
_LEAST_GAIN = 1e-9  # of the squared error by one more unit of a spectrum that is worth taking in
_TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class KnownCone:
    """Spectra of known specimens, and as what they are compared.

    Attributes:
        pretreatment: (f, m) linear map from inputs (m,) to what is compared.
        spectra: (s, f) of known specimens after it, each of length 1.
        products: (s, s) of the spectra with one another.
    """

    pretreatment: Floats
    spectra: Floats
    products: Floats = field(init=False)

    def __post_init__(self) -> None:
        ridge = _RIDGE * np.eye(len(self.spectra))
        object.__setattr__(self, "products", self.spectra @ self.spectra.T + ridge)

    def residual(self, inputs: Floats) -> Floats:
        """Return (n,) lengths of what of (n, m) inputs lies outside the cone, in parts 0..1 of their own."""
        # Not @: BLAS would wake a second thread for so little, which takes longer than the work.
        return self.residual_of(np.einsum("fm,nm->nf", self.pretreatment, inputs))

    def residual_of(self, treated: Floats) -> Floats:
        """Return the same for (n, f) inputs after the pretreatment."""
        left = np.zeros(len(treated))
        for row, values in enumerate(treated):
            amounts = non_negative(self.products, self.spectra @ values)
            left[row] = np.linalg.norm(values - amounts @ self.spectra)
        relative: Floats = left / np.maximum(np.linalg.norm(treated, axis=1), _TINY)
        return relative


def non_negative(products: Floats, projected: Floats) -> Floats:
    """Return the amounts (s,) ≥ 0 that minimise x·products·x - 2·projected·x.

    The active-set method of Lawson and Hanson, Solving Least Squares Problems (1974), chapter 23, on
    cross products as in Bro and de Jong, Journal of Chemometrics 11 (1997) 393. SciPy has it, too, but
    importing `scipy.optimize` would cost the station 30 MB.
    """
    amounts = np.zeros(len(projected))
    taken = np.zeros(len(projected), dtype=bool)
    for _ in range(3 * len(projected)):
        gain = np.where(taken, 0.0, projected - products @ amounts)
        best = int(gain.argmax())
        if gain[best] <= _LEAST_GAIN:
            break
        taken[best] = True
        amounts = _within_bounds(products, projected, amounts, taken)
    return amounts


def _within_bounds(products: Floats, projected: Floats, amounts: Floats, taken: NDArray[np.bool_]) -> Floats:
    """Return the best amounts of the `taken`, of which those are let go that would fall below 0."""
    while True:
        solved = _solve(products, projected, taken)
        below = taken & (solved <= 0.0)
        if not below.any():
            return solved
        way = amounts[below] / (amounts[below] - solved[below])
        amounts = amounts + way.min() * (solved - amounts)
        taken[np.flatnonzero(below)[way.argmin()]] = False
        amounts[~taken] = 0.0


def _solve(products: Floats, projected: Floats, taken: NDArray[np.bool_]) -> Floats:
    solved = np.zeros(len(projected))
    own = np.flatnonzero(taken)
    solved[own] = np.linalg.solve(products[own[:, None], own], projected[own])
    return solved
