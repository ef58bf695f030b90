"""Masks with free-form holes, drawn from a seed: hairs, blobs and specks, as dirt on a specimen has them."""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

BINS = ((0.0, 0.3), (0.3, 0.5), (0.5, 0.7))  # of the image's area, above the first and up to the second
_TRIES = 400  # pieces laid at most; far more than the fullest bin needs


def free_form_mask(side_px: int, least: float, most: float, generator: np.random.Generator) -> Mask:
    """Return (side, side), True in holes, which cover a share of the area in (least, most].

    Args:
        side_px: of the square.
        least: share of the area, 0..1, which the holes exceed.
        most: share that they do not exceed; what is aimed at is drawn between the two.
        generator: the only source of chance.
    """
    aim = least + (most - least) * generator.uniform(0.15, 0.95)
    holes = np.zeros((side_px, side_px), np.uint8)
    scale = float(side_px)
    for _ in range(_TRIES):
        if holes.mean() >= aim:
            break
        piece = holes.copy()
        _PIECES[generator.choice(len(_PIECES), p=_LIKELY)](piece, scale, generator)
        if piece.mean() <= most:
            holes = piece
    return holes.astype(bool)


def _hair(holes: NDArray[np.uint8], scale: float, generator: np.random.Generator) -> None:
    """Draw a bent stroke."""
    side = holes.shape[0]
    steps, step = int(generator.integers(3, 9)), scale * generator.uniform(0.04, 0.14)
    width = max(1, round(scale * generator.uniform(0.008, 0.06)))
    angle = generator.uniform(0.0, 2.0 * np.pi)
    place = generator.uniform(0.0, side, 2)
    for _ in range(steps):
        angle += generator.normal(0.0, 0.6)
        reached = place + step * np.array([np.cos(angle), np.sin(angle)])
        ends = [(int(x), int(y)) for x, y in (place, reached)]
        cv2.line(holes, ends[0], ends[1], (1,), width)
        place = reached


def _blob(holes: NDArray[np.uint8], scale: float, generator: np.random.Generator) -> None:
    """Draw a filled ellipse with an uneven edge."""
    side = holes.shape[0]
    turns = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    radius = scale * generator.uniform(0.02, 0.12)
    bumps = 1.0 + 0.25 * np.cos(generator.integers(2, 6) * turns + generator.uniform(0.0, 6.0))
    flat = generator.uniform(0.4, 1.0)
    around = radius * bumps * np.stack([np.cos(turns), flat * np.sin(turns)])
    edge = (generator.uniform(0.0, side, 2)[:, None] + around).T
    cv2.fillPoly(holes, [edge.astype(np.int32)], (1,))


def _specks(holes: NDArray[np.uint8], scale: float, generator: np.random.Generator) -> None:
    """Draw a handful of small discs."""
    side = holes.shape[0]
    for _ in range(int(generator.integers(3, 12))):
        x, y = generator.uniform(0.0, side, 2)
        cv2.circle(holes, (int(x), int(y)), max(1, round(scale * generator.uniform(0.004, 0.02))), (1,), -1)


_PIECES = (_hair, _blob, _specks)
_LIKELY = (0.5, 0.35, 0.15)
