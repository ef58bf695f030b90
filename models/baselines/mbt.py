"""MBT: multimodal bottleneck transformer (Nagrani et al. 2021, arXiv 2107.00135).

From the middle on, windows and regions exchange what they know through four bottleneck tokens only:
each modality's block sees its own tokens and the bottleneck, whose two versions are averaged.
"""

import numpy as np

from models.baselines.network import HEADS, Encoder, Sizes, learnt
from models.baselines.network_fitting import Budget, NetworkMethod
from models.isic_net import AttentionPool, EncoderBlock, ImageEncoder, SignalEncoder
from models.mindspore_import import ms, nn, ops

_BOTTLENECK_TOKENS = 4


def mbt(budget: Budget) -> NetworkMethod:
    """Return the method."""
    return NetworkMethod("MBT", "both", MbtEncoder, budget)


class MbtEncoder(Encoder):
    """ISiC-Net's encoders, whose blocks are the layers before the middle, then two fusing layers."""

    def __init__(self, sizes: Sizes, layers: int = 2) -> None:
        super().__init__()
        width = sizes.width
        self.features = 2 * width
        self.signal_encoder, self.image_encoder = SignalEncoder(sizes.isic), ImageEncoder(sizes.isic)
        self.bottleneck = learnt(np.random.normal(0.0, 0.02, (1, _BOTTLENECK_TOKENS, width)))
        self.layers = nn.CellList([BottleneckLayer(width) for _ in range(layers)])
        self.windows_pool, self.regions_pool = AttentionPool(width), AttentionPool(width)

    def construct(self, signal: ms.Tensor, image: ms.Tensor) -> ms.Tensor:
        """Return (B, 2d)."""
        windows, _, _ = self.signal_encoder(signal)  # (B, n, d)
        regions = self.image_encoder(image)[0]  # (B, N, d)
        shared = ops.tile(self.bottleneck, (signal.shape[0], 1, 1))  # (B, 4, d)
        for layer in self.layers:
            windows, regions, shared = layer(windows, regions, shared)
        return ops.concat((self.windows_pool(windows)[0], self.regions_pool(regions)[0]), -1)


class BottleneckLayer(nn.Cell):  # type: ignore[misc] # mindspore publishes no types
    """A transformer block for each modality; the bottleneck goes through both."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.windows_block, self.regions_block = EncoderBlock(width, HEADS), EncoderBlock(width, HEADS)

    def construct(
        self, windows: ms.Tensor, regions: ms.Tensor, shared: ms.Tensor
    ) -> tuple[ms.Tensor, ms.Tensor, ms.Tensor]:
        """Return windows (B, n, d), regions (B, N, d) and bottleneck (B, 4, d)."""
        count = shared.shape[1]
        windows = self.windows_block(ops.concat((shared, windows), 1))
        regions = self.regions_block(ops.concat((shared, regions), 1))
        met = 0.5 * (windows[:, :count] + regions[:, :count])
        return windows[:, count:], regions[:, count:], met
