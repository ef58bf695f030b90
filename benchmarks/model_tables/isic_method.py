"""ISiC-Net as a method of the virtual tables: its parts on or off, fitted as long as every other network."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from models.baselines.method import Answers, Reads
from models.baselines.network_fitting import Budget
from models.isic_net import IsicNet
from models.mindspore_import import ms
from models.preprocessing import signal_channels
from models.training.examples import Examples, centre_crops
from models.training.isic_fitting import fit_network
from models.training.train_isic_net import Parts, configuration, training_settings

_ANSWERED_AT_ONCE = 32


class IsicMethod:
    """A row of the tables; implements `Method`."""

    def __init__(self, name: str, parts: Parts, budget: Budget) -> None:
        self._name, self._parts, self._budget = name, parts, budget
        self._net: IsicNet | None = None

    @property
    def name(self) -> str:
        """The row's name."""
        return self._name

    @property
    def reads(self) -> Reads:
        """What it looks at of an example."""
        return "both" if self._parts.image else "signal"

    def fit(self, training: Examples, validation: Examples, seed: int) -> None:
        """Train from nothing and keep the best epoch."""
        config = configuration(len(training.fibres), self._parts, self._parts.image, few=False)
        settings = replace(
            training_settings(seed, self._budget.epochs, None, self._parts.image),
            patience=self._budget.epochs,
            steps=self._budget.steps_per_epoch,
        )
        with TemporaryDirectory() as scratch:
            self._net, _ = fit_network(training, validation, config, settings, Path(scratch))

    def answer(self, examples: Examples) -> Answers:
        """Return the main fibre and the shares of each example."""
        if self._net is None:
            raise ValueError(f"{self._name}: fit it before it answers")
        net = self._net

        @ms.jit  # type: ignore[untyped-decorator]
        def shares_of(signal: ms.Tensor, image: ms.Tensor, present: ms.Tensor) -> ms.Tensor:
            return net(signal, image, present)[1]

        parts = [shares_of(*map(ms.Tensor, arrays)).asnumpy() for arrays in self._batches(examples)]
        shares = np.concatenate(parts)[: len(examples)].astype(np.float64)
        return Answers(shares.argmax(axis=1), shares)

    def _batches(self, examples: Examples) -> Iterator[tuple[NDArray[np.float32], ...]]:
        present = np.ones((_ANSWERED_AT_ONCE, 1), np.float32)
        for start in range(0, len(examples), _ANSWERED_AT_ONCE):
            part = examples.take(np.arange(start, start + _ANSWERED_AT_ONCE) % len(examples))
            image = centre_crops(part.images[part.image_of]) if self._parts.image else present
            yield signal_channels(part.absorbance), image, present
