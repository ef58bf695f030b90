"""`samples.csv` beside `spectra.npz`: fibre columns, or labels of pure pieces, to a dataset."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.dataset import Dataset
from models.training.fibre_cover import read_fibre_cover
from models.training.sample_table import (
    SAMPLES_FILE,
    SampleTable,
    fibre_columns,
    number,
    read_shares,
    read_table,
)
from models.training.spectra_archive import SPECTRA_FILE, read_spectra
from qc_daemon.domain.errors import DatasetError

UNLABELLED = frozenset({"", "unknown", "test", "background", "none", "empty"})

_IMAGE_FOLDERS = ("", "images", "jpg")


def read_dataset_folder(folder: Path) -> Dataset:
    """Read a folder that has a `samples.csv`.

    Raises:
        DatasetError: one line that names the file and the row or key, and what was expected.
    """
    table = read_table(folder / SAMPLES_FILE)
    spectra = read_spectra(folder / SPECTRA_FILE, table)
    fibres = fibre_columns(table)
    labelled = not fibres and "label" in table.columns
    if labelled:
        fibres, shares = _labelled_shares(table)
        specimens = table.names("folder" if "folder" in table.columns else "label", "the piece of fabric")
    else:
        shares = read_shares(table, fibres)
        specimens = table.names("specimen", "the name of the piece of fabric")
    return Dataset(
        folder=folder,
        wavelength_nm=spectra.wavelength_nm,
        absorbance=spectra.absorbance,
        fibres=fibres,
        shares=shares,
        specimens=specimens,
        conditions=table.texts("condition"),
        image_paths=(None,) * len(table.rows) if labelled else _images(folder, table),
        um_per_pixel=np.full(len(table.rows), np.nan) if labelled else _scales(table),
        sample_counts=spectra.sample_counts,
        reference_counts=spectra.reference_counts,
        instruments=table.texts("instrument"),
        fibre_cover=read_fibre_cover(folder, table, len(fibres)),
    )


def _labelled_shares(table: SampleTable) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the fibres that labels name and (n, k) shares of 1, or of 0 where the label names none."""
    labels = tuple(label.lower() for label in table.texts("label"))
    fibres = tuple(sorted(set(labels) - UNLABELLED))
    shares = np.array([[float(label == fibre) for fibre in fibres] for label in labels])
    return fibres, shares.reshape(len(labels), len(fibres))


def _scales(table: SampleTable) -> NDArray[np.float64]:
    scales = np.full(len(table.rows), np.nan)
    for row, cell in enumerate(table.texts("um_per_pixel")):
        scale = number(cell) if cell else np.nan
        if scale is None or scale <= 0.0 or np.isinf(scale):
            raise DatasetError(f'{table.place(row)}: um_per_pixel is "{cell}", expected µm a pixel > 0')
        scales[row] = scale
    return scales


def _images(folder: Path, table: SampleTable) -> tuple[Path | None, ...]:
    """Return the image of each row: looked up under the folder, then under images/ and jpg/."""
    paths: list[Path | None] = []
    for row, name in enumerate(table.texts("image")):
        paths.append(_image(folder, name, table.place(row)) if name else None)
    return tuple(paths)


def _image(folder: Path, name: str, place: str) -> Path:
    root = folder.resolve()
    candidates = [folder / part / name for part in _IMAGE_FOLDERS]
    try:
        outside = not candidates[0].resolve().is_relative_to(root)
        found = [path for path in candidates if path.is_file() and path.resolve().is_relative_to(root)]
    except (OSError, RuntimeError):  # a name that is too long, links that go round in a circle
        outside, found = False, []
    if outside:
        raise DatasetError(f'{place}: image "{name}" lies outside the folder; expected a path under {folder}')
    if not found:
        raise DatasetError(f'{place}: image "{name}" is missing; expected it under {folder}, images/ or jpg/')
    if not cv2.haveImageReader(str(found[0])):  # looks at the first bytes only
        raise DatasetError(f"{place}: {found[0]} is no image; expected PNG, JPEG or TIFF")
    return found[0]
