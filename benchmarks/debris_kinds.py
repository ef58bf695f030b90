"""How well simulated debris is found by kind, with and without the search for spots.

    QC_DATA=DATA python -m benchmarks.debris_kinds

Pieces are laid on clean virtual fields and, with QC_DATA, on recorded tiles of fabrics that no limit was
set on. Takes a minute of one core.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.image_path import fields
from models.debris_detector import DebrisLimits, find_opaque_debris
from models.debris_spots import SpotLimits

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

PICTURES = 24
UNTUNED_FABRICS = ("f04", "f05", "f06")
WITHOUT_SPOTS = DebrisLimits(spots=SpotLimits(dark_ratio=1e-9, bright_ratio=1e9))
# Shape, then brightness relative to the median of the picture.
KINDS = {
    "dark grain": ("grain", (0.05, 0.4)),
    "dark dust": ("dust", (0.05, 0.4)),
    "dark lint": ("lint", (0.05, 0.4)),
    "dark hair": ("hair", (0.05, 0.4)),
    "bright grain": ("grain", (1.5, 2.2)),
    "bright dust": ("dust", (1.5, 2.2)),
    "bright lint": ("lint", (1.5, 2.2)),
    "bright hair": ("hair", (1.5, 2.2)),
}
# Radius of grains and dust; length and width of threads; µm.
_RADIUS_UM = {"grain": (3.0, 8.0), "dust": (10.0, 24.0)}
_THREAD_UM = {"lint": ((80.0, 300.0), (4.0, 8.0)), "hair": ((250.0, 600.0), (18.0, 34.0))}
_UM_PER_PIXEL, _SEED = 2.0, 7


def main() -> None:
    """Print a table for each source of pictures."""
    report("virtual fields", [field.pixels for field in fields(PICTURES, pieces=(0,))], "dark")
    if "QC_DATA" in os.environ:
        folder = Path(os.environ["QC_DATA"]) / "aitex_tiles" / "train"
        paths = [path for fabric in UNTUNED_FABRICS for path in sorted(folder.glob(f"{fabric}*"))]
        tiles = [np.asarray(cv2.imread(str(path)), np.uint8) for path in paths[:: len(paths) // PICTURES]]
        report("recorded fabric", tiles, "")


def report(name: str, pictures: Sequence[Pixels], only: str) -> None:
    """Print recall and how many pieces are noticed (recall above 0.3), without and with spots."""
    clean = [[find_opaque_debris(one, limits=limits).any() for one in pictures] for limits in _LIMITS]
    print(f"{name}: {len(pictures)} clean pictures, with a finding {sum(clean[0])}, {sum(clean[1])}")
    for kind in (kind for kind in KINDS if kind.startswith(only)):
        recalls = np.array([_recalls(picture, kind, index) for index, picture in enumerate(pictures)])
        before, after = recalls.mean(axis=0)
        noticed = np.count_nonzero(recalls > 0.3, axis=0)
        print(f"  {kind:<13} recall {before:.2f} -> {after:.2f}   noticed {noticed[0]} -> {noticed[1]}")


_LIMITS = (WITHOUT_SPOTS, DebrisLimits())


def _recalls(picture: Pixels, kind: str, index: int) -> list[float]:
    shape, tones = KINDS[kind]
    dice = np.random.default_rng([_SEED, index])
    cover = _piece(shape, dice, picture.shape[0])
    grey = min(float(np.median(picture.max(axis=2))) * dice.uniform(*tones), 250.0)
    dirty = np.rint(picture + cover[..., None] * (grey - picture)).astype(np.uint8)
    truth = cover > 0.3
    return [
        np.count_nonzero(find_opaque_debris(dirty, limits=limits) & truth) / max(np.count_nonzero(truth), 1)
        for limits in _LIMITS
    ]


def _piece(shape: str, dice: np.random.Generator, side: int) -> NDArray[np.float32]:
    """Return (side, side) how much a piece covers, 0..1."""
    cover, start = np.zeros((side, side), np.uint8), dice.uniform(0.2 * side, 0.8 * side, 2)
    if shape in _RADIUS_UM:
        turns = np.linspace(0.0, 2.0 * np.pi, 14, endpoint=False)
        reach = dice.uniform(*_RADIUS_UM[shape]) / _UM_PER_PIXEL * np.exp(dice.normal(0.0, 0.25, 14))
        outline = start + np.stack([reach * np.cos(turns), reach * np.sin(turns)], axis=1)
        cv2.fillPoly(cover, [np.rint(outline).astype(np.int32)], (255.0,), cv2.LINE_AA)
    else:
        length_um, width_um = _THREAD_UM[shape]
        headings = dice.uniform(0.0, 6.28) + np.cumsum(dice.normal(0.0, 0.2, 24))
        step = dice.uniform(*length_um) / _UM_PER_PIXEL / 24.0
        path = start + np.cumsum(step * np.stack([np.cos(headings), np.sin(headings)], axis=1), axis=0)
        thick = max(1, round(dice.uniform(*width_um) / _UM_PER_PIXEL))
        cv2.polylines(cover, [np.rint(path).astype(np.int32)], False, (255.0,), thick, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(cover.astype(np.float32) / 255.0, (0, 0), 0.8), np.float32)


if __name__ == "__main__":
    main()
