"""Fits what tells a stain from a fold, and says how well that holds on fabrics left out.

    python -m models.training.stain_regions DATA

DATA holds `fabric_stain_hsst` (images, and masks that people drew) and `aitex_tiles`,
`nirscan_swatches`, `garment_macro_images`: fabrics without stains. Virtual fields without debris are
rendered. Writes the weights of this version.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.stain_regions import MEASURES, STAIN_WEIGHTS, Region, StainModel, dark_regions, drawn
from models.virtual_mill.endmembers import FIBRES
from models.virtual_mill.micrographs import render_micrograph

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

LIMIT = 0.3
# Which images show the same fabric, by time and look; an image that is not named is one of its own.
SAME_FABRIC = (
    ("2024_12_10_13_18_40_467_384_128", "2024_12_10_13_24_11_358_2816_128", "2024_9_11_14_28_3_725_1792_0"),
    (
        "2024_9_11_14_10_49_983_3072_488", "2024_9_11_14_6_15_612_3072_0",
        "2024_9_11_14_6_16_612_3072_488", "2024_9_11_14_6_58_551_128_128",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class MarkedImage:
    """An image of a stained fabric, what people marked on it, and its candidate regions."""

    fabric: str
    truth: Mask
    regions: tuple[Region, ...]


def main() -> None:
    """Cross-validate by fabric, then fit to everything and write the weights."""
    data = Path(sys.argv[1])
    marked = tuple(marked_images(data / "fabric_stain_hsst"))
    clean = [tuple(dark_regions(pixels)) for pixels in clean_images(data)]
    scores = cross_validated(marked, clean)
    sys.stdout.write("fabrics left out in turn: IoU {:.3f}, recall {:.3f}\n".format(*scores.mean(axis=0)))
    model = fitted(marked, clean)
    content = {"weights": dict(zip(MEASURES, model.weights, strict=True)), "bias": model.bias, "limit": LIMIT}
    STAIN_WEIGHTS.write_text(json.dumps(content, indent=2) + "\n")


def cross_validated(marked: Sequence[MarkedImage], clean: Sequence[Sequence[Region]]) -> NDArray[np.float64]:
    """Return (images, 2) IoU and recall of each image by a model that did not see its fabric."""
    scores = []
    for image in marked:
        model = fitted([other for other in marked if other.fabric != image.fabric], clean)
        found = drawn([region for region in image.regions if model.is_stain(region)], image.truth.shape)
        both = np.count_nonzero(found & image.truth)
        scores.append((both / np.count_nonzero(found | image.truth), both / np.count_nonzero(image.truth)))
    return np.array(scores)


def fitted(marked: Sequence[MarkedImage], clean: Sequence[Sequence[Region]]) -> StainModel:
    """Return a logistic model of regions; one that covers more of an image's stains counts more."""
    parts = [_examples(image) for image in marked]
    spare = [region for regions in clean for region in regions]
    measures = np.concatenate([part[0] for part in parts] + [np.stack([r.measures for r in spare])])
    is_stain = np.concatenate([part[1] for part in parts] + [np.zeros(len(spare), np.bool_)])
    weight = np.concatenate([part[2] for part in parts] + [np.full(len(spare), _CLEAN_WEIGHT / len(spare))])
    middle, spread = measures.mean(axis=0), measures.std(axis=0) + 1e-6
    model = LogisticRegression(C=1.0, max_iter=1000)
    model.fit((measures - middle) / spread, is_stain, sample_weight=0.5 * len(weight) * weight / weight.sum())
    slopes = model.coef_[0] / spread
    bias = float(model.intercept_[0] - slopes @ middle)
    return StainModel(tuple(float(slope) for slope in slopes), bias, LIMIT)


def marked_images(folder: Path) -> Iterator[MarkedImage]:
    """Read images of stained fabrics, the masks that people drew, and the regions found in them."""
    fabric_of = {stem: stems[0] for stems in SAME_FABRIC for stem in stems}
    for path in sorted((folder / "images").glob("*.jpg")):
        truth = cv2.imread(str(folder / "annotations" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE) > 127
        regions = tuple(dark_regions(_brightness(path)))
        yield MarkedImage(fabric_of.get(path.stem, path.stem), truth, regions)


def clean_images(data: Path) -> Iterator[Pixels]:
    """Read brightness of fabrics without stains, some of each source, and render fields without debris."""
    for pattern in ("aitex_tiles/train/*", "nirscan_swatches/images/*.jpg", "garment_macro_images/jpg/*"):
        paths = sorted(data.glob(pattern))
        for path in paths[:: max(len(paths) // _CLEAN_OF_EACH, 1)]:
            yield _brightness(path)
    for index in range(_CLEAN_OF_EACH):
        generator = np.random.default_rng([_SEED, index])
        shares = {FIBRES[index % len(FIBRES)]: 1.0}
        yield np.ascontiguousarray(render_micrograph(shares, generator, debris_pieces=0).pixels.max(axis=2))


_SEED, _CLEAN_OF_EACH = 71, 14
# All regions of clean fabrics together, in images' worth of stains.
_CLEAN_WEIGHT = 15.0


def _brightness(path: Path) -> Pixels:
    return np.ascontiguousarray(cv2.imread(str(path)).max(axis=2))


def _examples(image: MarkedImage) -> tuple[NDArray[np.float64], Mask, NDArray[np.float64]]:
    """Return measures, whether each region is a stain, and how much it counts."""
    area = np.array([np.count_nonzero(region.inside) for region in image.regions])
    hits = [np.mean(image.truth[region.place][region.inside]) for region in image.regions]
    measures = np.stack([region.measures for region in image.regions])
    return measures, np.array(hits) > 0.4, np.sqrt(area / np.count_nonzero(image.truth)) + 0.02


if __name__ == "__main__":
    main()
