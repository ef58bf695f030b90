"""How well stains of unseen fabrics are found, beside a plain recipe, and how often clean fabric fires.

    QC_DATA=DATA python -m benchmarks.debris

Each image is judged by a model fitted without its fabric. Takes a minute of one core.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.image_path import stained_fabrics
from models.debris_detector import find_debris, find_opaque_debris
from models.stain_regions import Region, dark_regions, drawn
from models.training.stain_regions import LIMIT, MarkedImage, clean_images, fitted, marked_images

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def main() -> None:
    """Print both tables."""
    data = Path(os.environ["QC_DATA"])
    pairs = list(stained_fabrics(data / "fabric_stain_hsst"))
    marked = list(marked_images(data / "fabric_stain_hsst"))
    clean = list(clean_images(data))
    unseen = _unseen(marked, [dark_regions(pixels) for pixels in clean])
    with_opaque = [mask | find_opaque_debris(pixels) for mask, (pixels, _) in zip(unseen, pairs, strict=True)]
    truths = [truth for _, truth in pairs]
    print(f"{len(pairs)} images of stained fabrics, {len({image.fabric for image in marked})} fabrics")
    report("detector, fabric left out", with_opaque, truths)
    report("plain recipe", [plain_recipe(pixels.max(axis=2)) for pixels, _ in pairs], truths)
    report("detector, as released", [find_debris(pixels) for pixels, _ in pairs], truths)
    print(f"{len(clean)} clean pictures; the released model was fitted with these among others")
    report_clean("detector, as released", [find_debris(np.dstack([grey] * 3)) for grey in clean])
    report_clean("plain recipe", [plain_recipe(grey) for grey in clean])
    print(f"a region is a stain from a probability of {LIMIT}")


def report(name: str, found: Sequence[Mask], truths: Sequence[Mask]) -> None:
    """Print overlap, recall and precision, each the mean of the images, and how many images are noticed."""
    pairs = list(zip(found, truths, strict=True))
    both = np.array([np.count_nonzero(mask & truth) for mask, truth in pairs])
    either = np.array([np.count_nonzero(mask | truth) for mask, truth in pairs])
    recall = both / [np.count_nonzero(truth) for truth in truths]
    precision = both / [max(np.count_nonzero(mask), 1) for mask in found]
    print(
        f"  {name:<26} IoU {np.mean(both / either):.2f}   recall {recall.mean():.2f}   "
        f"precision {precision.mean():.2f}   noticed {np.count_nonzero(recall > 0.3)} of {len(truths)}"
    )


def report_clean(name: str, found: Sequence[Mask]) -> None:
    """Print how many clean pictures have a finding, and how much of them is masked."""
    shares = np.array([100.0 * mask.mean() for mask in found])
    print(
        f"  {name:<26} {100 * np.mean(shares > 0):.0f} % have a finding, "
        f"{np.median(shares):.2f} % of the area median, {shares.mean():.2f} % mean"
    )


def plain_recipe(grey: Pixels) -> Mask:
    """Return what a wide median, a robust score with hysteresis and an area limit find."""
    smooth = cv2.GaussianBlur(grey, (0, 0), 2.0)
    difference = cv2.medianBlur(smooth, 101).astype(np.float32) - smooth
    spread = 1.4826 * np.median(np.abs(difference - np.median(difference)))
    score = np.abs(difference) / max(float(spread), 1e-6)
    probable = cv2.morphologyEx((score > 3.5).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(probable)
    kept = np.zeros(count, np.bool_)
    kept[np.unique(labels[score > 8.0])] = True
    kept &= stats[:, cv2.CC_STAT_AREA] >= 60
    kept[0] = False
    mask: Mask = cv2.dilate(kept[labels].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return mask


def _unseen(marked: Sequence[MarkedImage], clean: Sequence[Sequence[Region]]) -> list[Mask]:
    masks = []
    for image in marked:
        model = fitted([other for other in marked if other.fabric != image.fabric], clean)
        stains = [region for region in image.regions if model.is_stain(region)]
        masks.append(drawn(stains, image.truth.shape))
    return masks


if __name__ == "__main__":
    main()
