"""Random forest: trees that regress all shares at once on derivative spectra (Breiman 2001)."""

from sklearn.ensemble import RandomForestRegressor

from models.baselines.grouped_choice import choose_settings
from models.baselines.known_spectra import pooled
from models.baselines.method import Answers, Reads, answers_from
from models.baselines.pretreatment import pretreated
from models.training.examples import Examples

TREES = 400
_TREES_TO_CHOOSE = 40
_BANDS_PER_SPLIT = ("sqrt", 0.33)


class RandomForest:
    """Implements `Method`; how many bands a split may choose from is chosen over specimens.

    On pure specimens a leaf's shares are the frequencies of the classes in it, so the largest share
    is the vote of the trees.
    """

    name = "Random Forest"
    reads: Reads = "signal"

    def fit(self, training: Examples, validation: Examples, seed: int) -> None:
        """Learn from both parts."""
        known = pooled(training, validation)
        forest = pretreated(RandomForestRegressor(_TREES_TO_CHOOSE, random_state=seed))
        chosen = choose_settings(forest, {"max_features": _BANDS_PER_SPLIT}, known, seed)
        self._model = chosen.set_params(method__n_estimators=TREES).fit(known.absorbance, known.shares)

    def answer(self, examples: Examples) -> Answers:
        """Return the mean of the trees; the main fibre is the largest share."""
        return answers_from(self._model.predict(examples.absorbance))
