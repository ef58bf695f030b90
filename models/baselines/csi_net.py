"""Residual 1-D CNN with spectral attention: stands for "CSI-Net", which no public source identifies.

The name is publicly that of a radio-channel network. What is built here is the closest published
idea: residual blocks (He et al. 2016, arXiv 1512.03385) along the wavelength axis, and a learnt weight
for each place on it.
"""

from itertools import pairwise

from models.baselines.network import Encoder
from models.baselines.network_fitting import Budget, NetworkMethod
from models.isic_net import AttentionPool
from models.isic_net_config import CHANNELS
from models.mindspore_import import ms, nn, ops

_WIDTHS = (48, 64, 96, 128)


def csi_net(budget: Budget) -> NetworkMethod:
    """Return the method."""
    return NetworkMethod('residual 1-D CNN ("CSI-Net")', "signal", lambda _: ResidualEncoder(), budget)


class ResidualEncoder(Encoder):
    """A convolution and three residual blocks, each halving the length; attention over what is left."""

    def __init__(self) -> None:
        super().__init__()
        self.features = _WIDTHS[-1]
        self.stem = nn.Conv1d(CHANNELS, _WIDTHS[0], 7, stride=2, pad_mode="same", has_bias=True)
        pairs = pairwise(_WIDTHS)
        self.blocks = nn.SequentialCell([ResidualBlock(inputs, outputs) for inputs, outputs in pairs])
        self.pool = AttentionPool(self.features)

    def construct(self, signal: ms.Tensor) -> ms.Tensor:
        """Return (B, 128) for (B, 2, bands)."""
        places = self.blocks(self.stem(signal)).transpose((0, 2, 1))  # (B, bands / 16, 128)
        return self.pool(places)[0]


class ResidualBlock(nn.Cell):  # type: ignore[misc] # mindspore publishes no types
    """Two convolutions beside a projected short cut; halves the length."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(inputs, outputs, 5, stride=2, pad_mode="same")
        self.second = nn.Conv1d(outputs, outputs, 5, pad_mode="same")
        self.norm_first, self.norm_second = nn.BatchNorm1d(outputs), nn.BatchNorm1d(outputs)
        self.short_cut = nn.Conv1d(inputs, outputs, 1, stride=2, pad_mode="same")

    def construct(self, features: ms.Tensor) -> ms.Tensor:
        """Return (B, outputs, L / 2) for (B, inputs, L)."""
        changed = ops.relu(self.norm_first(self.first(features)))
        return ops.relu(self.norm_second(self.second(changed)) + self.short_cut(features))
