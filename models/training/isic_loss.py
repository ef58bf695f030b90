"""What ISiC-Net is trained to make small, with every spectrum answered twice: alone and with its image."""

from dataclasses import dataclass

from models.isic_net import IsicNet, finish
from models.mindspore_import import ms, nn, ops

_TINY = 1e-4
_LEAST_SPREAD = 2e-3  # a spread below 0.2 percentage points would be bravado
_HUBER = 0.05  # share error where smooth L1 turns from square to linear


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each part counts."""

    classes: float = 0.3
    shares: float = 5.0
    divergence: float = 0.5
    presence: float = 0.3
    spread: float = 0.1
    reconstruction: float = 0.5
    cells: float = 1.0


class IsicLoss(nn.Cell):  # type: ignore[misc] # mindspore publishes no types
    """Loss of a batch whose first `paired` spectra have images."""

    def __init__(self, net: IsicNet, paired: int, weights: LossWeights) -> None:
        super().__init__()
        self.net, self.paired, self.weights = net, paired, weights

    def construct(
        self, signal: ms.Tensor, shares: ms.Tensor, image: ms.Tensor, cover: ms.Tensor
    ) -> ms.Tensor:
        """Return the scalar loss of (n, 2, bands), (n, k), (paired, 1, side, side), (paired, cells, k)."""
        windows, pooled, _ = self.net.signal_encoder(signal)
        own = self.net.from_signal(signal, pooled)
        loss = self.of_answers(own, shares)
        predicted = ops.softmax(own[1], -1)
        if self.paired:
            own = [one[: self.paired] for one in own]
            seen = self.net.from_both(windows[: self.paired], image, own[1])
            both = [one + more for one, more in zip(own, seen[0])]  # noqa: B905
            loss = loss + self.of_answers(both, shares[: self.paired])
            if self.net.config.region_generation:
                loss = loss + self.weights.cells * of_cells(seen[4], cover)
        if self.net.config.reconstruction:
            loss = loss + self.weights.reconstruction * self.of_reconstruction(
                signal, pooled, predicted, shares
            )
        return loss

    def of_answers(self, logits: list[ms.Tensor], shares: ms.Tensor) -> ms.Tensor:
        """Class cross-entropy, smooth L1 and divergence of shares, presence, and the spread's likelihood."""
        class_logits, predicted, presence, spread = finish(logits)
        weights = self.weights
        error = ops.abs(predicted - shares)
        small = ops.cast(error < _HUBER, ms.float32)
        smooth = small * 0.5 * error * error / _HUBER + (1.0 - small) * (error - 0.5 * _HUBER)
        main = ops.cast(shares >= shares.max(-1, keepdims=True), ms.float32)
        main = main / main.sum(-1, keepdims=True)
        classes = -((0.95 * main + 0.05 / shares.shape[-1]) * ops.log_softmax(class_logits, -1)).sum(-1)
        divergence = (shares * (ops.log(shares + _TINY) - ops.log(predicted + _TINY))).sum(-1)
        present = ops.cast(shares > 0.0, ms.float32)
        missed = -(present * ops.log(presence + _TINY) + (1.0 - present) * ops.log(1.0 - presence + _TINY))
        # Laplace likelihood of the error as it stands: it teaches the spread and leaves the shares alone.
        scale = spread + _LEAST_SPREAD
        surprise = ops.log(scale) + ops.stop_gradient(error) / scale
        return (
            weights.classes * classes.mean()
            + weights.shares * smooth.sum(-1).mean()
            + weights.divergence * divergence.mean()
            + weights.presence * missed.mean()
            + weights.spread * surprise.mean()
        )

    def of_reconstruction(
        self, signal: ms.Tensor, pooled: ms.Tensor, predicted: ms.Tensor, shares: ms.Tensor
    ) -> ms.Tensor:
        """Error and angle of the rebuilt SNV spectrum; a pure specimen also pulls at its fibre's own."""
        spectrum = signal[:, 0]
        rebuilt, endmembers = self.net.reconstruction(predicted, pooled)
        pure = ops.cast(shares.max(-1, keepdims=True) > 0.999, ms.float32)  # (n, 1)
        own = ops.matmul(shares, endmembers)
        pull = (pure * (own - spectrum) * (own - spectrum)).mean()
        return ((rebuilt - spectrum) * (rebuilt - spectrum)).mean() + _angle(rebuilt, spectrum) + 0.2 * pull


def of_cells(shown: ms.Tensor, cover: ms.Tensor) -> ms.Tensor:
    """Cross-entropy of what cells show, logits (n, cells, k + 1), against their cover (n, cells, k).

    Bare ground is what the fibres leave; where they overlap, they share the cell. An image without
    any cover counts for nothing.
    """
    total = cover.sum(-1, keepdims=True)  # (n, cells, 1)
    fibres = cover / ops.maximum(total, ops.ones_like(total))
    target = ops.concat((fibres, ops.relu(1.0 - total)), -1)
    missed = -(target * ops.log_softmax(shown, -1)).sum(-1).mean(-1)  # (n,)
    known = ops.cast(total.sum((1, 2)) > 0.0, ms.float32)
    return (known * missed).sum() / (known.sum() + _TINY)


def _angle(first: ms.Tensor, second: ms.Tensor) -> ms.Tensor:
    """Mean of 1 - cosine over rows."""
    product = (first * second).mean(-1)
    lengths = ops.sqrt((first * first).mean(-1) * (second * second).mean(-1) + _TINY)
    return (1.0 - product / lengths).mean()
