"""Fit ISiC-Net to examples: one jitted step, seeded, metrics as JSON lines, able to resume."""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from models.export import load_weights, weights_of
from models.isic_net import IsicNet
from models.isic_net_config import IsicNetConfig
from models.mindspore_import import ms, nn
from models.training.drawn_fits import drawn_anchor
from models.training.examples import Batch, Examples, draw_batch, row_weights
from models.training.isic_loss import IsicLoss, LossWeights
from models.training.linear_anchor import LinearAnchor
from models.training.memory import RememberingAnchor
from models.training.optimisation import adamw, compiled_step, rate_factor
from models.training.small_anchor import small_anchor
from models.training.training_state import LAST, load_state, save_state
from models.training.validation import Answers, thinned

_MIN_STEPS, _MAX_STEPS = 12, 120  # of an epoch
# Where specimens are few, the best of many epochs is luck unless it beats the calibration by this part.
_WORTHWHILE = 0.1
_BEST = "best.safetensors"


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How long and how fast to train.

    Attributes:
        minutes: budget of wall time; None for no limit. The learning rate falls with whichever of
            epochs and minutes is nearer its end, so a run that is cut by time still ends well.
        signals: spectra without image in a batch.
        paired: spectra with image in a batch; 0 if the network reads no image.
        patience: epochs without progress after which to stop.
        steps: of an epoch; None for as many as show each image once, within limits.
    """

    seed: int = 0
    epochs: int = 60
    minutes: float | None = None
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.02
    signals: int = 48
    paired: int = 16
    patience: int = 15
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands after an epoch."""

    epoch: int
    best_epoch: int
    best_error: float
    seconds: float


def fit_network(
    training: Examples,
    validation: Examples,
    config: IsicNetConfig,
    settings: TrainingSettings,
    folder: Path,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[IsicNet, Progress]:
    """Return the network with its best weights, and how far training went.

    `folder` keeps metrics.jsonl, the best weights, and what an interrupted training resumes from.
    """
    ms.set_seed(settings.seed)
    net = IsicNet(config)
    place_anchor(net, (small_anchor if config.memory else drawn_anchor)(training, settings.seed))
    watched = thinned(validation)
    folder.mkdir(parents=True, exist_ok=True)
    optimizer, step = training_step(net, settings)
    answers = Answers(net)
    if (folder / LAST).is_file():
        progress = Progress(**load_state(net, optimizer, folder))
    else:
        error = answers.errors(watched)[0]
        progress = _begin(net, error * (1.0 - _WORTHWHILE) if config.memory else error, folder)
    weights = row_weights(training)
    started = clock() - progress.seconds
    while not _finished(progress, settings):
        generator = np.random.default_rng([settings.seed, progress.epoch + 1])
        loss = _epoch(step, training, weights, settings, progress, generator)
        errors = answers.errors(watched)
        progress = _advance(net, optimizer, progress, float(np.mean(errors)), clock() - started, folder)
        _log(folder, progress, loss, errors)
    load_weights(net, load_file(folder / _BEST), folder / _BEST)
    net.set_train(False)
    return net, progress


def place_anchor(net: IsicNet, anchor: LinearAnchor | RememberingAnchor) -> None:
    """Write the calibration into the network, where it stays as it is."""
    linear = anchor.linear if isinstance(anchor, RememberingAnchor) else anchor
    if isinstance(anchor, RememberingAnchor):
        memory = anchor.memory
        _set(net.memory.offset, memory.offset[None])
        _set(net.memory.scale, np.array([[memory.scale]]))
        _set(net.memory.centres, memory.centres)
        _set(net.memory.corrections, memory.weights)
    _set(net.anchor.weight, linear.weight)
    _set(net.anchor.bias, linear.bias)
    net.anchor.weight.requires_grad = False
    net.anchor.bias.requires_grad = False


def _set(parameter: ms.Parameter, values: NDArray[np.float64]) -> None:
    parameter.set_data(ms.Tensor(values.astype(np.float32)))


def training_step(net: IsicNet, settings: TrainingSettings) -> tuple[nn.Optimizer, Callable[..., float]]:
    """Return the optimizer and the one compiled function that a rate and a batch go through."""
    optimizer = adamw(net, settings.learning_rate, settings.weight_decay)
    loss = IsicLoss(net, settings.paired, LossWeights())
    net.set_train(True)
    return optimizer, compiled_step(loss, optimizer)


def _epoch(
    step: Callable[..., float],
    training: Examples,
    weights: NDArray[np.float64],
    settings: TrainingSettings,
    progress: Progress,
    generator: np.random.Generator,
) -> float:
    """Run one epoch and return its mean loss."""
    steps = settings.steps or _steps_for(training, settings)
    losses = []
    for number in range(steps):
        rate = settings.learning_rate * rate_factor(_done(progress, settings, number / steps))
        batch = draw_batch(training, weights, settings.signals, settings.paired, generator)
        losses.append(step(rate, batch.signal, batch.shares, *_image_of(batch)))
    return float(np.mean(losses))


def _steps_for(training: Examples, settings: TrainingSettings) -> int:
    drawn = (
        len(training.with_image) / settings.paired if settings.paired else len(training) / settings.signals
    )
    return int(np.clip(math.ceil(drawn), _MIN_STEPS, _MAX_STEPS))


def _image_of(batch: Batch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the images and their cover; something small that is not looked at where there are none."""
    if len(batch.image):
        return batch.image, batch.cover
    return np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32)


def _done(progress: Progress, settings: TrainingSettings, within: float) -> float:
    """Return the part of the planned training that is done, 0..1, by epochs or by time."""
    by_epochs = (progress.epoch + within) / settings.epochs
    if settings.minutes is None or progress.epoch == 0:
        return min(1.0, by_epochs)
    by_time = progress.seconds * (1.0 + within / progress.epoch) / (60.0 * settings.minutes)
    return min(1.0, max(by_epochs, by_time))


def _finished(progress: Progress, settings: TrainingSettings) -> bool:
    # The next epoch has to fit into the budget as well.
    late = settings.minutes is not None and (
        progress.seconds * (1.0 + 1.0 / max(progress.epoch, 1)) > 60.0 * settings.minutes
    )
    stuck = progress.epoch - progress.best_epoch >= settings.patience
    return progress.epoch >= settings.epochs or late or stuck


def _begin(net: IsicNet, error: float, folder: Path) -> Progress:
    """Start with the linear calibration as the best so far: training has to improve on its error."""
    (folder / "metrics.jsonl").unlink(missing_ok=True)
    save_file(weights_of(net), folder / _BEST)
    progress = Progress(0, 0, error, 0.0)
    _log(folder, progress, math.nan, [error])
    return progress


def _advance(
    net: IsicNet, optimizer: nn.Optimizer, progress: Progress, error: float, seconds: float, folder: Path
) -> Progress:
    """Keep the weights if they are the best so far, and all that resuming needs."""
    epoch = progress.epoch + 1
    better = error < progress.best_error
    if better:
        save_file(weights_of(net), folder / _BEST)
    best_epoch, best_error = (epoch, error) if better else (progress.best_epoch, progress.best_error)
    advanced = Progress(epoch, best_epoch, best_error, seconds)
    save_state(net, optimizer, asdict(advanced), folder)
    return advanced


def _log(folder: Path, progress: Progress, loss: float, errors: Sequence[float]) -> None:
    line = {"epoch": progress.epoch, "loss": loss, "errors": list(errors), "seconds": progress.seconds}
    line |= {"best_epoch": progress.best_epoch, "best_error": progress.best_error}
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")
