"""`samples.csv`: its rows as text, which of its columns are fibres, and their shares."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.errors import DatasetError
from qc_daemon.domain.fibres import FIBRE_NAMES

SAMPLES_FILE = "samples.csv"
MAX_SUM_ERROR = 0.02

_RESERVED = frozenset({
    "specimen", "condition", "image", "um_per_pixel", "instrument", "label", "folder", "file", "row", "kind",
    "type", "class", "split", "seed", "datetime", "date", "time", "session", "spot", "area", "position",
    "repeat", "replica", "replicate", "index", "colour", "color", "garment", "serial", "lot", "roll",
})  # fmt: skip
_UNIT_SUFFIX = re.compile(r"_(c|pct|percent|pd|pp|nm|um|mm|mm2|m|cm|s|ms|g|gsm|px|id|counts|no|per_pixel)$")


@dataclass(frozen=True, slots=True)
class SampleTable:
    """A CSV table as text: its path, column names, rows, and the line of the file that each row ends on."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def texts(self, column: str) -> tuple[str, ...]:
        """Return the cells of `column`, or empty texts if there is no such column."""
        if column not in self.columns:
            return ("",) * len(self.rows)
        at = self.columns.index(column)
        return tuple(row[at] for row in self.rows)

    def names(self, column: str, meaning: str) -> tuple[str, ...]:
        """Return the cells of a column that has to be there and to hold a text in every row.

        Raises:
            DatasetError: there is no such column, or one of its cells is empty.
        """
        if column not in self.columns:
            found = ", ".join(self.columns)
            raise DatasetError(f'{self.path}: has no column "{column}", only {found}; expected {meaning}')
        cells = self.texts(column)
        if "" in cells:
            raise DatasetError(f"{self.place(cells.index(''))}: {column} is empty, expected {meaning}")
        return cells

    def place(self, row: int) -> str:
        """Name a row as a person counts it: the first below the header is row 1."""
        return f"{self.path}: row {row + 1} (line {self.lines[row]})"


def read_table(path: Path) -> SampleTable:
    """Read a CSV table; lines without any cell are skipped.

    Raises:
        DatasetError: not UTF-8 CSV, no rows, a column twice, or a row of another length.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            read = [([cell.strip() for cell in cells], reader.line_num) for cells in reader if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read, expected UTF-8 CSV ({error})") from error
    if any("\0" in cell for cells, _ in read for cell in cells):
        raise DatasetError(f"{path}: holds zero bytes, expected UTF-8 CSV")
    if len(read) < 2:
        raise DatasetError(f"{path}: holds no rows; expected a header line and one line a spectrum")
    (columns, _), *rows = read
    for column in columns:
        if columns.count(column) > 1:
            raise DatasetError(f'{path}: column "{column}" stands twice; expected each column once')
    table = SampleTable(
        path, tuple(columns), tuple(tuple(cells) for cells, _ in rows), tuple(line for _, line in rows)
    )
    for index, row in enumerate(table.rows):
        if len(row) != len(columns):
            raise DatasetError(f"{table.place(index)} has {len(row)} cells, expected {len(columns)}")
    return table


def fibre_columns(table: SampleTable) -> tuple[str, ...]:
    """Return the columns that hold fibre shares.

    A column holds shares if its name is a fibre name that labels use (domain/fibres.py), or if it
    is neither a reserved word nor ends in a unit, and more than half of its cells are numbers in
    0..1. A single wrong share therefore is an error and does not drop the column.
    """
    return tuple(column for column in table.columns if _holds_shares(column, table.texts(column)))


def read_shares(table: SampleTable, fibres: tuple[str, ...]) -> NDArray[np.float64]:
    """Return (n, k) shares 0..1 of the columns `fibres`; k may be 0.

    Raises:
        DatasetError: names the row, and the column of a cell that is no share.
    """
    columns = [table.texts(fibre) for fibre in fibres]
    shares = np.zeros((len(table.rows), len(fibres)))
    for row, cells in enumerate(zip(*columns, strict=True)):
        shares[row] = [_share(table, row, fibre, cell) for fibre, cell in zip(fibres, cells, strict=True)]
        total = shares[row].sum()
        if min(abs(total - 1.0), abs(total)) > MAX_SUM_ERROR:
            raise DatasetError(
                f"{table.place(row)}: shares of {', '.join(fibres)} sum to {total:.3f}, "
                f"expected 1, or 0 for no specimen{_percent_hint(table, row)}"
            )
    if not fibres and all(_percent_hint(table, row) for row in range(len(table.rows))):
        raise DatasetError(f"{table.path}: has no column of shares 0..1{_percent_hint(table, 0)}")
    return shares


def number(cell: str) -> float | None:
    """Return what a cell says as a number, or None if it says something else."""
    try:
        return float(cell)
    except ValueError:
        return None


def _share(table: SampleTable, row: int, fibre: str, cell: str) -> float:
    share = number(cell)
    if share is None or not 0.0 <= share <= 1.0:
        hint = _percent_hint(table, row)
        raise DatasetError(f'{table.place(row)}: {fibre} is "{cell}", expected a share in 0..1{hint}')
    return share


def _percent_hint(table: SampleTable, row: int) -> str:
    """Return the advice to divide by 100 if two or more columns that may be fibres sum to 100 in `row`."""
    cells = zip(table.columns, table.rows[row], strict=True)
    found = [number(cell) for column, cell in cells if _may_be_fibre(column)]
    percent = [value for value in found if value is not None and 0.0 <= value <= 100.0]
    if len(percent) < 2 or abs(sum(percent) - 100.0) > 100.0 * MAX_SUM_ERROR:
        return ""
    return "; this row sums to 100, so its shares are in percent: divide them by 100"


def _holds_shares(column: str, cells: tuple[str, ...]) -> bool:
    if column.lower() in FIBRE_NAMES:
        return True
    found = [number(cell) for cell in cells]
    inside = sum(value is not None and 0.0 <= value <= 1.0 for value in found)
    return _may_be_fibre(column) and 2 * inside > len(cells)


def _may_be_fibre(column: str) -> bool:
    name = column.lower()
    return bool(name) and name not in _RESERVED and not _UNIT_SUFFIX.search(name)
