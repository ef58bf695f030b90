"""CU-Net: component unmixing network (Feng et al. 2019, doi 10.1007/s11263-019-01199-9).

Deep features of a surface image are unmixed into one vector for each fibre. Two things keep the
vectors apart: the self-interchange, and a restraining loss. Only the abstract was at hand; how both
work here is our reading of it: vectors of a fibre of which two specimens hold the same share change
places and the answers must stay; the vector of an absent fibre is held at nothing.
"""

from models.baselines.image_stem import STEM_CHANNELS, image_stem
from models.baselines.network import Encoder, Sizes
from models.baselines.network_fitting import Budget, NetworkMethod
from models.mindspore_import import ms, nn, ops

_SAME_SHARE = 0.02  # difference below which two specimens hold the same share of a fibre
_RESTRAINT = 0.1  # weight of the restraining loss


def cu_net(budget: Budget) -> NetworkMethod:
    """Return the method."""
    return NetworkMethod("CU-Net", "image", CuNetEncoder, budget)


class CuNetEncoder(Encoder):
    """Deep features, unmixed; the feature is the vectors of all fibres side by side."""

    def __init__(self, sizes: Sizes, length: int = 48) -> None:
        super().__init__()
        self.fibres, self.length = sizes.fibres, length
        self.features = sizes.fibres * length
        self.deep = nn.SequentialCell(
            [image_stem(), nn.Conv2d(STEM_CHANNELS, STEM_CHANNELS, 3, stride=2, has_bias=True), nn.ReLU()]
        )
        self.unmix = nn.Conv2d(STEM_CHANNELS, self.features, 1, has_bias=True)

    def construct(self, image: ms.Tensor) -> ms.Tensor:
        """Return (B, K * length) for (B, 1, side, side)."""
        return self.components(image).reshape((image.shape[0], self.features))

    def components(self, image: ms.Tensor) -> ms.Tensor:
        """Return (B, K, length): what the image shows of each fibre."""
        places = ops.relu(self.unmix(self.deep(image)))  # (B, K * length, rows, rows)
        return places.mean((2, 3)).reshape((image.shape[0], self.fibres, self.length))

    def in_training(self, shares: ms.Tensor, *inputs: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        """Return the features after the interchange with the batch's next row, and the restraining loss."""
        components = self.components(inputs[0])  # (B, K, length)
        same = ops.cast(ops.abs(shares - _next(shares)) < _SAME_SHARE, ms.float32).expand_dims(-1)
        exchanged = same * _next(components) + (1.0 - same) * components
        absent = ops.cast(shares <= 0.0, ms.float32)  # (B, K)
        restraint = (absent * (components * components).mean(-1)).mean()
        return exchanged.reshape((shares.shape[0], self.features)), _RESTRAINT * restraint


def _next(rows: ms.Tensor) -> ms.Tensor:
    """Return the rows moved up by one, the first at the end."""
    return ops.concat((rows[1:], rows[:1]), 0)
