"""A folder of scan files as the NIRscan Nano writes them: spectra whose shares are unknown."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.training.dataset import Dataset
from qc_daemon.domain.errors import DatasetError
from qc_daemon.domain.spectrum import Scan, same_axis

_SCAN_SUFFIXES = (".csv", ".dat")

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


def read_scan_files(folder: Path, reader: ScanFileReader) -> Dataset | None:
    """Read every scan file of a folder, in the order of their names; None if there is none.

    Raises:
        DatasetError: a file cannot be read, has another axis than the first, or no signal in a band.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SCAN_SUFFIXES)
    if not paths:
        return None
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
        instruments=tuple(f"{record.scan.raw_format} {record.scan.serial}" for record in records),
    )


def _absorbance(path: Path, record: RecordedScan) -> NDArray[np.float64]:
    sample = record.scan.net_counts / record.scan.settings.pga_gain
    reference = record.reference.net_counts / record.reference.settings.pga_gain
    if np.any(sample <= 0.0) or np.any(reference <= 0.0):
        raise DatasetError(f"{path}: holds counts that are not positive; expected a signal in every band")
    absorbance: NDArray[np.float64] = np.log10(reference / sample)
    return absorbance
