"""Watch a training: the network's error on specimens that it does not learn from."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from models.isic_net import IsicNet
from models.mindspore_import import ms, ops
from models.preprocessing import signal_channels
from models.training.examples import Examples, centre_crops

_BATCH = 32
_ROWS = 320


class Answers:
    """The network's shares for many examples, in batches of one shape."""

    def __init__(self, net: IsicNet) -> None:
        self._net = net

        def answer(signal: ms.Tensor, image: ms.Tensor, present: ms.Tensor) -> ms.Tensor:
            return net(signal, image, present)[1]

        def answer_signal(signal: ms.Tensor) -> ms.Tensor:
            _, pooled, _ = net.signal_encoder(signal)
            return ops.softmax(net.from_signal(signal, pooled)[1], -1)

        self._answer, self._answer_signal = ms.jit(answer), ms.jit(answer_signal)

    def errors(self, examples: Examples) -> list[float]:
        """Return the mean absolute share error of the spectrum alone and, if there are images, of both."""
        self._net.set_train(False)
        signal = signal_channels(examples.absorbance)
        alone = np.concatenate([self._alone(part) for part in _batches(signal)])[: len(signal)]
        errors = [specimen_error(alone, examples)]
        if self._net.config.image and len(examples.with_image):
            chosen = examples.take(examples.with_image)
            both = np.concatenate([self._both(part) for part in _paired_batches(chosen)])[: len(chosen)]
            errors.append(specimen_error(both, chosen))
        self._net.set_train(True)
        return errors

    def _alone(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        shares: NDArray[np.float32] = self._answer_signal(ms.Tensor(signal)).asnumpy()
        return shares

    def _both(self, pair: tuple[NDArray[np.float32], NDArray[np.float32]]) -> NDArray[np.float32]:
        present = ms.Tensor(np.ones((len(pair[0]), 1), np.float32))
        shares: NDArray[np.float32] = self._answer(ms.Tensor(pair[0]), ms.Tensor(pair[1]), present).asnumpy()
        return shares


def thinned(examples: Examples) -> Examples:
    """Return at most `_ROWS` of the examples, evenly spread: enough to watch a training by."""
    return examples.take(np.linspace(0, len(examples) - 1, min(len(examples), _ROWS)).astype(np.intp))


def specimen_error(predicted: NDArray[np.float32 | np.float64], examples: Examples) -> float:
    """Mean over specimens of the mean absolute error of their rows."""
    errors = np.abs(predicted - examples.shares).mean(axis=1)
    _, inverse, counts = np.unique(np.array(examples.specimens), return_inverse=True, return_counts=True)
    return float((np.bincount(inverse, errors) / counts).mean())


def _batches(signal: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield batches of one size, the last filled up by repeating rows."""
    for start in range(0, len(signal), _BATCH):
        yield signal[np.arange(start, start + _BATCH) % len(signal)]


def _paired_batches(examples: Examples) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    for start in range(0, len(examples), _BATCH):
        rows = np.arange(start, start + _BATCH) % len(examples)
        images = examples.images[examples.image_of[rows]]
        yield signal_channels(examples.absorbance[rows]), centre_crops(images)
