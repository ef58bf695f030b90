"""What PMPN is taught by: the six losses of its description and one of our own.

Those are reconstruction, adversarial, intermediate, perceptual, style and colour. Perception and style
are measured there by VGG, a network that this project does not have; here gradients at several scales
stand in for the first and fixed random filters for the second, both off unless they are weighed in.
The hole's squared error on a logarithmic scale, which is its PSNR, is ours: it is what is judged.

A mask is 1 where a pixel is known. All pictures are (B, 1, H, W).
"""

import math
from dataclasses import dataclass

import numpy as np

from models.inpainting_net import Pmpn
from models.mindspore_import import ms, nn, ops

_LEAST_ERROR = 1e-4  # squared, below which a hole counts as filled: of the known pixels' variance
_LEAST_AREA = 1.0  # pixel, by which sums over empty holes are divided
_SCALES = 3  # of the perceptual loss
_RANDOM_FILTERS, _FILTER_PX = 16, 5


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each loss counts; one of weight 0 is not computed.

    The defaults reach the best hole PSNR that was found; CTSDG's are valid 10, hole 60, intermediate 1,
    perceptual 0.1, style 250, adversarial 0.1.
    """

    fidelity: float = 1.0
    valid: float = 0.0
    hole: float = 0.0
    intermediate: float = 0.0
    colour: float = 0.1
    perceptual: float = 0.0
    style: float = 0.0
    adversarial: float = 0.0


class InpaintingLoss(nn.Cell):  # type: ignore[misc] # mindspore publishes no types
    """The weighed sum of the losses of one batch, without the adversarial one."""

    def __init__(self, net: Pmpn, weights: LossWeights) -> None:
        super().__init__()
        self.net = net
        self.weights = weights
        self.filters = random_filters()

    def construct(
        self, known: ms.Tensor, mask: ms.Tensor, guides: ms.Tensor, truth: ms.Tensor, sketch: ms.Tensor
    ) -> ms.Tensor:
        """Return the loss; `truth` and its `sketch` are (B, 1, H, W), the rest is the network's input."""
        filled, picture, drawn, colour = self.net.stages(known, mask, guides)
        return self.total(mask, truth, sketch, (filled, picture, drawn, colour))

    def total(
        self, mask: ms.Tensor, truth: ms.Tensor, sketch: ms.Tensor, stages: tuple[ms.Tensor, ...]
    ) -> ms.Tensor:
        """Return the weighed sum of what the stages of the network miss."""
        filled, picture, drawn, colour = stages
        weights, hole = self.weights, 1.0 - mask
        total = weights.fidelity * fidelity_loss(filled, truth, hole)
        if weights.valid > 0.0:
            total = total + weights.valid * masked_l1(picture, truth, mask)
        if weights.hole > 0.0:
            total = total + weights.hole * masked_l1(filled, truth, hole)
        if weights.intermediate > 0.0:
            total = total + weights.intermediate * intermediate_loss(
                picture, truth, drawn, sketch, self.net.config.streams == 2
            )
        if weights.colour > 0.0 and self.net.config.cpi:
            total = total + weights.colour * colour_loss(colour, truth, hole)
        if weights.perceptual > 0.0:
            total = total + weights.perceptual * perceptual_loss(filled, truth)
        if weights.style > 0.0:
            total = total + weights.style * style_loss(filled, truth, self.filters)
        return total


def fidelity_loss(filled: ms.Tensor, truth: ms.Tensor, hole: ms.Tensor) -> ms.Tensor:
    """Return the mean over images of log(mean squared error in their holes)."""
    squared = ((filled - truth) * hole) ** 2
    error = squared.sum((1, 2, 3)) / ops.clip(hole.sum((1, 2, 3)), _LEAST_AREA)
    return ops.log(error + _LEAST_ERROR).mean()


def masked_l1(picture: ms.Tensor, truth: ms.Tensor, where: ms.Tensor) -> ms.Tensor:
    """Return the mean absolute error where the mask is 1: L_rec of the known pixels or of the holes."""
    area = ops.clip(where.sum(), _LEAST_AREA)
    return (ops.abs(picture - truth) * where).sum() / area


def intermediate_loss(
    picture: ms.Tensor, truth: ms.Tensor, drawn: ms.Tensor, sketch: ms.Tensor, with_sketch: bool
) -> ms.Tensor:
    """Return L_inter: what the streams miss alone, texture the picture and structure the sketch.

    Args:
        picture: the texture stream's own.
        truth: the whole picture.
        drawn: logits of the structure stream's sketch.
        sketch: of the truth, 0..1.
        with_sketch: False for a network that draws none.
    """
    error = ops.abs(picture - truth).mean()
    return error + cross_entropy(drawn, sketch) if with_sketch else error


def cross_entropy(logits: ms.Tensor, target: ms.Tensor) -> ms.Tensor:
    """Return the mean binary cross-entropy of a target 0..1, by a form that does not overflow."""
    return (ops.relu(logits) - logits * target + ops.log(1.0 + ops.exp(-ops.abs(logits)))).mean()


def colour_loss(colour: ms.Tensor, truth: ms.Tensor, hole: ms.Tensor) -> ms.Tensor:
    """Return L_col: the colour prior (B, 1, H/4, W/4) against the mean of each 4 × 4 pixels, in holes."""
    weight = ops.avg_pool2d(hole, 4, 4)
    return masked_l1(colour, ops.avg_pool2d(truth, 4, 4), weight)


def perceptual_loss(filled: ms.Tensor, truth: ms.Tensor) -> ms.Tensor:
    """Return L_perc's stand-in: the absolute error of horizontal and vertical steps at three scales."""
    difference = filled - truth
    total = ops.zeros((), ms.float32)
    for _ in range(_SCALES):
        across = ops.abs(difference[:, :, :, 1:] - difference[:, :, :, :-1]).mean()
        down = ops.abs(difference[:, :, 1:] - difference[:, :, :-1]).mean()
        total = total + across + down
        difference = ops.avg_pool2d(difference, 2, 2)
    return total / _SCALES


def style_loss(filled: ms.Tensor, truth: ms.Tensor, filters: ms.Tensor) -> ms.Tensor:
    """Return L_style's stand-in: the absolute difference of Gram matrices of random features."""
    return ops.abs(gram_matrix(filled, filters) - gram_matrix(truth, filters)).mean()


def gram_matrix(picture: ms.Tensor, filters: ms.Tensor) -> ms.Tensor:
    """Return (B, F, F) mean products of the rectified answers of F filters (F, 1, k, k)."""
    features = ops.relu(ops.conv2d(picture, filters, None, 1, "valid"))
    flat = features.reshape(features.shape[0], features.shape[1], -1)
    return ops.bmm(flat, flat.swapaxes(1, 2)) / flat.shape[2]


def random_filters() -> ms.Tensor:
    """Return (16, 1, 5, 5) filters of unit length and mean 0, always the same."""
    drawn = np.random.default_rng(5).normal(size=(_RANDOM_FILTERS, 1, _FILTER_PX, _FILTER_PX))
    drawn -= drawn.mean(axis=(1, 2, 3), keepdims=True)
    drawn /= np.sqrt((drawn**2).sum(axis=(1, 2, 3), keepdims=True))
    return ms.Tensor(drawn.astype(np.float32))


def psnr_of(fidelity: float) -> float:
    """Return the hole PSNR in dB, over the known pixels' deviation, that a fidelity loss stands for."""
    return -10.0 * fidelity / math.log(10.0)
