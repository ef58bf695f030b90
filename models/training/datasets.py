"""Dataset folders: spectra with their fibre shares, specimens and micrographs.

Three layouts are read; docs/models.md shows them.

1. The dataset folder: ``samples.csv`` (one row a spectrum) beside ``spectra.npz`` (``wavelength_nm``
   ascending, ``absorbance``, optionally the detector counts ``sample`` and ``reference``). The column
   ``specimen`` is needed, ``condition``, ``image``, ``um_per_pixel`` and ``instrument`` are known, and
   the others are told apart by one rule, `sample_table.fibre_columns`. Shares of a row sum to 1, or to
   0 for "no specimen". Without fibre columns the shares are unknown, so there are no fibres.
2. The labelled stream: ``samples.csv`` without fibre columns but with ``label`` and ``folder``. A row
   is pure of the fibre that its label names, its folder is the specimen, and a label of
   `dataset_folder.UNLABELLED` gives shares of zero.
3. A folder of scan files as the NIRscan Nano writes them (``*.csv`` or ``*.dat``), without
   ``samples.csv``: shares are unknown.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models.training.dataset import Dataset
from models.training.dataset_folder import read_dataset_folder
from models.training.fibre_cover import write_fibre_cover
from models.training.sample_table import SAMPLES_FILE
from models.training.scan_files import ScanFileReader, read_scan_files
from models.training.spectra_archive import SPECTRA_FILE
from qc_daemon.domain.errors import DatasetError


def read_dataset(folder: Path, scan_file_reader: ScanFileReader | None = None) -> Dataset:
    """Read a dataset folder of any of the three layouts.

    Args:
        folder: the dataset folder.
        scan_file_reader: reads one instrument file; only layout 3 needs it.

    Raises:
        DatasetError: one line that names the file and the row or key, and what was expected.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; expected a dataset folder")
    if (folder / SAMPLES_FILE).is_file():
        return read_dataset_folder(folder)
    scans = read_scan_files(folder, scan_file_reader) if scan_file_reader else None
    if scans is None:
        raise DatasetError(f"{folder}: has no {SAMPLES_FILE}; expected {SAMPLES_FILE} beside {SPECTRA_FILE}")
    return scans


def require_shares(dataset: Dataset) -> None:
    """Raise DatasetError unless the dataset says of at least one row what it is made of."""
    path = dataset.folder / SAMPLES_FILE
    if not dataset.fibres:
        raise DatasetError(f"{path}: has no fibre columns; expected one column of shares 0..1 a fibre")
    if not np.any(dataset.shares):
        raise DatasetError(f"{path}: every row is without specimen; expected shares that sum to 1")


def write_dataset(dataset: Dataset) -> None:
    """Write `samples.csv` and `spectra.npz` into `dataset.folder`; images are expected to be there.

    The same dataset gives the same bytes.
    """
    dataset.folder.mkdir(parents=True, exist_ok=True)
    columns = ["specimen", "condition", *dataset.fibres, "image", "um_per_pixel", "instrument"]
    with (dataset.folder / SAMPLES_FILE).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(_rows_to_write(dataset))
    counts = {"sample": dataset.sample_counts, "reference": dataset.reference_counts}
    np.savez_compressed(
        dataset.folder / SPECTRA_FILE,
        wavelength_nm=dataset.wavelength_nm,
        absorbance=dataset.absorbance,
        **{key: values for key, values in counts.items() if values is not None},
    )
    if dataset.fibre_cover is not None:
        write_fibre_cover(dataset.folder, dataset.fibre_cover)


def _rows_to_write(dataset: Dataset) -> Iterator[list[str]]:
    for row, path in enumerate(dataset.image_paths):
        scale = dataset.um_per_pixel[row]
        yield [
            dataset.specimens[row],
            dataset.conditions[row],
            *(repr(float(share)) for share in dataset.shares[row]),
            path.relative_to(dataset.folder).as_posix() if path else "",
            repr(float(scale)) if np.isfinite(scale) else "",
            dataset.instruments[row],
        ]
