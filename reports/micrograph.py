"""The micrograph of a certificate: the image as taken, with what was found on it marked."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.composition import Evidence
from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.inspection import Defect
from reports.charts import round_step

_DEBRIS_RGB = (255, 0, 70)
_JPEG_QUALITY = 88
# 62 mm on paper at 370 dpi; smaller sides are tried while the file is above the budget.
_LONG_SIDES_PX = (900, 720, 560, 420)
_BUDGET_BYTES = 220_000
_LEAST_BAR_SHARE = 0.14


@dataclass(frozen=True, slots=True)
class ScaleBar:
    """A scale bar: its length as a fraction of the image's width, and what it says."""

    length: float
    text: str


@dataclass(frozen=True, slots=True)
class DefectBox:
    """A numbered box; `x`, `y` (from the top), `width`, `height` are fractions of the image."""

    number: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class RegionBox:
    """Where a region lies that the model kept; fractions as in `DefectBox`."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Micrograph:
    """A JPEG with debris drawn in, and what the template draws over it.

    Attributes:
        aspect: height / width.
    """

    jpeg: bytes
    aspect: float
    scale_bar: ScaleBar
    boxes: tuple[DefectBox, ...]
    regions: tuple[RegionBox, ...]


def draw_micrograph(
    image: CleanedImage, evidence: Evidence | None, defects: tuple[Defect, ...]
) -> Micrograph:
    """Draw the original of `image` with its debris outlined; defects and the regions kept are laid over.

    The picture is downscaled until it fits a certificate of a few hundred kB.
    """
    height, width = image.original.shape[:2]
    return Micrograph(
        jpeg=_jpeg_within_budget(image),
        aspect=height / width,
        scale_bar=scale_bar(width * image.um_per_pixel),
        boxes=tuple(
            DefectBox(number, d.x_px / width, d.y_px / height, d.width_px / width, d.height_px / height)
            for number, d in enumerate(defects, 1)
        ),
        regions=kept_regions(image, evidence) if evidence else (),
    )


def scale_bar(field_um: float) -> ScaleBar:
    """Return a round scale bar for a field that is `field_um` µm wide: 14 to 35 % of the width."""
    length_um = round_step(_LEAST_BAR_SHARE * field_um)
    text = f"{length_um / 1000:g} mm" if length_um >= 1000 else f"{length_um:g} µm"
    return ScaleBar(length_um / field_um, text)


def kept_regions(image: CleanedImage, evidence: Evidence) -> tuple[RegionBox, ...]:
    """Return where the kept regions lie: all regions together cover the middle of the image."""
    height, width = (side * image.um_per_pixel / evidence.region_um for side in image.original.shape[:2])
    rows, columns = evidence.region_kept.shape
    return tuple(
        RegionBox(
            0.5 + (int(column) - columns / 2) / width,
            0.5 + (int(row) - rows / 2) / height,
            1 / width,
            1 / height,
        )
        for row, column in np.argwhere(evidence.region_kept)
    )


def _jpeg_within_budget(image: CleanedImage) -> bytes:
    jpeg = b""
    for long_side_px in _LONG_SIDES_PX:
        picture = _drawn(image, long_side_px)
        ok, encoded = cv2.imencode(
            ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        )
        assert ok, "a uint8 RGB array always encodes"
        jpeg = encoded.tobytes()
        if len(jpeg) <= _BUDGET_BYTES:
            break
    return jpeg


def _drawn(image: CleanedImage, long_side_px: int) -> NDArray[np.uint8]:
    height, width = image.original.shape[:2]
    scale = min(1.0, long_side_px / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = np.asarray(cv2.resize(image.original, size, interpolation=cv2.INTER_AREA), np.uint8)
    _outline(picture, image.debris_mask, _DEBRIS_RGB)
    return picture


def _outline(picture: NDArray[np.uint8], mask: NDArray[np.bool_], rgb: tuple[int, int, int]) -> None:
    """Draw the borders of `mask`, stretched over `picture`, into it; line width follows the size."""
    height, width = picture.shape[:2]
    stretched = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(stretched, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, rgb, max(2, round(max(height, width) / 300)), cv2.LINE_AA)
