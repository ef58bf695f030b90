"""Partial least squares: the calibration that any reviewer will ask for."""

from models.baselines.known_spectra import pooled
from models.baselines.method import Answers, Reads, answers_from
from models.baselines.pretreatment import snv_derivative
from models.training.examples import Examples
from models.training.linear_anchor import fit_anchor


class PartialLeastSquares:
    """Implements `Method`; the number of latent variables is chosen over specimens.

    A further latent variable has to pay (see `choose_latent_variables`): with the bare minimum of
    the error, compositions that were not trained on come out worse than by answering the median.
    """

    name = "PLS"
    reads: Reads = "signal"

    def fit(self, training: Examples, validation: Examples, seed: int) -> None:
        """Learn from both parts; nothing is drawn, so `seed` is without effect."""
        del seed
        known = pooled(training, validation)
        self._line = fit_anchor(snv_derivative(known.absorbance), known.shares, list(known.specimens))

    def answer(self, examples: Examples) -> Answers:
        """Return the line's shares, cut at 0; the main fibre is the largest."""
        return answers_from(self._line.shares(snv_derivative(examples.absorbance)))
