"""DeepTEN: deep texture encoding network (Zhang, Xue and Dana 2017, arXiv 1612.02844).

An encoding layer compares the places of a feature map with learnt codewords and sums the residuals,
each place counted by how near it is to the codeword: a description that knows no order of places.
"""

import math

import numpy as np

from models.baselines.image_stem import STEM_CHANNELS, image_stem
from models.baselines.network import Encoder, learnt
from models.baselines.network_fitting import Budget, NetworkMethod
from models.mindspore_import import ms, nn, ops

_EPS = 1e-4


def deep_ten(budget: Budget) -> NetworkMethod:
    """Return the method."""
    return NetworkMethod("DeepTEN", "image", lambda _: DeepTenEncoder(), budget)


class DeepTenEncoder(Encoder):
    """Convolutions, then an encoding layer with 32 codewords."""

    def __init__(self, codewords: int = 32, length: int = 64) -> None:
        super().__init__()
        self.features = codewords * length
        self.stem = image_stem()
        self.encoding = TextureEncoding(STEM_CHANNELS, codewords, length)

    def construct(self, image: ms.Tensor) -> ms.Tensor:
        """Return (B, codewords * length) for (B, 1, side, side)."""
        return unit_spread(self.encoding(self.stem(image)))


class TextureEncoding(nn.Cell):  # type: ignore[misc] # mindspore publishes no types
    """Residuals to codewords, softly assigned and summed over places."""

    def __init__(self, channels: int, codewords: int, length: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2dBnAct(channels, length, 1, has_bn=True, activation="relu")
        reach = 1.0 / math.sqrt(codewords * length)  # as published
        self.codewords = learnt(np.random.uniform(-reach, reach, (codewords, length)))
        self.smoothing = learnt(np.random.uniform(0.0, 1.0, codewords))

    def construct(self, features: ms.Tensor) -> ms.Tensor:
        """Return (B, codewords * length) for (B, channels, rows, rows).

        |x - c|² is expanded, so that no (B, N, codewords, length) tensor is built.
        """
        reduced = self.reduce(features)  # (B, length, rows, rows)
        batch, length = reduced.shape[:2]
        places = reduced.reshape((batch, length, -1)).transpose((0, 2, 1))  # (B, N, length)
        crossed = ops.matmul(places, self.codewords.T)  # (B, N, codewords)
        squares = (places * places).sum(-1, keepdims=True) + (self.codewords * self.codewords).sum(-1)
        nearness = ops.softmax(-self.smoothing * (squares - 2.0 * crossed), -1)  # (B, N, codewords)
        held = nearness.sum(1).expand_dims(-1)  # (B, codewords, 1)
        residuals = ops.matmul(nearness.transpose((0, 2, 1)), places) - held * self.codewords
        return residuals.reshape((batch, -1))


def unit_spread(features: ms.Tensor) -> ms.Tensor:
    """Scale each (B, F) row to length sqrt(F), the published unit length times a constant."""
    return features / ops.sqrt((features * features).mean(-1, keep_dims=True) + _EPS)
