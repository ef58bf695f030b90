"""Crossmodal transformer: stands for "M-Transformer", which no public source identifies.

The closest published idea is MulT (Tsai et al. 2019, arXiv 1906.00295): each modality attends to the
other, then to itself. Here between ISiC-Net's wavelength windows and image regions.
"""

import math

from models.baselines.network import HEADS, Encoder, Sizes
from models.baselines.network_fitting import Budget, NetworkMethod
from models.isic_net import AttentionPool, EncoderBlock, ImageEncoder, SignalEncoder
from models.mindspore_import import ms, nn, ops


def m_transformer(budget: Budget) -> NetworkMethod:
    """Return the method."""
    return NetworkMethod('MulT ("M-Transformer")', "both", CrossmodalEncoder, budget)


class CrossmodalEncoder(Encoder):
    """One crossmodal and one self-attention block for each direction, pooled and joined."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.width
        self.features = 2 * width
        self.signal_encoder, self.image_encoder = SignalEncoder(sizes.isic), ImageEncoder(sizes.isic)
        self.to_windows, self.to_regions = CrossBlock(width, HEADS), CrossBlock(width, HEADS)
        self.windows_block, self.regions_block = EncoderBlock(width, HEADS), EncoderBlock(width, HEADS)
        self.windows_pool, self.regions_pool = AttentionPool(width), AttentionPool(width)

    def construct(self, signal: ms.Tensor, image: ms.Tensor) -> ms.Tensor:
        """Return (B, 2d)."""
        windows, _, _ = self.signal_encoder(signal)  # (B, n, d)
        regions = self.image_encoder(image)[0]  # (B, N, d)
        seen = self.windows_block(self.to_windows(windows, regions))  # (B, n, d)
        shown = self.regions_block(self.to_regions(regions, windows))  # (B, N, d)
        return ops.concat((self.windows_pool(seen)[0], self.regions_pool(shown)[0]), -1)


class CrossBlock(EncoderBlock):
    """A transformer block whose queries are of one modality, keys and values of the other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.norm_source = nn.LayerNorm((width,))

    def construct(  # type: ignore[override] # one more input, and only this file calls it
        self, tokens: ms.Tensor, source: ms.Tensor
    ) -> ms.Tensor:
        """Return (B, T, d) for tokens (B, T, d) that attend to source (B, S, d)."""
        tokens = tokens + self.attend_to(self.norm_attention(tokens), self.norm_source(source))
        hidden = ops.gelu(self.expand(self.norm_perceptron(tokens)), approximate="tanh")
        return tokens + self.contract(hidden)

    def attend_to(self, tokens: ms.Tensor, source: ms.Tensor) -> ms.Tensor:
        """Return multi-head attention (B, T, d)."""
        query = self.split(self.query(tokens))  # (B, h, T, d/h)
        key = self.split(self.key(source)).transpose((0, 1, 3, 2))  # (B, h, d/h, S)
        weights = ops.softmax(ops.matmul(query, key) / math.sqrt(self.head_width), -1)  # (B, h, T, S)
        mixed = ops.matmul(weights, self.split(self.value(source)))  # (B, h, T, d/h)
        return self.merge(mixed.transpose((0, 2, 1, 3)).reshape(tokens.shape))
