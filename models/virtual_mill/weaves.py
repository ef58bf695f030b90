"""Virtual woven fabric, as a camera above it sees it: rounded threads that go over and under."""

import cv2
import numpy as np
from numpy.typing import NDArray

# Which warp thread lies on top where it meets a weft thread: plain weave, 2/2 twill, five-end satin.
_PATTERNS = (
    np.array([[1, 0], [0, 1]]),
    np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1]]),
    np.array([[1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [0, 1, 0, 0, 0], [0, 0, 0, 1, 0]]),
)
_WANDER_PX = 0.8  # how far a thread strays from its place
_GRAIN = 0.025  # of a camera, standard deviation, 0..1


def render_weave(generator: np.random.Generator, size_px: int = 256) -> NDArray[np.uint8]:
    """Return (size, size) grey of a fabric whose weave, thread spacing, turn and light are drawn."""
    pattern = _PATTERNS[generator.integers(len(_PATTERNS))]
    spacing = generator.uniform(5.0, 12.0, 2)
    turn = generator.uniform(-0.1, 0.1)
    down, across = np.mgrid[0:size_px, 0:size_px].astype(np.float32)
    strayed = [_WANDER_PX * _slow_noise(generator, size_px) for _ in range(2)]
    warp_place = (np.cos(turn) * across + np.sin(turn) * down + strayed[0]) / spacing[0] + 1000.0
    weft_place = (np.cos(turn) * down - np.sin(turn) * across + strayed[1]) / spacing[1] + 1000.0
    over = pattern[
        np.floor(weft_place).astype(int) % len(pattern), np.floor(warp_place).astype(int) % len(pattern)
    ]
    round_warp, round_weft = (np.sin(np.pi * (place % 1.0)) for place in (warp_place, weft_place))
    tone = generator.uniform(0.35, 0.8, 2)
    seen = np.where(over == 1, tone[0] * (0.4 + 0.6 * round_warp), tone[1] * (0.4 + 0.6 * round_weft))
    light = 1.0 + 0.1 * _slow_noise(generator, size_px)
    noisy = cv2.GaussianBlur(seen * light, (0, 0), 0.7) + generator.normal(0.0, _GRAIN, seen.shape)
    return np.asarray(np.rint(noisy.clip(0.0, 1.0) * 255.0), dtype=np.uint8)


def _slow_noise(generator: np.random.Generator, size_px: int) -> NDArray[np.float32]:
    """Return (size, size) noise of deviation about one that changes over an eighth of the picture."""
    coarse = generator.normal(size=(8, 8)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (size_px, size_px), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
