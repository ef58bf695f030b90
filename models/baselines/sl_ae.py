"""Shared-latent autoencoder: stands for "SL-AE", which no public source identifies.

The closest published idea is the bimodal autoencoder (Ngiam et al. 2011, Multimodal Deep Learning):
two encoders meet in one latent vector, from which two decoders rebuild both inputs and the answer is
read. The image is rebuilt at 1/8 of its size: finer structure of a fabric cannot be foretold.
"""

from models.baselines.network import Encoder, Sizes
from models.baselines.network_fitting import Budget, NetworkMethod
from models.isic_net import AttentionPool, ImageEncoder, SignalEncoder
from models.isic_net_config import CHANNELS
from models.mindspore_import import ms, nn

_COARSER = 8  # pixels of a side that the rebuilt image sums up
_REBUILT, _AGREEMENT = 0.5, 0.1  # weights of the losses; ISiC-Net gives its reconstruction 0.5 as well


def sl_ae(budget: Budget) -> NetworkMethod:
    """Return the method."""
    return NetworkMethod('shared-latent autoencoder ("SL-AE")', "both", SharedLatentEncoder, budget)


class SharedLatentEncoder(Encoder):
    """ISiC-Net's encoders, one latent vector, two decoders that serve in training only."""

    def __init__(self, sizes: Sizes, latent: int = 64) -> None:
        super().__init__()
        width, rows = sizes.width, sizes.image_px // _COARSER
        self.features, self.rows = latent, rows
        self.signal_encoder, self.image_encoder = SignalEncoder(sizes.isic), ImageEncoder(sizes.isic)
        self.pool = AttentionPool(width)
        self.from_signal, self.from_image = nn.Dense(width, latent), nn.Dense(width, latent)
        self.decode_signal = _decoder(latent, CHANNELS * sizes.bands)
        self.decode_image = _decoder(latent, rows * rows)

    def construct(self, signal: ms.Tensor, image: ms.Tensor) -> ms.Tensor:
        """Return the latent vector (B, latent)."""
        by_signal, by_image = self.views(signal, image)
        return 0.5 * (by_signal + by_image)

    def views(self, signal: ms.Tensor, image: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        """Return the latent vector as the spectrum and as the image have it, (B, latent) each."""
        _, of_signal, _ = self.signal_encoder(signal)
        of_image, _ = self.pool(self.image_encoder(image)[0])
        return self.from_signal(of_signal), self.from_image(of_image)

    def in_training(self, shares: ms.Tensor, *inputs: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:  # noqa: ARG002
        """Return the latent vector, and the error of both rebuilt inputs and of the views' agreement."""
        signal, image = inputs
        by_signal, by_image = self.views(signal, image)
        latent = 0.5 * (by_signal + by_image)
        batch = signal.shape[0]
        signal_error = _square(self.decode_signal(latent) - signal.reshape((batch, -1)))
        image_error = _square(self.decode_image(latent) - self.coarse(image))
        own = _REBUILT * (signal_error + image_error) + _AGREEMENT * _square(by_signal - by_image)
        return latent, own

    def coarse(self, image: ms.Tensor) -> ms.Tensor:
        """Return (B, rows²): means of squares of 8 pixels."""
        batch = image.shape[0]
        squares = image.reshape((batch, self.rows, _COARSER, self.rows, _COARSER))
        return squares.mean((2, 4)).reshape((batch, -1))


def _decoder(latent: int, outputs: int, hidden: int = 96) -> nn.Cell:
    return nn.SequentialCell([nn.Dense(latent, hidden), nn.ReLU(), nn.Dense(hidden, outputs)])


def _square(values: ms.Tensor) -> ms.Tensor:
    return (values * values).mean()
