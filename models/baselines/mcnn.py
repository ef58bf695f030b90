"""MCNN: multi-scale convolutional network for time series (Cui, Chen and Chen 2016, arXiv 1603.06995).

Branches see the spectrum as it is, smoothed by moving means, and thinned out. Each has a convolution
of its own and is pooled to one length; their concatenation goes through full convolutions.
"""

import numpy as np
from numpy.typing import NDArray

from models.baselines.network import WINDOW, Encoder, Sizes
from models.baselines.network_fitting import Budget, NetworkMethod
from models.isic_net_config import CHANNELS
from models.mindspore_import import ms, nn, ops

_SMOOTHED_BANDS = (3, 7)
_THINNED = (2, 4)  # every second, every fourth band


def mcnn(budget: Budget) -> NetworkMethod:
    """Return the method."""
    return NetworkMethod("MCNN", "signal", McnnEncoder, budget)


class McnnEncoder(Encoder):
    """Five branches, two full convolutions."""

    def __init__(self, sizes: Sizes, local: int = 48, full: int = 96) -> None:
        super().__init__()
        self.places = sizes.bands // WINDOW
        self.features = full * self.places
        self.means = [ms.Tensor(moving_mean(sizes.bands, width)) for width in _SMOOTHED_BANDS]
        branches = 1 + len(_SMOOTHED_BANDS) + len(_THINNED)
        self.local = nn.CellList([_convolution(CHANNELS, local, 9) for _ in range(branches)])
        self.full = nn.SequentialCell([_convolution(branches * local, full, 5), _convolution(full, full, 3)])

    def construct(self, signal: ms.Tensor) -> ms.Tensor:
        """Return (B, 96 n) for (B, 2, bands)."""
        scales = [signal] + [ops.matmul(signal, mean) for mean in self.means]
        scales += [signal[:, :, ::step] for step in _THINNED]
        pooled = [
            self.pool(convolve(scale))
            for convolve, scale in zip(self.local, scales)  # noqa: B905
        ]
        features = self.full(ops.concat(pooled, 1))  # (B, full, n)
        return features.reshape((features.shape[0], -1))

    def pool(self, features: ms.Tensor) -> ms.Tensor:
        """Return the greatest value of each of n places (B, C, n), whatever the length of (B, C, L)."""
        batch, channels, length = features.shape
        return features.reshape((batch, channels, self.places, length // self.places)).max(axis=-1)


def moving_mean(bands: int, width: int) -> NDArray[np.float32]:
    """Return (bands, bands): the matrix that takes a spectrum, as a row, to its moving mean."""
    near = np.abs(np.arange(bands)[:, None] - np.arange(bands)) <= width // 2
    return np.asarray(near / near.sum(axis=0), dtype=np.float32)


def _convolution(inputs: int, outputs: int, size: int) -> nn.Cell:
    return nn.SequentialCell([nn.Conv1d(inputs, outputs, size, pad_mode="same", has_bias=True), nn.ReLU()])
