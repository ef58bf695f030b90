"""DEP: deep encoding pooling (Xue, Zhang and Dana 2018, arXiv 1803.10896).

Texture (DeepTEN's encoding layer, no order) and the mean of the feature map (coarse shape) are joined
by a bilinear product.
"""

from models.baselines.deep_ten import TextureEncoding, unit_spread
from models.baselines.image_stem import STEM_CHANNELS, image_stem
from models.baselines.network import Encoder
from models.baselines.network_fitting import Budget, NetworkMethod
from models.mindspore_import import ms, nn


def dep(budget: Budget) -> NetworkMethod:
    """Return the method."""
    return NetworkMethod("DEP", "image", lambda _: DepEncoder(), budget)


class DepEncoder(Encoder):
    """Convolutions, an encoding branch and a mean branch of equal length, their outer product."""

    def __init__(self, codewords: int = 8, length: int = 48) -> None:
        super().__init__()
        self.features = length * length
        self.stem = image_stem()
        self.encoding = TextureEncoding(STEM_CHANNELS, codewords, length)
        self.texture = nn.Dense(codewords * length, length)
        self.shape = nn.Dense(STEM_CHANNELS, length)

    def construct(self, image: ms.Tensor) -> ms.Tensor:
        """Return (B, length²) for (B, 1, side, side)."""
        features = self.stem(image)  # (B, channels, rows, rows)
        texture = self.texture(unit_spread(self.encoding(features)))  # (B, length)
        shape = self.shape(features.mean((2, 3)))  # (B, length)
        product = texture.expand_dims(-1) * shape.expand_dims(1)  # (B, length, length)
        return unit_spread(product.reshape((image.shape[0], self.features)))
