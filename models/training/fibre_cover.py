"""Where in a micrograph which fibre lies, for images of which that is known: `fibre_cover.npz`.

One array `percent` (n, rows, columns, fibres) of whole percent, 0..255: how much of each cell of
`CELL_PX` pixels the fibres of each column of `samples.csv` cover, over 100 where they overlap. A row
of zeros says nothing. The virtual mill knows it; a network that is told learns in a fraction of the
time what each fibre looks like.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.sample_table import SampleTable
from qc_daemon.domain.errors import DatasetError

COVER_FILE = "fibre_cover.npz"


def as_percent(covered: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return shares of cells as whole percent."""
    percent: NDArray[np.uint8] = np.clip(np.rint(100.0 * covered), 0, 255).astype(np.uint8)
    return percent


def write_fibre_cover(folder: Path, percent: NDArray[np.uint8]) -> None:
    """Write the file beside `samples.csv`."""
    np.savez_compressed(folder / COVER_FILE, percent=percent)


def read_fibre_cover(folder: Path, table: SampleTable, fibres: int) -> NDArray[np.uint8] | None:
    """Return (n, rows, columns, fibres), or None if the folder has no such file.

    Raises:
        DatasetError: the file does not fit `samples.csv`.
    """
    path = folder / COVER_FILE
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            percent = archive["percent"]
    except Exception as error:  # numpy raises a dozen kinds on a broken archive
        raise DatasetError(f"{path}: cannot be read ({error}); expected an array named percent") from error
    expected = (len(table.rows), fibres)
    if percent.ndim != 4 or percent.dtype != np.uint8 or (percent.shape[0], percent.shape[3]) != expected:
        raise DatasetError(
            f"{path}: percent is {percent.dtype} of shape {percent.shape}, expected uint8 of "
            f"({expected[0]}, rows, columns, {expected[1]})"
        )
    return np.asarray(percent, dtype=np.uint8)
