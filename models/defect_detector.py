"""Finds faults of the fabric in a cleaned micrograph. Classical and deterministic.

Two faults show at this scale. A *hole* is an opening that is bright, without texture, and wider than
the gaps that cut fibres leave between them and the pores between the yarns of a weave. A *stain* tints
an even surface. Slubs, missing picks and the like are wider than the field and are not looked for.
Filled pixels never count.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models import debris_detector, stain_regions
from models.debris_detector import DebrisLimits, find_stains
from models.stain_regions import STAIN_WEIGHTS
from qc_daemon.domain.image import CleanedImage
from qc_daemon.domain.inspection import Defect, ModelVersion

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DefectLimits:
    """Limits, set so that less than 2 % of faultless fields have a finding.

    Attributes:
        hole_radius_um: radius of the circle that must fit into a hole. Pores of a weave are up to some
            300 µm wide; into gaps of 390 faultless virtual fields fits a circle of 76 µm radius at most.
        opening_brightness: brightness of an opening relative to the darkest quarter of the field.
        opening_texture: its texture relative to the most textured quarter.
        stain_area_mm2: smaller stains are specks.
        major_share: share of the field above which a stain is major; a hole always is.
    """

    hole_radius_um: float = 160.0
    opening_brightness: float = 1.2
    opening_texture: float = 0.1
    stain_area_mm2: float = 0.0005
    major_share: float = 0.02


class ClassicalDefectDetector:
    """Finds holes and stains without a network: a `domain.ports.DefectDetector`."""

    def __init__(self, limits: DefectLimits | None = None) -> None:
        self._limits = limits or DefectLimits()
        self._version = ModelVersion("defect_detector", "classical", self._digest())

    @property
    def version(self) -> ModelVersion:
        """What looked for defects; the digest covers its code, its limits and OpenCV's version."""
        return self._version

    def find(self, image: CleanedImage) -> tuple[Defect, ...]:
        """Return holes, then stains, largest first; pixels that were filled never count."""
        return (*self._holes(image), *self._stains(image))

    def _holes(self, image: CleanedImage) -> list[Defect]:
        opening = _openings(image.pixels, image.um_per_pixel, self._limits) & ~image.debris_mask
        room_um = _room_um(opening, image.um_per_pixel)
        limit_um = self._limits.hole_radius_um
        defects = []
        for region in _regions(opening):
            widest_um = float(room_um[region].max())
            if widest_um >= limit_um:
                defects.append(_defect("hole", region, image.um_per_pixel, widest_um / limit_um, "major"))
        return defects

    def _stains(self, image: CleanedImage) -> list[Defect]:
        stained = find_stains(image.pixels, image.um_per_pixel) & ~image.debris_mask
        limit_mm2 = self._limits.stain_area_mm2
        defects = []
        for region in _regions(stained):
            excess = _area_mm2(region, image.um_per_pixel) / limit_mm2
            if excess >= 1.0:
                severity = "major" if float(np.mean(region)) >= self._limits.major_share else "minor"
                defects.append(_defect("stain", region, image.um_per_pixel, excess, severity))
        return defects

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for source in (__file__, debris_detector.__file__, stain_regions.__file__, STAIN_WEIGHTS):
            digest.update(Path(source).read_bytes())
        digest.update(f"{self._limits} {DebrisLimits()} {cv2.__version__}".encode())
        return digest.hexdigest()


def widest_opening_um(image: CleanedImage, limits: DefectLimits | None = None) -> float:
    """Return the diameter of the widest circle that fits into an opening: what a hole is told by."""
    opening = _openings(image.pixels, image.um_per_pixel, limits or DefectLimits()) & ~image.debris_mask
    return 2.0 * float(_room_um(opening, image.um_per_pixel).max())


# Sigmas of the blurs between which texture lies, and of those that level texture and brightness.
_FINE_UM, _COARSE_UM, _TEXTURE_UM, _BRIGHTNESS_UM = 2.0, 8.0, 8.0, 4.0


def _openings(pixels: NDArray[np.uint8], um_per_pixel: float, limits: DefectLimits) -> Mask:
    """Return where the field is bright and without texture, compared with its own fibres."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine, coarse, smooth = (
        _blurred(grey, sigma_um / um_per_pixel) for sigma_um in (_FINE_UM, _COARSE_UM, _BRIGHTNESS_UM)
    )
    texture = _blurred((fine - coarse) ** 2, _TEXTURE_UM / um_per_pixel)
    flat = texture < limits.opening_texture * np.percentile(texture, 75)
    bright = smooth > limits.opening_brightness * np.percentile(smooth, 25)
    opening: Mask = flat & bright
    return opening


def _room_um(opening: Mask, um_per_pixel: float) -> NDArray[Any]:
    """Return (height, width) the radius of the circle that fits into the opening around each pixel."""
    return cv2.distanceTransform(opening.astype(np.uint8), cv2.DIST_L2, 5) * um_per_pixel


def _blurred(values: NDArray[Any], sigma_px: float) -> NDArray[Any]:
    return cv2.GaussianBlur(values, (0, 0), sigma_px)


def _regions(mask: Mask) -> list[Mask]:
    """Return the connected regions of a mask, largest first."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    order = sorted(range(1, count), key=lambda label: (-stats[label, cv2.CC_STAT_AREA], label))
    return [labels == label for label in order]


def _area_mm2(region: Mask, um_per_pixel: float) -> float:
    return float(np.count_nonzero(region)) * (um_per_pixel / 1000.0) ** 2


def _defect(kind: str, region: Mask, um_per_pixel: float, excess: float, severity: str) -> Defect:
    """Describe a region; `excess` is how many times its limit it is: 1 is as good as a coin, 4 is sure."""
    rows, columns = np.nonzero(region)
    return Defect(
        kind=kind,
        x_px=int(columns.min()),
        y_px=int(rows.min()),
        width_px=int(np.ptp(columns)) + 1,
        height_px=int(np.ptp(rows)) + 1,
        area_mm2=_area_mm2(region, um_per_pixel),
        confidence=1.0 - 0.5 / excess,
        severity=severity,
    )
