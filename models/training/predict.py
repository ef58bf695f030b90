"""Predict a dataset folder with exactly what the station uses, and write `predictions.csv`."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from models.composition_predictor import IsicPredictor
from models.training.dataset import Dataset
from models.training.image_files import decoded_rgb
from qc_daemon.domain.composition import Composition
from qc_daemon.domain.errors import DatasetError, InputError
from qc_daemon.domain.image import Frame
from qc_daemon.domain.ports import ImageCleaner
from qc_daemon.domain.spectrum import InstrumentIdentity, Spectrum

_FROM_FILE = InstrumentIdentity("file", "", "", "")


def predict_dataset(
    predictor: IsicPredictor, cleaner: ImageCleaner, dataset: Dataset, use_images: bool = True
) -> list[Composition]:
    """Return one composition a row, in order; micrographs of known scale are cleaned and used.

    Raises:
        DatasetError: the wavelength axis does not cover the model's range, or an image cannot be read.
        InferenceUnavailable: the runtime died or hangs.
    """
    if not predictor.grid.covered_by(dataset.wavelength_nm):
        have, need = dataset.wavelength_nm, predictor.grid
        raise DatasetError(
            f"{dataset.folder}: wavelength_nm spans {have[0]:.0f}..{have[-1]:.0f}, expected at least "
            f"{need.first_nm:.0f}..{need.last_nm:.0f} for this model"
        )
    compositions = []
    for row in range(len(dataset)):
        path = dataset.micrograph_path(row) if use_images else None
        image = None if path is None else cleaner.clean(_frame(path, float(dataset.um_per_pixel[row])))
        compositions.append(predictor.predict(_spectrum(dataset, row), image))
    return compositions


def write_predictions(path: Path, dataset: Dataset, compositions: Sequence[Composition]) -> None:
    """Write one line a row: row, specimen, class, shares with intervals in 0..1, novelty, accepted.

    `accepted` is 0 where the specimen is unlike all that the model knows. Shares are fractions, as
    in `samples.csv`; elsewhere in the product they are percent.

    Raises:
        InputError: the file cannot be written.
    """
    fibres = [share.fibre for share in compositions[0].shares] if compositions else []
    columns = [f"{fibre}{suffix}" for fibre in fibres for suffix in ("", "_lo", "_hi")]
    try:
        stream = path.open("w", newline="", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); expected a CSV file") from error
    with stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["row", "specimen", "class", *columns, "novelty", "accepted"])
        for row, (specimen, composition) in enumerate(zip(dataset.specimens, compositions, strict=True)):
            values = [v for s in composition.shares for v in (s.percent, s.lo, s.hi)]
            writer.writerow([
                row, specimen, composition.main_fibre, *(f"{value / 100.0:.6f}" for value in values),
                f"{composition.novelty:.4f}", int(not composition.novel),
            ])  # fmt: skip


def _spectrum(dataset: Dataset, row: int) -> Spectrum:
    absorbance = dataset.absorbance[row]
    return Spectrum(dataset.wavelength_nm, absorbance, np.isfinite(absorbance))


def _frame(path: Path, um_per_pixel: float) -> Frame:
    encoded = path.read_bytes()
    written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    rgb = decoded_rgb(path, encoded)
    return Frame(encoded, rgb, um_per_pixel, _FROM_FILE, written_at, captured_monotonic_s=0.0, repeats=0)
