"""ViT: vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929).

Patches of 32 pixels, a region of ISiC-Net, and a class token go through pre-norm blocks; the class token
is the feature.
"""

import numpy as np

from models.baselines.network import HEADS, Encoder, Sizes, learnt
from models.baselines.network_fitting import Budget, NetworkMethod
from models.isic_net import EncoderBlock
from models.mindspore_import import ms, nn, ops

_PATCH_PX = 32


def vit(budget: Budget) -> NetworkMethod:
    """Return the method."""
    return NetworkMethod("ViT", "image", VitEncoder, budget)


class VitEncoder(Encoder):
    """Patch embedding, class token, positions, four blocks."""

    def __init__(self, sizes: Sizes, blocks: int = 4) -> None:
        super().__init__()
        width, patches = sizes.width, (sizes.image_px // _PATCH_PX) ** 2
        self.features = width
        self.embed = nn.Conv2d(1, width, _PATCH_PX, stride=_PATCH_PX, pad_mode="valid", has_bias=True)
        self.class_token = learnt(np.random.normal(0.0, 0.02, (1, 1, width)))
        self.position = learnt(np.random.normal(0.0, 0.02, (1, 1 + patches, width)))
        self.blocks = nn.SequentialCell([EncoderBlock(width, HEADS) for _ in range(blocks)])
        self.norm = nn.LayerNorm((width,))

    def construct(self, image: ms.Tensor) -> ms.Tensor:
        """Return (B, d) for (B, 1, side, side)."""
        patches = self.embed(image)  # (B, d, rows, rows)
        batch, width = patches.shape[:2]
        patches = patches.reshape((batch, width, -1)).transpose((0, 2, 1))  # (B, N, d)
        tokens = ops.concat((ops.tile(self.class_token, (batch, 1, 1)), patches), 1) + self.position
        return self.norm(self.blocks(tokens)[:, 0])
