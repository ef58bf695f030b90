"""Linear regression of the shares with a ridge, because bands outnumber specimens."""

import numpy as np
from sklearn.linear_model import Ridge

from models.baselines.grouped_choice import choose_settings
from models.baselines.known_spectra import pooled
from models.baselines.method import Answers, Reads, answers_from
from models.baselines.pretreatment import pretreated
from models.training.examples import Examples


class RidgeRegression:
    """Implements `Method`; the strength of the ridge is chosen over specimens."""

    name = "LR (ridge)"
    reads: Reads = "signal"

    def fit(self, training: Examples, validation: Examples, seed: int) -> None:
        """Learn from both parts."""
        known = pooled(training, validation)
        model = choose_settings(pretreated(Ridge()), {"alpha": list(np.logspace(-5, 1, 7))}, known, seed)
        self._model = model.fit(known.absorbance, known.shares)

    def answer(self, examples: Examples) -> Answers:
        """Return the regression's shares, cut at 0; the main fibre is the largest."""
        return answers_from(self._model.predict(examples.absorbance))
