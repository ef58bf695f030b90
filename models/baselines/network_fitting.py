"""Fit the neural methods of the comparison tables: one recipe for all of them, ISiC-Net's.

The same draws, variations, optimiser and rate; the same number of steps for every method; the epoch
with the smallest error on the validation specimens is kept.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.baselines.method import Answers, Reads
from models.baselines.network import Encoder, Network, NetworkLoss, Sizes
from models.export import load_weights, weights_of
from models.mindspore_import import ms
from models.preprocessing import signal_channels
from models.training.examples import CROP_MARGIN_PX, Examples, centre_crops, draw_batch, row_weights
from models.training.isic_fitting import TrainingSettings
from models.training.optimisation import adamw, compiled_step, rate_factor
from models.training.validation import specimen_error, thinned
from qc_daemon.domain.errors import DatasetError

RECIPE = TrainingSettings()  # batch, rate and decay as ISiC-Net's
_ANSWERED_AT_ONCE = 32
Arrays = tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, slots=True)
class Budget:
    """How long every method is trained; none stops earlier."""

    epochs: int
    steps_per_epoch: int


class NetworkMethod:
    """A neural row of the tables; implements `Method`.

    A method that reads images learns from rows that have one, 16 a step, as many as ISiC-Net sees; one
    that reads the spectrum alone learns from all rows, 64 a step.

    Attributes:
        encoder: builds the untrained encoder for given sizes.
        validation_errors: mean absolute share error after each epoch of the last `fit`; not a number
            without validation rows.
    """

    def __init__(self, name: str, reads: Reads, encoder: Callable[[Sizes], Encoder], budget: Budget) -> None:
        self._name, self._reads = name, reads
        self.encoder, self._budget = encoder, budget
        self._serve: Callable[..., tuple[ms.Tensor, ms.Tensor]] | None = None
        self.validation_errors: list[float] = []

    @property
    def name(self) -> str:
        """The row's name in the tables."""
        return self._name

    @property
    def reads(self) -> Reads:
        """What it looks at of an example."""
        return self._reads

    def fit(self, training: Examples, validation: Examples, seed: int) -> None:
        """Train from nothing and keep the best epoch, or the last one if `validation` has no row to read.

        Raises:
            DatasetError: no row of `training` can be read.
        """
        training, watched = self._readable(training), thinned(self._readable(validation))
        if len(training) == 0:
            raise DatasetError(f"{self._name}: no training row has a micrograph; expected some to learn from")
        ms.set_seed(seed)
        network = Network(self.encoder(_sizes(training)), len(training.fibres))
        step = training_step(network)
        self._serve = _served(network)
        self.validation_errors, best = [], weights_of(network)
        for epoch in range(self._budget.epochs):
            generator = np.random.default_rng([seed, epoch + 1])
            self._run_epoch(step, training, epoch, generator)
            error = specimen_error(self.answer(watched).shares, watched) if len(watched) else np.nan
            if not error >= min(self.validation_errors, default=np.inf):  # true of the unknown as well
                best = weights_of(network)
            self.validation_errors.append(error)
        load_weights(network, best, Path(self._name))

    def answer(self, examples: Examples) -> Answers:
        """Return the main fibre and the shares of each example.

        Raises:
            DatasetError: the method reads images, and a row has none.
        """
        if self._serve is None:
            raise ValueError(f"{self._name}: fit it before it answers")
        lacking = len(examples) - len(self._readable(examples))
        if lacking:
            raise DatasetError(f"{self._name}: {lacking} rows have no micrograph; expected one in each")
        parts = [self._serve(*(ms.Tensor(a) for a in arrays)) for arrays in self._batches(examples)]
        logits, shares = (
            np.concatenate([part[place].asnumpy() for part in parts])[: len(examples)] for place in (0, 1)
        )
        return Answers(logits.argmax(axis=1), shares.astype(np.float64))

    def _readable(self, examples: Examples) -> Examples:
        return examples if self._reads == "signal" else examples.take(examples.with_image)

    def _run_epoch(
        self, step: Callable[..., float], training: Examples, epoch: int, generator: np.random.Generator
    ) -> None:
        weights, steps = row_weights(training), self._budget.steps_per_epoch
        for number in range(steps):
            done = (epoch + number / steps) / self._budget.epochs
            shares, inputs = draw_inputs(self._reads, training, weights, generator)
            step(RECIPE.learning_rate * rate_factor(done), shares, *inputs)

    def _batches(self, examples: Examples) -> Iterator[Arrays]:
        """Yield inputs of one shape, the last filled up by repeating rows."""
        for start in range(0, len(examples), _ANSWERED_AT_ONCE):
            part = examples.take(np.arange(start, start + _ANSWERED_AT_ONCE) % len(examples))
            signal = () if self._reads == "image" else (signal_channels(part.absorbance),)
            image = () if self._reads == "signal" else (centre_crops(part.images[part.image_of]),)
            yield signal + image


def training_step(network: Network) -> Callable[..., float]:
    """Return the compiled function of the rate, the shares and the inputs that moves the weights once."""
    optimizer = adamw(network, RECIPE.learning_rate, RECIPE.weight_decay)
    loss = NetworkLoss(network)
    network.set_train(True)
    return compiled_step(loss, optimizer)


def draw_inputs(
    reads: Reads, training: Examples, weights: NDArray[np.float64], generator: np.random.Generator
) -> tuple[NDArray[np.float32], Arrays]:
    """Draw a batch as ISiC-Net does; return its shares (B, K) and what the method reads of it."""
    if reads == "signal":
        batch = draw_batch(training, weights, RECIPE.signals + RECIPE.paired, 0, generator)
        return batch.shares, (batch.signal,)
    batch = draw_batch(training, weights, 0, RECIPE.paired, generator)
    return batch.shares, (batch.image,) if reads == "image" else (batch.signal, batch.image)


def _sizes(examples: Examples) -> Sizes:
    side = max(examples.images.shape[1] - CROP_MARGIN_PX, 0)
    return Sizes(len(examples.fibres), examples.absorbance.shape[1], side)


def _served(network: Network) -> Callable[..., tuple[ms.Tensor, ms.Tensor]]:
    """Return the network as it answers, out of training for the time of an answer."""

    @ms.jit  # type: ignore[untyped-decorator]
    def construct(*inputs: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        answers: tuple[ms.Tensor, ms.Tensor] = network(*inputs)
        return answers

    def serve(*inputs: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        network.set_train(False)
        answers: tuple[ms.Tensor, ms.Tensor] = construct(*inputs)
        network.set_train(True)
        return answers

    return serve
