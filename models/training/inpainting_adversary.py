"""The adversary of an optional second stage: two patch discriminators and the losses of both sides.

Off by default: a network that is taught to deceive draws a texture that was not there, which lowers its
PSNR and is the last thing that a measurement needs. It is here because the method has it.
"""

import math

import numpy as np

from models.inpainting_net import Pmpn
from models.mindspore_import import ms, nn, ops
from models.training.inpainting_losses import InpaintingLoss, cross_entropy

_WIDTH = 16  # of the first layer; CTSDG has 64
_KERNEL = 4
_SLOPE = 0.2
_POWER_STEPS = 3  # of the iteration that finds a layer's largest gain
_EPS = 1e-6


class Adversary(nn.Cell):  # type: ignore[misc] # mindspore publishes no types
    """Tells real from filled by patches: one part sees the picture, the other its edges as well."""

    def __init__(self) -> None:
        super().__init__()
        self.texture, self.structure = PatchDiscriminator(1), PatchDiscriminator(2)

    def construct(self, picture: ms.Tensor) -> ms.Tensor:
        """Return logits (B, 2, h, w), above 0 for real, of (B, 1, H, W)."""
        edged = ops.concat((edges(picture), picture), 1)
        return ops.concat((self.texture(picture), self.structure(edged)), 1)


class PatchDiscriminator(nn.Cell):  # type: ignore[misc]
    """Five 4 × 4 convolutions, three of stride 2, each with a largest gain of one."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        widths = (inputs, _WIDTH, 2 * _WIDTH, 4 * _WIDTH, 8 * _WIDTH, 1)
        self.convs = nn.CellList(
            [
                SpectralConv(widths[layer], widths[layer + 1], 2 if layer < 3 else 1)
                for layer in range(len(widths) - 1)
            ]
        )

    def construct(self, picture: ms.Tensor) -> ms.Tensor:
        """Return logits (B, 1, h, w)."""
        last = len(self.convs) - 1
        for layer, conv in enumerate(self.convs):
            picture = conv(picture)
            if layer < last:
                picture = ops.leaky_relu(picture, _SLOPE)
        return picture


class SpectralConv(nn.Cell):  # type: ignore[misc]
    """A convolution whose weights are divided by their largest singular value."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        deviation = math.sqrt(1.0 / (inputs * _KERNEL * _KERNEL))
        weight = ops.standard_normal((outputs, inputs, _KERNEL, _KERNEL)) * deviation
        self.weight = ms.Parameter(weight, name="weight")
        self.bias = ms.Parameter(ops.zeros((outputs,), ms.float32), name="bias")
        self.start = ms.Tensor(np.ones((outputs, 1), np.float32))

    def construct(self, picture: ms.Tensor) -> ms.Tensor:
        """Return (B, outputs, H/s, W/s), about."""
        weight = self.weight / self.largest_gain()
        return ops.conv2d(picture, weight, self.bias, self.stride, "pad", 1)

    def largest_gain(self) -> ms.Tensor:
        """Return the largest singular value of the weights as a matrix, by power iteration."""
        matrix = self.weight.reshape(self.weight.shape[0], -1)
        left = self.start
        right = ops.matmul(matrix.T, left)
        for _ in range(_POWER_STEPS):
            right = _unit(ops.matmul(matrix.T, left))
            left = _unit(ops.matmul(matrix, right))
        return ops.matmul(ops.stop_gradient(left).T, ops.matmul(matrix, ops.stop_gradient(right)))


class DeceivingLoss(nn.Cell):  # type: ignore[misc]
    """What the network minimises in the second stage: its losses, and L_adv, that it is found out."""

    def __init__(self, loss: InpaintingLoss, adversary: Adversary) -> None:
        super().__init__()
        self.loss, self.adversary = loss, adversary

    def construct(
        self, known: ms.Tensor, mask: ms.Tensor, guides: ms.Tensor, truth: ms.Tensor, sketch: ms.Tensor
    ) -> ms.Tensor:
        """Return the loss."""
        stages = self.loss.net.stages(known, mask, guides)
        total = self.loss.total(mask, truth, sketch, stages)
        return total + self.loss.weights.adversarial * adversarial_loss(self.adversary(stages[0]), True)


class DetectingLoss(nn.Cell):  # type: ignore[misc]
    """What the adversary minimises: that it takes real for filled and filled for real."""

    def __init__(self, net: Pmpn, adversary: Adversary) -> None:
        super().__init__()
        self.net, self.adversary = net, adversary

    def construct(self, known: ms.Tensor, mask: ms.Tensor, guides: ms.Tensor, truth: ms.Tensor) -> ms.Tensor:
        """Return the loss."""
        filled = ops.stop_gradient(self.net(known, mask, guides))
        real, made = self.adversary(truth), self.adversary(filled)
        return (adversarial_loss(real, True) + adversarial_loss(made, False)) / 2.0


def adversarial_loss(logits: ms.Tensor, real: bool) -> ms.Tensor:
    """Return L_adv: the cross-entropy of an adversary's logits with what they should say."""
    return cross_entropy(logits, ops.ones_like(logits) if real else ops.zeros_like(logits))


def edges(picture: ms.Tensor) -> ms.Tensor:
    """Return the strength of the steps right and down (B, 1, H, W), 0 at the last column and row."""
    across = nn.Pad(((0, 0), (0, 0), (0, 0), (0, 1)))(picture[:, :, :, 1:] - picture[:, :, :, :-1])
    down = nn.Pad(((0, 0), (0, 0), (0, 1), (0, 0)))(picture[:, :, 1:] - picture[:, :, :-1])
    return ops.sqrt(across * across + down * down + _EPS)


def _unit(vector: ms.Tensor) -> ms.Tensor:
    return vector / ops.sqrt((vector * vector).sum() + _EPS)
