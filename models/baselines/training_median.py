"""The answer of one who never looks: the median shares and the commonest main fibre of the training."""

import numpy as np

from models.baselines.known_spectra import pooled
from models.baselines.method import Answers, Reads, answers_from
from models.training.examples import Examples


class TrainingMedian:
    """Implements `Method`: the least to beat. Each specimen counts once."""

    name = "training median"
    reads: Reads = "signal"

    def fit(self, training: Examples, validation: Examples, seed: int) -> None:
        """Count both parts; nothing is drawn, so `seed` is without effect."""
        del seed
        known = pooled(training, validation)
        _, first = np.unique(known.specimens, return_index=True)
        self._shares = answers_from(np.median(known.shares[first], axis=0)[None]).shares
        self._main = int(np.bincount(known.main[first]).argmax())

    def answer(self, examples: Examples) -> Answers:
        """Return the same answer for every row."""
        n = len(examples)
        return Answers(np.full(n, self._main), np.repeat(self._shares, n, axis=0))
