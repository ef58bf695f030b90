"""`spectra.npz`: the wavelength axis, the absorbance and, where they were kept, the detector counts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training.sample_table import SAMPLES_FILE, SampleTable
from qc_daemon.domain.errors import DatasetError

SPECTRA_FILE = "spectra.npz"
MAX_ROUNDING = 1e-6  # half a unit of the sixth decimal, stored as a 32-bit number

Floats = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]  # keyed as the file is


@dataclass(frozen=True, slots=True, eq=False)
class SpectraArchive:
    """What the archive holds: (bands,) ascending axis, (n, bands) absorbance and counts or None."""

    wavelength_nm: Floats
    absorbance: Floats
    sample_counts: Floats | None
    reference_counts: Floats | None


def read_spectra(path: Path, table: SampleTable) -> SpectraArchive:
    """Read the spectra that belong to the rows of `table`.

    Raises:
        DatasetError: names the array, its row and wavelength, and what was expected.
    """
    arrays = _read_arrays(path)
    axis = _axis(path, arrays)
    expected = (len(table.rows), len(axis))
    absorbance = _array(path, arrays, "absorbance")
    if absorbance.ndim == 2 and len(absorbance) != expected[0]:
        raise DatasetError(
            f"{path}: absorbance has {len(absorbance)} rows and {SAMPLES_FILE} has {expected[0]}; "
            "expected one row a spectrum in both"
        )
    if absorbance.shape != expected:
        raise DatasetError(f"{path}: absorbance has shape {absorbance.shape}, expected {expected}")
    _require_finite(path, "absorbance", absorbance, axis)
    sample = _counts(path, arrays, "sample", table, axis)
    reference = _counts(path, arrays, "reference", table, axis)
    if sample is not None and reference is not None:
        absorbance = _unrounded(absorbance, sample, reference)
    return SpectraArchive(axis, absorbance, sample, reference)


def _read_arrays(path: Path) -> Arrays:
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; expected the spectra that belong to {SAMPLES_FILE}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except Exception as error:  # a damaged archive raises whatever zip, zlib or numpy find first
        found = " ".join(str(error).split())
        raise DatasetError(f"{path}: cannot be read as an npz archive of plain arrays ({found})") from error


def _array(path: Path, arrays: Arrays, key: str) -> Floats:
    if key not in arrays:
        raise DatasetError(f'{path}: has no "{key}"; expected wavelength_nm and absorbance')
    values = arrays[key]
    if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise DatasetError(f"{path}: {key} holds {values.dtype}, expected real numbers")
    return values.astype(np.float64)


def _axis(path: Path, arrays: Arrays) -> Floats:
    axis = _array(path, arrays, "wavelength_nm")
    if axis.ndim != 1 or len(axis) < 2:
        raise DatasetError(f"{path}: wavelength_nm has shape {axis.shape}, expected (bands,)")
    wrong = np.flatnonzero(~np.isfinite(axis))
    if len(wrong):
        raise DatasetError(
            f"{path}: wavelength_nm is not finite at value {wrong[0] + 1} ({axis[wrong[0]]}); expected nm"
        )
    wrong = np.flatnonzero(np.diff(axis) <= 0)
    if len(wrong):
        at = int(wrong[0])
        found = "twice the same" if axis[at] == axis[at + 1] else "not ascending"
        raise DatasetError(
            f"{path}: wavelength_nm is {found} at values {at + 1} and {at + 2} "
            f"({axis[at]:g}, {axis[at + 1]:g}); expected strictly ascending nm"
        )
    return axis


def _require_finite(path: Path, key: str, values: Floats, axis: Floats) -> None:
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, band = (int(index) for index in wrong[0])
        raise DatasetError(
            f"{path}: {key} is not finite in row {row + 1}, column {band + 1} ({axis[band]:g} nm): "
            f"{values[row, band]}; expected finite numbers"
        )


def _counts(path: Path, arrays: Arrays, key: str, table: SampleTable, axis: Floats) -> Floats | None:
    """Return (n, bands) counts; one line a row, one for all, or one a label in order of appearance."""
    found = next((name for name in (key, f"{key}_per_class", f"{key}_per_label") if name in arrays), None)
    if found is None:
        return None
    counts, shape = _array(path, arrays, found), (len(table.rows), len(axis))
    lines = counts.reshape(1, -1) if counts.ndim == 1 else counts
    labels = table.texts("label")
    kinds = list(dict.fromkeys(labels))
    if lines.shape not in {shape, (1, shape[1]), (len(kinds) if "label" in table.columns else 1, shape[1])}:
        raise DatasetError(f"{path}: {found} has shape {counts.shape}, expected {shape}")
    _require_finite(path, found, lines, axis)
    if lines.shape == shape:
        return lines
    if len(lines) == 1:
        return np.broadcast_to(lines, shape)
    by_label: Floats = lines[[kinds.index(label) for label in labels]]
    return by_label


def _unrounded(absorbance: Floats, sample: Floats, reference: Floats) -> Floats:
    """Return log10(reference / sample) (n, bands) where the table is only its rounding, else the table.

    Instruments print absorbance to six decimals beside the exact counts. A station works from the
    counts, so what is learnt and predicted here has to come from them too, to the last digit.
    """
    measured = (sample > 0) & (reference > 0)
    exact = np.log10(reference, where=measured, out=np.zeros_like(absorbance))
    exact -= np.log10(sample, where=measured, out=np.zeros_like(absorbance))
    return np.where(measured & (np.abs(exact - absorbance) <= MAX_ROUNDING), exact, absorbance)
