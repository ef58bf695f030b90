"""Made-up inputs of one specimen, to compare runtimes on. Nothing here imports MindSpore."""

import numpy as np
from numpy.typing import NDArray

from models.composition_predictor import network_inputs
from models.isic_net_config import IsicNetConfig
from models.preprocessing import signal_channels, standardised


def drawn_inputs(
    config: IsicNetConfig, generator: np.random.Generator, image: bool = True
) -> dict[str, NDArray[np.float32]]:
    """Return inputs as the graph takes them: a smooth spectrum of random bands, a noisy image or none."""
    place = np.linspace(0.0, 1.0, config.bands)
    centres, heights = generator.random((8, 1)), generator.random((8, 1))
    absorbance = 0.2 + (0.1 * heights * np.exp(-(((place - centres) / 0.05) ** 2))).sum(axis=0)
    side = config.image_px
    plane = standardised(generator.normal(128.0, 30.0, (1, 1, side, side)).astype(np.float32))
    return network_inputs(config, signal_channels(absorbance[None]), plane if image else None)
