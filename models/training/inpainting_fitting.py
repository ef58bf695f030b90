"""Fit PMPN to a pool of tiles: one compiled step, watched by fabrics that it does not learn from."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from models.export import load_weights, weights_of
from models.inpainting_net import Pmpn
from models.inpainting_net_config import PmpnConfig
from models.mindspore_import import ms, nn
from models.training.inpainting_adversary import Adversary, DeceivingLoss, DetectingLoss
from models.training.inpainting_examples import Batch, Pool, draw_batch, stacked, whole_tiles
from models.training.inpainting_losses import InpaintingLoss, LossWeights, fidelity_loss, psnr_of
from models.training.optimisation import adamw, compiled_step, rate_factor
from models.training.training_state import LAST, load_state, save_state

METRICS = "metrics.jsonl"
_BEST = "best.safetensors"
_WATCHED_AT_ONCE = 4
_ADVERSARY_RATE = 0.1  # of the network's


@dataclass(frozen=True, slots=True)
class FillingSettings:
    """How to fit.

    Attributes:
        seed: of all that is drawn.
        epochs: at most.
        minutes: budget of wall time; None for no limit.
        batch: crops of a step.
        steps: of an epoch.
        learning_rate, weight_decay: of AdamW at full rate.
        losses: what counts how much.
    """

    seed: int = 0
    epochs: int = 60
    minutes: float | None = None
    batch: int = 4
    steps: int = 150
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    losses: LossWeights = field(default_factory=LossWeights)


@dataclass(frozen=True, slots=True)
class FillingProgress:
    """Where a training stands after an epoch.

    Attributes:
        gain_db: of hole PSNR over the classical fill that the network corrects, on what watches it.
    """

    epoch: int
    best_epoch: int
    best_gain_db: float
    seconds: float


def fit_filling(
    training: Pool,
    watching: Pool,
    config: PmpnConfig,
    settings: FillingSettings,
    folder: Path,
    tell: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Pmpn, FillingProgress]:
    """Return the network with its best weights, and how far training went.

    `folder` keeps metrics.jsonl, the best weights, and what an interrupted training resumes from. After
    each epoch `tell` is told how far it came.
    """
    ms.set_seed(settings.seed)
    net = Pmpn(config)
    folder.mkdir(parents=True, exist_ok=True)
    optimizer, step = learning_step(net, settings)
    watch = Watch(net, watching)
    if (folder / LAST).is_file():
        progress = FillingProgress(**load_state(net, optimizer, folder))
    else:
        progress = _begin(net, folder)
    started = clock() - progress.seconds
    while not _finished(progress, settings):
        loss = _epoch(step, training, settings, progress.epoch, lambda: clock() - started)
        gain = watch.gain_db()
        better = gain > progress.best_gain_db
        if better:
            save_file(weights_of(net), folder / _BEST)
        best = (progress.epoch + 1, gain) if better else (progress.best_epoch, progress.best_gain_db)
        progress = FillingProgress(progress.epoch + 1, *best, clock() - started)
        save_state(net, optimizer, asdict(progress), folder)
        _log(folder, progress, loss, gain)
        tell(f"epoch {progress.epoch}: hole PSNR {gain:+.2f} dB over the classical fill")
    load_weights(net, load_file(folder / _BEST), folder / _BEST)
    net.set_train(False)
    return net, progress


def learning_step(net: Pmpn, settings: FillingSettings) -> tuple[nn.Optimizer, Callable[..., float]]:
    """Return the network's optimizer and the function that a rate and a batch go through.

    With an adversarial loss, each call teaches the adversary first, at a tenth of the rate as in CTSDG.
    The adversary is no part of what a training resumes from: it begins anew.
    """
    optimizer = adamw(net, settings.learning_rate, settings.weight_decay)
    loss = InpaintingLoss(net, settings.losses)
    if settings.losses.adversarial == 0.0:
        return optimizer, compiled_step(loss, optimizer)
    adversary = Adversary()
    moved = adamw(adversary, settings.learning_rate, settings.weight_decay)
    detect = compiled_step(DetectingLoss(net, adversary), moved)
    deceive = compiled_step(DeceivingLoss(loss, adversary), optimizer)

    def both(rate: float, *arrays: NDArray[np.float32]) -> float:
        detect(_ADVERSARY_RATE * rate, *arrays[:-1])  # all but the sketch
        return deceive(rate, *arrays)

    return optimizer, both


class Watch:
    """The network's gain over the fill that it corrects, on whole tiles."""

    def __init__(self, net: Pmpn, pool: Pool) -> None:
        examples = whole_tiles(pool)
        count = len(examples) - len(examples) % _WATCHED_AT_ONCE or len(examples)
        self._batches = [
            stacked(examples[first : first + _WATCHED_AT_ONCE]) for first in range(0, count, _WATCHED_AT_ONCE)
        ]
        self._fill = ms.jit(net.construct)
        self._of_fill = [self._psnr(batch, batch.guides[:, :1]) for batch in self._batches]

    def gain_db(self) -> float:
        """Return the mean gain of hole PSNR."""
        gains = [
            self._psnr(batch, self._answer(batch)) - before
            for batch, before in zip(self._batches, self._of_fill, strict=True)
        ]
        return float(np.mean(gains))

    def _answer(self, batch: Batch) -> NDArray[np.float32]:
        inputs = (ms.Tensor(array) for array in (batch.known, batch.mask, batch.guides))
        answer: NDArray[np.float32] = self._fill(*inputs).asnumpy()
        return answer

    def _psnr(self, batch: Batch, filled: NDArray[np.float32]) -> float:
        tensors = (ms.Tensor(array) for array in (filled, batch.truth, 1.0 - batch.mask))
        return psnr_of(float(fidelity_loss(*tensors).asnumpy()))


def _epoch(
    step: Callable[..., float],
    pool: Pool,
    settings: FillingSettings,
    epoch: int,
    elapsed: Callable[[], float],
) -> float:
    """Run one epoch and return its mean loss."""
    generator = np.random.default_rng([settings.seed, epoch + 1])
    losses = []
    for number in range(settings.steps):
        done = (epoch + number / settings.steps) / settings.epochs
        if settings.minutes is not None:
            done = max(done, elapsed() / (60.0 * settings.minutes))
        batch = draw_batch(pool, settings.batch, generator)
        rate = settings.learning_rate * rate_factor(min(1.0, done))
        losses.append(step(rate, batch.known, batch.mask, batch.guides, batch.truth, batch.sketch))
    return float(np.mean(losses))


def _finished(progress: FillingProgress, settings: FillingSettings) -> bool:
    # The next epoch has to fit into the budget as well.
    expected = progress.seconds * (1.0 + 1.0 / max(progress.epoch, 1))
    late = settings.minutes is not None and expected > 60.0 * settings.minutes
    return progress.epoch >= settings.epochs or late


def _begin(net: Pmpn, folder: Path) -> FillingProgress:
    """Start with the classical fill, which the untrained network gives, as the best so far."""
    (folder / METRICS).unlink(missing_ok=True)
    save_file(weights_of(net), folder / _BEST)
    progress = FillingProgress(0, 0, 0.0, 0.0)
    _log(folder, progress, math.nan, 0.0)
    return progress


def _log(folder: Path, progress: FillingProgress, loss: float, gain_db: float) -> None:
    line = {**asdict(progress), "loss": None if math.isnan(loss) else loss, "gain_db": gain_db}
    with (folder / METRICS).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")
