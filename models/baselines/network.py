"""What the neural methods of the comparison tables share: sizes, ISiC-Net's answer, its loss.

A method is an `Encoder` that turns its inputs into one feature vector. The layers that answer from
it and what is made small are ISiC-Net's own, so that a row of the table differs by its encoder only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.isic_net import Answer, finish
from models.isic_net_config import IsicNetConfig
from models.mindspore_import import ms, nn
from models.training.isic_loss import IsicLoss, LossWeights

WINDOW = 8  # bands of a wavelength window, as in ISiC-Net: 40 nm
HEADS = 4


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a network is built for.

    Attributes:
        fibres: K, the classes and the shares.
        bands: points of the spectrum, a multiple of 8.
        image_px: side of the square grey image, a multiple of 32.
        width: features of a token, a multiple of 4; ISiC-Net's.
    """

    fibres: int
    bands: int
    image_px: int
    width: int = 96

    @property
    def isic(self) -> IsicNetConfig:
        """The same sizes for ISiC-Net's own encoders; what chooses and fuses is left off."""
        return IsicNetConfig(
            fibres=self.fibres,
            bands=self.bands,
            windows=self.bands // WINDOW,
            image_px=self.image_px,
            width=self.width,
            heads=HEADS,
            regions_kept=1,
            windows_per_region=1,
            region_generation=False,
            cross_attention=False,
            reconstruction=False,
        )


class Encoder(nn.Cell):  # type: ignore[misc] # mindspore publishes no types
    """Inputs to one feature vector; `construct` takes what the method reads: signal, image or both.

    Attributes:
        features: length of the vector.
    """

    features: int

    def in_training(self, shares: ms.Tensor, *inputs: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor | float]:  # noqa: ARG002
        """Return features (B, F) and a loss of the encoder's own; a method that has one overrides this."""
        return self.construct(*inputs), 0.0


def learnt(values: NDArray[np.float64]) -> ms.Parameter:
    """Return a weight that starts from `values`."""
    return ms.Parameter(ms.Tensor(values.astype(np.float32)))


class Network(nn.Cell):  # type: ignore[misc]
    """An encoder and ISiC-Net's heads."""

    def __init__(self, encoder: Encoder, fibres: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.answer = Answer(encoder.features, fibres)

    def construct(self, *inputs: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        """Return class logits and shares, (B, K) each."""
        class_logits, shares, _, _ = finish(self.answer(self.encoder(*inputs)))
        return class_logits, shares


class NetworkLoss(IsicLoss):
    """ISiC-Net's loss of class, shares, presence and spread, and what the encoder adds of its own."""

    def __init__(self, net: Network) -> None:
        super().__init__(net, 0, LossWeights())

    def construct(self, shares: ms.Tensor, *inputs: ms.Tensor) -> ms.Tensor:  # type: ignore[override]
        """Return the scalar loss of shares (B, K) and the inputs."""
        features, own = self.net.encoder.in_training(shares, *inputs)
        return self.of_answers(self.net.answer(features), shares) + own
