"""Dataset folders: spectra with their fibre shares, specimens and micrographs.

Three layouts are read; docs/models.md shows them.

1. The dataset folder: ``samples.csv`` (one row a spectrum) beside ``spectra.npz`` (``wavelength_nm``
   ascending, ``absorbance``, optionally the detector counts ``sample`` and ``reference``). The column
   ``specimen`` is needed, ``condition``, ``image`` and ``um_per_pixel`` are known, and the others are
   told apart by one rule, `fibre_columns`.
2. The labelled stream: ``samples.csv`` without fibre columns but with ``label`` and ``folder``. A row
   is pure of the fibre that its label names, its folder is the specimen, and a label of
   `UNLABELLED` gives shares of zero.
3. A folder of scan files as the NIRscan Nano writes them (``*.csv`` or ``*.dat``), without
   ``samples.csv``: shares are unknown, so there are no fibres.

Shares of a row sum to 1, or to 0 for "no specimen".
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.arrays import frozen_array, require_ascending
from qc_daemon.domain.errors import DatasetError
from qc_daemon.domain.spectrum import Scan, same_axis
from qc_daemon.domain.verdict import FIBRE_NAMES

SAMPLES_FILE = "samples.csv"
SPECTRA_FILE = "spectra.npz"
UNLABELLED = frozenset({"", "unknown", "test", "background", "none", "empty"})
MAX_SUM_ERROR = 0.02
MAX_ROUNDING = 1e-6  # half a unit of the sixth decimal, stored as a 32-bit number

_IMAGE_FOLDERS = ("", "images", "jpg")
_SCAN_SUFFIXES = (".csv", ".dat")
_RESERVED = frozenset({
    "specimen", "condition", "image", "um_per_pixel", "label", "folder", "file", "row", "kind", "type",
    "class", "split", "seed", "datetime", "date", "time", "session", "spot", "area", "position", "repeat",
    "replica", "replicate", "index", "colour", "color", "garment", "serial", "lot", "roll",
})  # fmt: skip
_UNIT_SUFFIX = re.compile(r"_(c|pct|percent|pd|pp|nm|um|mm|mm2|m|cm|s|ms|g|gsm|px|id|counts|no|per_pixel)$")
# "Cotton_C01_Pos2_03": the piece of fabric, how it lay, the number of the repeat.
_SCAN_NAME = re.compile(r"(?P<specimen>.+?)(?:_(?P<condition>Single|Back|(?:Fold|Pos|Rot)\d+))?_\d{1,3}$")


class RecordedScan(Protocol):
    """A scan file's content: the scan and the white reference that the file holds."""

    @property
    def scan(self) -> Scan:
        """The scan of the specimen."""
        ...

    @property
    def reference(self) -> Scan:
        """The scan of the white reference."""
        ...


ScanFileReader = Callable[[Path], RecordedScan]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Spectra of known specimens.

    Attributes:
        wavelength_nm: (bands,) ascending.
        absorbance: (n, bands).
        fibres: the k fibres, in the order of the columns.
        shares: (n, k) mass shares 0..1; a row sums to 1, or to 0 for "no specimen".
        specimens: n names of the piece of fabric: the group of every split.
        conditions: n words on how the piece lay; "" if not stated.
        image_paths: n paths or None.
        um_per_pixel: (n,) scale of the image; NaN where unknown.
        sample_counts: (n, bands) detector counts of the specimen, or None.
        reference_counts: (n, bands) detector counts of the white reference, or None.
    """

    folder: Path
    wavelength_nm: NDArray[np.float64]
    absorbance: NDArray[np.float64]
    fibres: tuple[str, ...]
    shares: NDArray[np.float64]
    specimens: tuple[str, ...]
    conditions: tuple[str, ...]
    image_paths: tuple[Path | None, ...]
    um_per_pixel: NDArray[np.float64]
    sample_counts: NDArray[np.float64] | None
    reference_counts: NDArray[np.float64] | None

    def __post_init__(self) -> None:
        axis = frozen_array(self.wavelength_nm, np.float64, (None,), "wavelength_nm")
        require_ascending(axis, "wavelength_nm")
        absorbance = frozen_array(self.absorbance, np.float64, (None, len(axis)), "absorbance")
        n = len(absorbance)
        shares = frozen_array(self.shares, np.float64, (n, len(self.fibres)), "shares")
        object.__setattr__(self, "wavelength_nm", axis)
        object.__setattr__(self, "absorbance", absorbance)
        object.__setattr__(self, "shares", shares)
        scale = frozen_array(self.um_per_pixel, np.float64, (n,), "um_per_pixel")
        object.__setattr__(self, "um_per_pixel", scale)
        for name in ("sample_counts", "reference_counts"):
            counts = getattr(self, name)
            if counts is not None:
                object.__setattr__(self, name, frozen_array(counts, np.float64, absorbance.shape, name))
        for name in ("specimens", "conditions", "image_paths"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"{name} has {len(getattr(self, name))} entries, expected {n}")

    def __len__(self) -> int:
        return len(self.absorbance)

    def micrograph_path(self, row: int) -> Path | None:
        """Return the image of `row` if it can serve as a micrograph, that is, if its scale is known."""
        return self.image_paths[row] if np.isfinite(self.um_per_pixel[row]) else None


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
    if not (folder / SAMPLES_FILE).is_file():
        return _read_scan_files(folder, scan_file_reader)
    table = _read_table(folder / SAMPLES_FILE)
    arrays = _read_arrays(folder / SPECTRA_FILE)
    fibres = fibre_columns(table)
    if not fibres and "label" in table.columns:
        return _labelled_stream(folder, table, arrays)
    return _shared_rows(folder, table, arrays, fibres)


def write_dataset(dataset: Dataset) -> None:
    """Write `samples.csv` and `spectra.npz` into `dataset.folder`; images are expected to be there.

    The same dataset gives the same bytes.
    """
    dataset.folder.mkdir(parents=True, exist_ok=True)
    with (dataset.folder / SAMPLES_FILE).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["specimen", "condition", *dataset.fibres, "image", "um_per_pixel"])
        writer.writerows(_rows_to_write(dataset))
    counts = {"sample": dataset.sample_counts, "reference": dataset.reference_counts}
    np.savez_compressed(
        dataset.folder / SPECTRA_FILE,
        wavelength_nm=dataset.wavelength_nm,
        absorbance=dataset.absorbance,
        **{key: values for key, values in counts.items() if values is not None},
    )


def split_by_specimen(
    specimens: Sequence[str],
    fractions: Sequence[float],
    seed: int,
    strata: Sequence[str] | None = None,
) -> tuple[NDArray[np.intp], ...]:
    """Deal whole specimens into parts and return the row numbers of each part.

    A specimen never stands in two parts: with a random split a model recognises the fabric instead
    of the fibre. Specimens of one stratum (their main fibre, say) are dealt one after the other, each
    to the part that lacks most, so that small strata are spread as evenly as they can be.

    Args:
        specimens: n names.
        fractions: share of the specimens for each part; they sum to 1.
        seed: of the shuffling.
        strata: n words; the first row of a specimen counts.

    Raises:
        DatasetError: fewer specimens than parts that are to get one.
    """
    wanted = np.asarray(fractions, dtype=np.float64)
    if np.any(wanted < 0) or abs(float(wanted.sum()) - 1.0) > 1e-6:
        raise ValueError(f"fractions are {list(fractions)}, expected positive numbers that sum to 1")
    order = _dealing_order(specimens, strata or [""] * len(specimens), np.random.default_rng(seed))
    if len(order) < np.count_nonzero(wanted):
        raise DatasetError(
            f"{len(order)} specimens cannot fill {np.count_nonzero(wanted)} parts; expected one for each"
        )
    part_of = _deal(order, wanted)
    parts = np.array([part_of[specimen] for specimen in specimens])
    return tuple(np.flatnonzero(parts == part) for part in range(len(wanted)))


@dataclass(frozen=True, slots=True)
class SampleTable:
    """A CSV table as text: its path, column names and rows."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def texts(self, column: str) -> tuple[str, ...]:
        """Return the cells of `column`, or empty texts if there is no such column."""
        if column not in self.columns:
            return ("",) * len(self.rows)
        at = self.columns.index(column)
        return tuple(row[at] for row in self.rows)

    def place(self, row: int) -> str:
        """Name a row as an editor counts it: the header is line 1."""
        return f"{self.path}: row {row + 1} (line {row + 2})"


def fibre_columns(table: SampleTable) -> tuple[str, ...]:
    """Return the columns that hold fibre shares.

    A column holds shares if its name is a fibre name that labels use (domain/verdict.py), or if it
    is neither a reserved word nor ends in a unit, all its cells are numbers, and more than half of
    them lie in 0..1. A single wrong share therefore is an error and does not drop the column.
    """
    return tuple(column for column in table.columns if _holds_shares(column, table.texts(column)))


def _holds_shares(column: str, cells: tuple[str, ...]) -> bool:
    name = column.lower()
    if name in FIBRE_NAMES:
        return True
    if not name or name in _RESERVED or _UNIT_SUFFIX.search(name):
        return False
    numbers = [_number(cell) for cell in cells]
    inside = sum(number is not None and 0.0 <= number <= 1.0 for number in numbers)
    return None not in numbers and 2 * inside > len(numbers)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _read_table(path: Path) -> SampleTable:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [[cell.strip() for cell in line] for line in csv.reader(stream) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as UTF-8 CSV ({error})") from error
    if len(lines) < 2:
        raise DatasetError(f"{path}: holds no rows; expected a header line and one line a spectrum")
    columns = tuple(lines[0])
    for column in columns:
        if columns.count(column) > 1:
            raise DatasetError(f'{path}: column "{column}" stands twice; expected each column once')
    table = SampleTable(path, columns, tuple(tuple(line) for line in lines[1:]))
    for index, row in enumerate(table.rows):
        if len(row) != len(columns):
            raise DatasetError(f"{table.place(index)} has {len(row)} cells, expected {len(columns)}")
    return table


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the checked arrays of an npz file: the one dictionary, keyed as the file is."""
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; expected the spectra that belong to {SAMPLES_FILE}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except Exception as error:  # a damaged archive raises whatever zip, zlib or numpy find first
        raise DatasetError(f"{path}: cannot be read as an npz archive of plain arrays ({error})") from error
    for key in ("wavelength_nm", "absorbance"):
        if key not in arrays:
            raise DatasetError(f'{path}: has no "{key}"; expected wavelength_nm and absorbance')
        arrays[key] = _finite(path, key, arrays[key])
    return arrays


def _finite(path: Path, key: str, values: NDArray[Any]) -> NDArray[np.float64]:
    if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise DatasetError(f"{path}: {key} holds {values.dtype}, expected real numbers")
    numbers = values.astype(np.float64)
    if not np.all(np.isfinite(numbers)):
        row = int(np.argwhere(~np.isfinite(numbers))[0][0])
        raise DatasetError(f"{path}: {key} is not finite at index {row}; expected finite numbers")
    return numbers


def _shared_rows(
    folder: Path, table: SampleTable, arrays: dict[str, NDArray[Any]], fibres: tuple[str, ...]
) -> Dataset:
    if "specimen" not in table.columns:
        raise DatasetError(
            f'{table.path}: has no column "specimen"; expected the name of the piece of fabric'
        )
    specimens = table.texts("specimen")
    for row, specimen in enumerate(specimens):
        if not specimen:
            raise DatasetError(f"{table.place(row)}: specimen is empty, expected a name")
    scales = _scales(table)
    return _dataset(
        folder, table, arrays, fibres, _read_shares(table, fibres), specimens, _images(folder, table), scales
    )


def _labelled_stream(folder: Path, table: SampleTable, arrays: dict[str, NDArray[Any]]) -> Dataset:
    labels = tuple(label.lower() for label in table.texts("label"))
    fibres = tuple(sorted(set(labels) - UNLABELLED))
    shares = np.array([[float(label == fibre) for fibre in fibres] for label in labels])
    shares = shares.reshape(len(labels), len(fibres))
    specimens = table.texts("folder") if "folder" in table.columns else labels
    images = (None,) * len(labels)
    return _dataset(folder, table, arrays, fibres, shares, specimens, images, np.full(len(labels), np.nan))


def _dataset(
    folder: Path,
    table: SampleTable,
    arrays: dict[str, NDArray[Any]],
    fibres: tuple[str, ...],
    shares: NDArray[np.float64],
    specimens: tuple[str, ...],
    images: tuple[Path | None, ...],
    scales: NDArray[np.float64],
) -> Dataset:
    path, axis, absorbance = folder / SPECTRA_FILE, arrays["wavelength_nm"], arrays["absorbance"]
    if axis.ndim != 1 or len(axis) < 2:
        raise DatasetError(f"{path}: wavelength_nm has shape {axis.shape}, expected (bands,)")
    if np.any(np.diff(axis) <= 0):
        raise DatasetError(f"{path}: wavelength_nm is not ascending; expected strictly ascending nm")
    expected = (len(table.rows), len(axis))
    if absorbance.shape != expected:
        raise DatasetError(f"{path}: absorbance has shape {absorbance.shape}, expected {expected}")
    sample = _counts(path, arrays, "sample", table, expected)
    reference = _counts(path, arrays, "reference", table, expected)
    if sample is not None and reference is not None:
        absorbance = _unrounded(absorbance, sample, reference)
    return Dataset(
        folder, axis, absorbance, fibres, shares, specimens, table.texts("condition"), images, scales,
        sample, reference,
    )  # fmt: skip


def _unrounded(
    absorbance: NDArray[np.float64], sample: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return log10(reference / sample) (n, bands) where the table is only its rounding, else the table.

    Instruments print absorbance to six decimals beside the exact counts. A station works from the
    counts, so what is learnt and predicted here has to come from them too, to the last digit.
    """
    measured = (sample > 0) & (reference > 0)
    exact = np.log10(reference, where=measured, out=np.zeros_like(absorbance))
    exact -= np.log10(sample, where=measured, out=np.zeros_like(absorbance))
    return np.where(measured & (np.abs(exact - absorbance) <= MAX_ROUNDING), exact, absorbance)


def _counts(
    path: Path, arrays: dict[str, NDArray[Any]], key: str, table: SampleTable, shape: tuple[int, int]
) -> NDArray[np.float64] | None:
    """Return (n, bands) counts; one line a row, one for all, or one a label in order of appearance."""
    found = next((name for name in (key, f"{key}_per_class", f"{key}_per_label") if name in arrays), None)
    if found is None:
        return None
    counts = _finite(path, found, arrays[found])
    if counts.shape == shape:
        return counts
    if counts.shape in {(shape[1],), (1, shape[1])}:
        return np.broadcast_to(counts.reshape(1, -1), shape)
    labels = table.texts("label")
    kinds = list(dict.fromkeys(labels))
    if "label" in table.columns and counts.shape == (len(kinds), shape[1]):
        lines: NDArray[np.float64] = counts[[kinds.index(label) for label in labels]]
        return lines
    raise DatasetError(f"{path}: {found} has shape {counts.shape}, expected {shape}")


def _read_shares(table: SampleTable, fibres: tuple[str, ...]) -> NDArray[np.float64]:
    if not fibres:
        raise DatasetError(f"{table.path}: has no fibre columns; expected one column of shares 0..1 a fibre")
    columns = [_share_column(table, fibre) for fibre in fibres]
    shares = np.array(columns).T
    for row, total in enumerate(shares.sum(axis=1)):
        if min(abs(total - 1.0), abs(total)) > MAX_SUM_ERROR:
            raise DatasetError(
                f"{table.place(row)}: shares of {', '.join(fibres)} sum to {total:.3f}, "
                "expected 1, or 0 for no specimen"
            )
    return shares


def _share_column(table: SampleTable, fibre: str) -> list[float]:
    shares = []
    for row, cell in enumerate(table.texts(fibre)):
        share = _number(cell)
        if share is None or not 0.0 <= share <= 1.0:
            raise DatasetError(f'{table.place(row)}: {fibre} is "{cell}", expected a share in 0..1')
        shares.append(share)
    return shares


def _scales(table: SampleTable) -> NDArray[np.float64]:
    scales = np.full(len(table.rows), np.nan)
    for row, cell in enumerate(table.texts("um_per_pixel")):
        number = _number(cell) if cell else np.nan
        if number is None or number <= 0.0 or np.isinf(number):
            raise DatasetError(f'{table.place(row)}: um_per_pixel is "{cell}", expected µm a pixel > 0')
        scales[row] = number
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
    if not candidates[0].resolve().is_relative_to(root):
        raise DatasetError(f'{place}: image "{name}" lies outside the folder; expected a path under {folder}')
    for candidate in candidates:
        if candidate.is_file() and candidate.resolve().is_relative_to(root):
            return candidate
    raise DatasetError(f'{place}: image "{name}" is missing; expected it under {folder}, images/ or jpg/')


def _read_scan_files(folder: Path, reader: ScanFileReader | None) -> Dataset:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SCAN_SUFFIXES)
    if not paths or reader is None:
        raise DatasetError(f"{folder}: has no {SAMPLES_FILE}; expected {SAMPLES_FILE} beside {SPECTRA_FILE}")
    records = [reader(path) for path in paths]
    axis = records[0].scan.wavelength_nm
    for path, record in zip(paths, records, strict=True):
        if not (
            same_axis(axis, record.scan.wavelength_nm) and same_axis(axis, record.reference.wavelength_nm)
        ):
            raise DatasetError(f"{path}: has another wavelength axis than {paths[0].name}; expected one axis")
    names = [_SCAN_NAME.match(path.stem) for path in paths]
    return Dataset(
        folder=folder,
        wavelength_nm=axis,
        absorbance=np.array([_absorbance(p, r) for p, r in zip(paths, records, strict=True)]),
        fibres=(),
        shares=np.zeros((len(paths), 0)),
        specimens=tuple(m["specimen"] if m else p.stem for m, p in zip(names, paths, strict=True)),
        conditions=tuple((m["condition"] or "") if m else "" for m in names),
        image_paths=(None,) * len(paths),
        um_per_pixel=np.full(len(paths), np.nan),
        sample_counts=np.array([record.scan.net_counts for record in records]),
        reference_counts=np.array([record.reference.net_counts for record in records]),
    )


def _absorbance(path: Path, record: RecordedScan) -> NDArray[np.float64]:
    sample = record.scan.net_counts / record.scan.settings.pga_gain
    reference = record.reference.net_counts / record.reference.settings.pga_gain
    if np.any(sample <= 0.0) or np.any(reference <= 0.0):
        raise DatasetError(f"{path}: holds counts that are not positive; expected a signal in every band")
    absorbance: NDArray[np.float64] = np.log10(reference / sample)
    return absorbance


def _rows_to_write(dataset: Dataset) -> Iterator[list[str]]:
    for row, path in enumerate(dataset.image_paths):
        scale = dataset.um_per_pixel[row]
        yield [
            dataset.specimens[row],
            dataset.conditions[row],
            *(repr(float(share)) for share in dataset.shares[row]),
            path.relative_to(dataset.folder).as_posix() if path else "",
            repr(float(scale)) if np.isfinite(scale) else "",
        ]


def _dealing_order(
    specimens: Sequence[str], strata: Sequence[str], generator: np.random.Generator
) -> list[str]:
    stratum_of: dict[str, str] = {}
    for specimen, stratum in zip(specimens, strata, strict=True):
        stratum_of.setdefault(specimen, stratum)
    names = sorted(stratum_of)
    shuffled = [names[index] for index in generator.permutation(len(names))]
    return sorted(shuffled, key=lambda name: stratum_of[name])


def _deal(order: list[str], wanted: NDArray[np.float64]) -> dict[str, int]:
    """Give each specimen to the part that is furthest behind its fraction; no wanted part stays empty."""
    held = np.zeros(len(wanted))
    part_of: dict[str, int] = {}
    for count, specimen in enumerate(order, start=1):
        lack = wanted * count - held
        empty = (held == 0) & (wanted > 0)
        if np.count_nonzero(empty) > len(order) - count:
            lack = np.where(empty, lack, -np.inf)
        part = int(np.argmax(lack))
        part_of[specimen] = part
        held[part] += 1
    return part_of
