"""How well debris is found and filled, and how often the defect detector is right.

    python -m benchmarks.image_path

On virtual fields, whose truth is known; with QC_DATA also on recorded fabrics with stain masks. Takes
some two minutes of one core.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.debris_detector import find_debris, find_opaque_debris, find_stains
from models.defect_detector import ClassicalDefectDetector, widest_opening_um
from models.filling_methods import FSR, GAUSSIAN, TELEA, FillMethod
from models.hole_filling import fill_holes
from models.image_cleaner import DebrisCleaner
from models.virtual_mill.endmembers import FIBRES
from models.virtual_mill.micrographs import Micrograph, render_micrograph
from models.virtual_mill.specimens import UM_PER_PIXEL
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.spectrum import InstrumentIdentity

SEED = 41
FIELDS = 120

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def main() -> None:
    """Print the four tables."""
    dirty = list(fields(FIELDS, pieces=(1, 2, 3)))
    clean = list(fields(2 * FIELDS, pieces=(0,)))
    print("debris detection")
    find = partial(find_opaque_debris, um_per_pixel=UM_PER_PIXEL)
    report_masks("virtual fields", find, [(m.pixels, m.debris_mask) for m in dirty])
    lost = np.array([find(m.pixels).mean() for m in clean])
    print(
        f"  {'clean virtual fields':<22} {100 * np.mean(lost > 0):.1f} % of {len(lost)} have a finding, "
        f"{100 * np.mean(lost):.3f} % of the area in all"
    )
    if "QC_DATA" in os.environ:
        stains = list(stained_fabrics(Path(os.environ["QC_DATA"]) / "fabric_stain_hsst"))
        report_masks("stained fabrics", find_debris, stains)
        report_masks("  of these, as stains", find_stains, stains)
    print("filling holes of debris size in clean fields: PSNR inside the hole, CPU time")
    for method in (TELEA, FSR, GAUSSIAN):
        report_filling(method, clean[:60], [m.debris_mask for m in dirty[:60]])
    report_cleaner(dirty)
    print("defects")
    report_defects(clean)


def fields(count: int, pieces: Sequence[int]) -> Iterator[Micrograph]:
    """Render fields of one or two fibres with so many pieces of debris in turn."""
    for index in range(count):
        generator = np.random.default_rng([SEED, len(pieces), index])
        first, second = generator.choice(len(FIBRES), 2, replace=False)
        share = float(generator.choice([1.0, generator.uniform(0.2, 0.8)]))
        shares = {FIBRES[first]: share, FIBRES[second]: 1.0 - share}
        yield render_micrograph(shares, generator, debris_pieces=pieces[index % len(pieces)])


def stained_fabrics(folder: Path) -> Iterator[tuple[Pixels, Mask]]:
    """Read images of fabrics and the masks that people drew."""
    for path in sorted((folder / "images").glob("*.jpg")):
        mask = cv2.imread(str(folder / "annotations" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        yield cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), mask > 127


def report_masks(name: str, find: Callable[[Pixels], Mask], pairs: Sequence[tuple[Pixels, Mask]]) -> None:
    """Print overlap, recall and precision of a mask finder."""
    pairs = [(pixels, truth) for pixels, truth in pairs if truth.any()]
    found = [find(pixels) for pixels, _ in pairs]
    both = [float((mask & truth).sum()) for mask, (_, truth) in zip(found, pairs, strict=True)]
    either = [float((mask | truth).sum()) for mask, (_, truth) in zip(found, pairs, strict=True)]
    recall = [hit / float(truth.sum()) for hit, (_, truth) in zip(both, pairs, strict=True)]
    precision = sum(both) / max(sum(float(mask.sum()) for mask in found), 1.0)
    noticed = sum(share > 0.3 for share in recall)
    print(
        f"  {name:<22} IoU {np.mean(np.divide(both, either)):.2f}   recall {np.mean(recall):.2f}   "
        f"precision {precision:.2f}   recall above 0.3 in {noticed} of {len(pairs)}"
    )


def report_filling(method: FillMethod, clean: Sequence[Micrograph], masks: Sequence[Mask]) -> None:
    """Print how close filled pixels come to the truth that was under them."""
    errors, seconds = [], []
    for field, mask in zip(clean, masks, strict=True):
        if mask.any() and mask.mean() < 0.3:
            started = time.process_time()
            filled = fill_holes(field.pixels, mask, method)
            seconds.append(time.process_time() - started)
            errors.append(np.mean((filled[mask].astype(float) - field.pixels[mask]) ** 2))
    psnr = 10.0 * np.log10(255.0**2 / np.array(errors))
    print(f"  {method.name:<6} {np.mean(psnr):.1f} dB   {1e3 * np.mean(seconds):.0f} ms   of {len(errors)}")


def report_cleaner(dirty: Sequence[Micrograph]) -> None:
    """Print the time of the station's cleaner on whole fields with debris."""
    cleaner, seconds = DebrisCleaner(FSR), []
    for field in dirty[:60]:
        started = time.process_time()
        cleaner.clean(frame_of(field))
        seconds.append(time.process_time() - started)
    median_ms, max_ms = 1e3 * float(np.median(seconds)), 1e3 * max(seconds)
    print(f"  station's cleaner, whole fields: {median_ms:.0f} ms median, {max_ms:.0f} ms at most")


def report_defects(clean: Sequence[Micrograph]) -> None:
    """Print how wide gaps are in clean fields, false alarms, and how many holes of some sizes are found."""
    wide_um = [widest_opening_um(image_of(field)) for field in clean]
    half, many, widest = np.percentile(wide_um, [50, 99, 100])
    print(f"  widest gap of clean virtual fields: {half:.0f} µm median, 99 % {many:.0f} µm, {widest:.0f} µm")
    detector, cleaner = ClassicalDefectDetector(), DebrisCleaner(FSR)
    alarms = [bool(detector.find(cleaner.clean(frame_of(field)))) for field in clean]
    print(f"  false alarms on clean virtual fields: {sum(alarms)} of {len(alarms)}")
    for diameter_um in (300.0, 330.0, 360.0, 400.0):
        cut = [detector.find(with_hole(field, diameter_um)) for field in clean[:60]]
        found = [any(defect.kind == "hole" for defect in defects) for defects in cut]
        print(f"  holes of {diameter_um:.0f} µm found: {sum(found)} of {len(found)}")


def with_hole(field: Micrograph, diameter_um: float) -> CleanedImage:
    """Cut a round hole into a field: the ground shows, as bright as its brightest parts."""
    height, width = field.pixels.shape[:2]
    disc = np.zeros((height, width), np.uint8)
    radius_px = round(0.5 * diameter_um / field.um_per_pixel)
    cv2.circle(disc, (width // 2, height // 2), radius_px, (255.0,), -1)
    ground = np.percentile(field.pixels.reshape(-1, 3), 98, axis=0)
    noise = np.random.default_rng(SEED).normal(0.0, 2.0, field.pixels.shape)
    alpha = cv2.GaussianBlur(disc, (0, 0), 1.5)[..., None] / 255.0
    pixels = np.rint(field.pixels + alpha * (ground + noise - field.pixels)).clip(0, 255).astype(np.uint8)
    return CleanedImage(pixels, pixels, np.zeros((height, width), bool), field.um_per_pixel, "none")


def image_of(field: Micrograph) -> CleanedImage:
    """Return a field as if nothing had to be cleaned."""
    nothing = np.zeros(field.debris_mask.shape, bool)
    return CleanedImage(field.pixels, field.pixels, nothing, field.um_per_pixel, "none")


def frame_of(field: Micrograph) -> Frame:
    """Wrap a field as a camera's frame."""
    camera = InstrumentIdentity("virtual-camera", "virtual mill", "VIRTUAL", "1")
    return Frame(b"", field.pixels, field.um_per_pixel, camera, datetime.now(UTC), 0.0, 0)


if __name__ == "__main__":
    main()
