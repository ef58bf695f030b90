"""The virtual mill: paired scans and micrographs of fabrics whose composition is known.

Specimen `index` of a seed is always the same, however many are made. Results on these specimens are
simulated results.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.dataset import Dataset
from models.training.datasets import write_dataset
from models.training.fibre_cover import as_percent
from models.validity import VIRTUAL_MILL
from models.virtual_mill.endmembers import FIBRES
from models.virtual_mill.micrographs import Micrograph, render_micrograph
from models.virtual_mill.spectra import (
    Fabric,
    ScanSetting,
    VirtualScan,
    draw_fabric,
    draw_scan_setting,
    nirscan_nano_axis,
    simulate_scan,
)

# Of one, two and three fibres; blends make up most of what a mill has to check.
_PARTS_PROBABILITY = (0.35, 0.45, 0.20)
_LEAST_SHARE = 0.05
UM_PER_PIXEL = 2.0  # of the micrographs: a field of a millimetre, as a 4x objective sees it
_DEBRIS_PIECES_PROBABILITY = (0.80, 0.12, 0.05, 0.03)


@dataclass(frozen=True, slots=True, eq=False)
class VirtualSpecimen:
    """One virtual piece of fabric, its scan and its micrograph.

    Attributes:
        name: unique within a seed.
        shares: mass share of each of `FIBRES`.
    """

    name: str
    shares: tuple[float, ...]
    fabric: Fabric
    setting: ScanSetting
    scan: VirtualScan
    micrograph: Micrograph


def make_specimens(
    count: int,
    seed: int,
    wavelength_nm: NDArray[np.float64] | None = None,
    size_px: int = 480,
    um_per_pixel: float = UM_PER_PIXEL,
    fibres: Sequence[str] | None = None,
) -> Iterator[VirtualSpecimen]:
    """Yield `count` specimens of a seed, on the axis of a NIRscan Nano unless another is given.

    Each is a blend of all of `fibres`, or of one to three that are drawn if none are given.
    """
    axis = nirscan_nano_axis() if wavelength_nm is None else wavelength_nm
    for index in range(count):
        generator = np.random.default_rng([seed, index])
        shares = _draw_shares(_draw_fibres(generator) if fibres is None else fibres, generator)
        fabric = draw_fabric(shares, generator)
        setting = draw_scan_setting(generator)
        scan = simulate_scan(fabric, setting, axis, generator)
        pieces = int(generator.choice(len(_DEBRIS_PIECES_PROBABILITY), p=_DEBRIS_PIECES_PROBABILITY))
        micrograph = render_micrograph(shares, generator, size_px, um_per_pixel, pieces)
        name = f"mill-{seed}-{index:05d}"
        yield VirtualSpecimen(name, fabric.shares, fabric, setting, scan, micrograph)


def write_mill(
    folder: Path,
    specimens: int,
    seed: int,
    wavelength_nm: NDArray[np.float64] | None = None,
    fibres: Sequence[str] | None = None,
) -> Dataset:
    """Write specimens as `make_specimens` makes them as a dataset folder; the same seed gives the same bytes.

    `images/` holds the micrographs, `masks/` the debris of those that have some, paired by stem, and
    `fibre_cover.npz` where in the micrographs which fibre lies.
    """
    folder = Path(folder)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    rows = [
        _keep(folder, specimen) for specimen in make_specimens(specimens, seed, wavelength_nm, fibres=fibres)
    ]
    dataset = _dataset(folder, rows)
    write_dataset(dataset)
    return dataset


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """What stays of a specimen once its image is on disk."""

    name: str
    shares: tuple[float, ...]
    scan: VirtualScan
    image_path: Path
    um_per_pixel: float
    fibre_cover: NDArray[np.uint8]


def _keep(folder: Path, specimen: VirtualSpecimen) -> _Row:
    image_path = folder / "images" / f"{specimen.name}.png"
    micrograph = specimen.micrograph
    _write_png(image_path, micrograph.pixels[..., ::-1])  # OpenCV writes blue first
    if micrograph.debris_mask.any():
        _write_png(
            folder / "masks" / image_path.name, np.where(micrograph.debris_mask, np.uint8(255), np.uint8(0))
        )
    return _Row(
        specimen.name,
        specimen.shares,
        specimen.scan,
        image_path,
        micrograph.um_per_pixel,
        as_percent(micrograph.covered),
    )


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    _, encoded = cv2.imencode(".png", pixels)
    path.write_bytes(encoded.tobytes())


def _dataset(folder: Path, rows: Sequence[_Row]) -> Dataset:
    return Dataset(
        folder=folder,
        wavelength_nm=rows[0].scan.wavelength_nm,
        absorbance=np.array([row.scan.absorbance for row in rows]),
        fibres=FIBRES,
        shares=np.array([row.shares for row in rows]),
        specimens=tuple(row.name for row in rows),
        conditions=("",) * len(rows),
        image_paths=tuple(row.image_path for row in rows),
        um_per_pixel=np.array([row.um_per_pixel for row in rows]),
        sample_counts=np.array([row.scan.sample_counts for row in rows]),
        reference_counts=np.array([row.scan.reference_counts for row in rows]),
        fibre_cover=np.array([row.fibre_cover for row in rows]),
        instruments=(VIRTUAL_MILL,) * len(rows),
    )


def _draw_fibres(generator: np.random.Generator) -> list[str]:
    """Draw one to three fibres."""
    parts = 1 + int(generator.choice(len(_PARTS_PROBABILITY), p=_PARTS_PROBABILITY))
    return [FIBRES[fibre] for fibre in generator.choice(len(FIBRES), size=parts, replace=False)]


def _draw_shares(fibres: Sequence[str], generator: np.random.Generator) -> dict[str, float]:
    """Draw mass shares of at least 5 %, uniform over the simplex above that."""
    free = 1.0 - len(fibres) * _LEAST_SHARE
    shares = _LEAST_SHARE + free * generator.dirichlet(np.ones(len(fibres)))
    if len(fibres) == 1:
        shares = np.ones(1)
    return {fibre: float(share) for fibre, share in zip(fibres, shares, strict=True)}
