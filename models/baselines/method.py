"""What a method of the comparison tables is: fitted on examples, it answers examples."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from models.training.examples import Examples
from qc_daemon.domain.arrays import frozen_array

Reads = Literal["signal", "image", "both"]
MAX_SUM_ERROR = 1e-4  # of a row of shares; networks answer in 32 bits
_LEAST_SHARE = 1e-6  # so that a row without any positive share still sums to 1


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a method says of n examples.

    Attributes:
        main: (n,) index of the fibre that it names as the main one.
        shares: (n, k), each row sums to 1.
    """

    main: NDArray[np.intp]
    shares: NDArray[np.float64]

    def __post_init__(self) -> None:
        shares = frozen_array(self.shares, np.float64, (None, None), "shares")
        if not np.all(np.abs(shares.sum(axis=1) - 1.0) <= MAX_SUM_ERROR):
            raise ValueError("a row of shares does not sum to 1")
        object.__setattr__(self, "shares", shares)
        object.__setattr__(self, "main", frozen_array(self.main, np.intp, (len(shares),), "main"))


class Method(Protocol):
    """One row of a comparison table. Settings go to its constructor; fitting again starts afresh."""

    @property
    def name(self) -> str:
        """The row's name in the tables."""
        ...

    @property
    def reads(self) -> Reads:
        """What it looks at of an example."""
        ...

    def fit(self, training: Examples, validation: Examples, seed: int) -> None:
        """Learn from `training`.

        `validation` holds other specimens (it may be empty): a network stops by it; a method that
        chooses its settings inside `training` takes it as more specimens to learn from.
        """
        ...

    def answer(self, examples: Examples) -> Answers:
        """Return the main fibre and the shares of each example, in the order of `fibres` of the training."""
        ...


def answers_from(raw: NDArray[np.float64]) -> Answers:
    """Return (n, k) predictions as shares: cut at 0 and scaled to sum to 1, the largest the main fibre."""
    positive = np.maximum(raw, _LEAST_SHARE)
    return Answers(positive.argmax(axis=1), positive / positive.sum(axis=1, keepdims=True))
