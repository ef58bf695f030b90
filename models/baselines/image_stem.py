"""Strided convolutions that turn a micrograph into a feature map, for the texture methods."""

from models.mindspore_import import nn

STEM_STRIDE = 16
STEM_CHANNELS = 128


def image_stem() -> nn.Cell:
    """Return (B, 1, side, side) to (B, 128, side / 16, side / 16): about the cost of ISiC-Net's own."""
    return nn.SequentialCell(
        [_convolution(1, 32, 8, 4), _convolution(32, 64, 3, 2), _convolution(64, 128, 3, 2)]
    )


def _convolution(inputs: int, outputs: int, size: int, stride: int) -> nn.Cell:
    return nn.Conv2dBnAct(
        inputs, outputs, size, stride=stride, pad_mode="same", has_bn=True, activation="relu"
    )
