"""BiDAF: bidirectional attention flow (Seo et al. 2017, arXiv 1611.01603).

One similarity matrix w [h; u; h * u] between image regions h and wavelength windows u. Its softmax
along the windows summarises them for each region; the softmax of its maxima summarises the regions.
Published for text, with an LSTM after the attention; regions have no order, so a transformer block
takes its place.
"""

import math

import numpy as np

from models.baselines.network import HEADS, Encoder, Sizes, learnt
from models.baselines.network_fitting import Budget, NetworkMethod
from models.isic_net import AttentionPool, EncoderBlock, ImageEncoder, SignalEncoder
from models.mindspore_import import ms, nn, ops


def bidaf(budget: Budget) -> NetworkMethod:
    """Return the method."""
    return NetworkMethod("BiDAF", "both", BidafEncoder, budget)


class BidafEncoder(Encoder):
    """ISiC-Net's encoders, the attention flow, one modelling block."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.width
        self.features = width
        self.signal_encoder, self.image_encoder = SignalEncoder(sizes.isic), ImageEncoder(sizes.isic)
        self.flow = AttentionFlow(width)
        self.join = nn.Dense(4 * width, width)
        self.model = EncoderBlock(width, HEADS)
        self.pool = AttentionPool(width)

    def construct(self, signal: ms.Tensor, image: ms.Tensor) -> ms.Tensor:
        """Return (B, d)."""
        windows, _, _ = self.signal_encoder(signal)  # (B, n, d)
        joined = self.flow(self.image_encoder(image)[0], windows)  # (B, N, 4d)
        return self.pool(self.model(self.join(joined)))[0]


class AttentionFlow(nn.Cell):  # type: ignore[misc] # mindspore publishes no types
    """Regions h and windows u to [h; u~; h * u~; h * h~] for each region."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.region_score, self.window_score = nn.Dense(width, 1), nn.Dense(width, 1)
        self.pair = learnt(np.random.normal(0.0, 1.0 / math.sqrt(width), (1, 1, width)))

    def construct(self, regions: ms.Tensor, windows: ms.Tensor) -> ms.Tensor:
        """Return (B, N, 4d) for (B, N, d) and (B, n, d)."""
        across = windows.transpose((0, 2, 1))  # (B, d, n)
        own, other = self.region_score(regions), self.window_score(windows).transpose((0, 2, 1))
        similarity = own + other + ops.matmul(regions * self.pair, across)  # (B, N, n)
        seen = ops.matmul(ops.softmax(similarity, -1), windows)  # u~ (B, N, d)
        weights = ops.softmax(similarity.max(axis=-1), -1).expand_dims(1)  # (B, 1, N)
        best = ops.matmul(weights, regions)  # h~ (B, 1, d)
        return ops.concat((regions, seen, regions * seen, regions * best), -1)
