"""What PMPN is shown of an image with holes, the same in training and in service. Without MindSpore."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.gaussian_fill import likeliest_fill
from models.inpainting_net_config import INPUTS
from models.sparse_fill import fill_sparse

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

LEAST_DEVIATION = 0.01  # of the known pixels, 0..1: what is flatter is not blown up
_SKETCH_BLUR_PX = 1.5  # standard deviation: threads and fibres remain, grain does not


@dataclass(frozen=True, slots=True, eq=False)
class Guides:
    """An image's own fills and what the network measures brightness by.

    Attributes:
        fill: (height, width) 0..1, the likeliest fill, which the network corrects.
        second: (height, width) 0..1, the fill by few waves that it was found from.
        mean, deviation: of the known pixels, 0..1.
    """

    fill: Floats
    second: Floats
    mean: float
    deviation: float

    def normalised(self, pixels: Floats) -> Floats:
        """Return pixels in deviations from the mean."""
        scaled: Floats = (pixels - np.float32(self.mean)) / np.float32(self.deviation)
        return scaled

    def restored(self, values: Floats) -> Floats:
        """Return the pixels, 0..1, of deviations from the mean."""
        pixels: Floats = values * np.float32(self.deviation) + np.float32(self.mean)
        return np.clip(pixels, np.float32(0.0), np.float32(1.0))


def make_guides(pixels: Floats, known: Mask) -> Guides:
    """Return the guides of an image (height, width) 0..1, of whose holes nothing is used.

    Raises:
        ValueError: nothing is known.
    """
    seen = pixels[known].astype(np.float64)
    second = fill_sparse(pixels, known)
    fill = likeliest_fill(second, known)
    return Guides(fill, second, float(seen.mean()), max(float(seen.std()), LEAST_DEVIATION))


def network_inputs(pixels: Floats, known: Mask, guides: Guides) -> dict[str, Floats]:
    """Return the network's inputs by name, each (1, channels, height, width)."""
    mask = known.astype(np.float32)
    fill = guides.normalised(guides.fill)
    shown = np.stack([fill, guides.normalised(guides.second), sketch(fill)])
    arrays = (guides.normalised(pixels)[None] * mask, mask[None], shown)
    return {name: array[None].astype(np.float32) for name, array in zip(INPUTS, arrays, strict=True)}


def sketch(picture: Floats) -> Floats:
    """Return how strong edges are at each place (height, width), 0..1.

    The gradient of the blurred picture, bent into 0..1 by 1 - exp(-g). An edge is not decided by a
    threshold, as in Canny's method, for on a weave such a decision flickers.
    """
    blurred = cv2.GaussianBlur(picture, (0, 0), _SKETCH_BLUR_PX, borderType=cv2.BORDER_REFLECT_101)
    across, down = (cv2.Sobel(blurred, cv2.CV_32F, *order, scale=0.125) for order in ((1, 0), (0, 1)))
    strength: Floats = 1.0 - np.exp(-np.hypot(across, down) * np.float32(2.0))
    return strength
