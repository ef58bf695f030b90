"""Separable CNN with squeeze and excitation: stands for "SSC-Net", which no public source identifies.

Our guess at what the letters may mean: depthwise-separable convolutions (Chollet 2017, arXiv 1610.02357)
along the wavelength axis with squeeze-and-excitation gates (Hu et al. 2018, arXiv 1709.01507).
"""

from models.baselines.network import Encoder
from models.baselines.network_fitting import Budget, NetworkMethod
from models.isic_net_config import CHANNELS
from models.mindspore_import import ms, nn, ops


def ssc_net(budget: Budget) -> NetworkMethod:
    """Return the method."""
    return NetworkMethod('separable CNN ("SSC-Net")', "signal", lambda _: SeparableEncoder(), budget)


class SeparableEncoder(Encoder):
    """A strided convolution, six gated separable blocks, the mean over wavelength."""

    def __init__(self, channels: int = 192, blocks: int = 6) -> None:
        super().__init__()
        self.features = channels
        self.stem = nn.Conv1d(CHANNELS, channels, 8, stride=4, pad_mode="same", has_bias=True)
        self.blocks = nn.SequentialCell([SeparableBlock(channels) for _ in range(blocks)])

    def construct(self, signal: ms.Tensor) -> ms.Tensor:
        """Return (B, channels) for (B, 2, bands)."""
        return self.blocks(self.stem(signal)).mean(-1)


class SeparableBlock(nn.Cell):  # type: ignore[misc] # mindspore publishes no types
    """Each channel along the axis, then all channels at each place, gated by channel; residual."""

    def __init__(self, channels: int, size: int = 9, squeezed: int = 24) -> None:
        super().__init__()
        self.along = nn.Conv1d(channels, channels, size, pad_mode="same", group=channels)
        self.across = nn.Conv1d(channels, channels, 1)
        self.norm = nn.BatchNorm1d(channels)
        self.squeeze, self.excite = nn.Dense(channels, squeezed), nn.Dense(squeezed, channels)

    def construct(self, features: ms.Tensor) -> ms.Tensor:
        """Return (B, C, L) for (B, C, L)."""
        changed = ops.relu(self.norm(self.across(self.along(features))))
        gate = ops.sigmoid(self.excite(ops.relu(self.squeeze(changed.mean(-1)))))  # (B, C)
        return features + changed * gate.expand_dims(-1)
