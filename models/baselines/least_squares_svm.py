"""Least-squares support vector machine: kernel ridge with a bias, squared loss, equality constraints.

Suykens and Vandewalle, Neural Processing Letters 9 (1999) 293. As a classifier it is the same
system with class memberships as targets, so the largest share names the main fibre.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics.pairwise import rbf_kernel

from models.baselines.grouped_choice import choose_settings
from models.baselines.known_spectra import pooled
from models.baselines.method import Answers, Reads, answers_from
from models.baselines.pretreatment import pretreated
from models.training.examples import Examples

_GAMMAS = (0.03, 0.3, 3.0)
_PENALTIES = (1e1, 1e3, 1e5)


class LeastSquaresSvm:
    """Implements `Method`; penalty and kernel width are chosen over specimens.

    The kernel of all pairs of training rows has to fit into memory.
    """

    name = "LSSVM"
    reads: Reads = "signal"

    def fit(self, training: Examples, validation: Examples, seed: int) -> None:
        """Learn from both parts."""
        known = pooled(training, validation)
        grid = {"gamma": _GAMMAS, "penalty": _PENALTIES}
        model = choose_settings(pretreated(BiasedKernelRidge()), grid, known, seed)
        self._model = model.fit(known.absorbance, known.shares)

    def answer(self, examples: Examples) -> Answers:
        """Return the machine's shares, cut at 0; the main fibre is the largest."""
        return answers_from(self._model.predict(examples.absorbance))


class BiasedKernelRidge(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The system [[0, 1'], [1, K + I / penalty]] [bias, weights] = [0, targets], as scikit-learn has it."""

    def __init__(self, gamma: float = 0.3, penalty: float = 1e3) -> None:
        self.gamma = gamma
        self.penalty = penalty

    def fit(self, inputs: NDArray[np.float64], targets: NDArray[np.float64]) -> "BiasedKernelRidge":
        """Solve for the weights of (n, m) inputs and (n, k) targets."""
        kernel = rbf_kernel(inputs, gamma=self.gamma) + np.eye(len(inputs)) / self.penalty
        solved = np.linalg.solve(kernel, np.column_stack([np.ones(len(inputs)), targets]))
        ones, plain = solved[:, :1], solved[:, 1:]
        self.bias_ = plain.sum(axis=0) / ones.sum()
        self.weights_ = plain - ones * self.bias_
        self.inputs_ = inputs
        return self

    def predict(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n, k) for (n, m) inputs."""
        values: NDArray[np.float64] = (
            rbf_kernel(inputs, self.inputs_, gamma=self.gamma) @ self.weights_ + self.bias_
        )
        return values
