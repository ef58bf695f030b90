"""The files that come with tiles and wavelength standards: CSV with a line of titles and numbers below."""

import csv
from pathlib import Path

import numpy as np

from qc_daemon.domain.calibration import WavelengthStandard
from qc_daemon.domain.errors import ConfigError
from qc_daemon.domain.spectrum import ReflectanceTile

# Fluorescence aside nothing reflects more than all light; certificates round.
_GREATEST_REFLECTANCE = 1.05


def read_tile(path: Path) -> ReflectanceTile:
    """Read the certificate of a tile: columns wavelength_nm, ascending, and reflectance, 0 to 1.

    The name of the file, without its ending, is the tile's id.

    Raises:
        ConfigError: the file cannot be read as that; the message names the line.
    """
    rows = _read_numbers(path, ("wavelength_nm", "reflectance"))
    for line, (_, reflectance) in enumerate(rows, start=2):
        if not 0.0 < reflectance <= _GREATEST_REFLECTANCE:
            raise ConfigError(
                f"{path}, line {line}: reflectance is {reflectance:g}; expected a share above 0 and up to 1"
            )
    if len(rows) < 2:
        raise ConfigError(f"{path}: {len(rows)} rows; expected at least two wavelengths")
    columns = np.array(rows)
    return ReflectanceTile(path.stem, columns[:, 0], columns[:, 1])


def read_wavelength_standard(path: Path) -> WavelengthStandard:
    """Read the certified absorbance maxima of a standard: a column wavelength_nm, ascending.

    Raises:
        ConfigError: the file cannot be read as that; the message names the line.
    """
    rows = _read_numbers(path, ("wavelength_nm",))
    if not rows:
        raise ConfigError(f"{path}: no rows; expected at least one certified wavelength")
    return WavelengthStandard(path.stem, np.array([row[0] for row in rows]))


def _read_numbers(path: Path, columns: tuple[str, ...]) -> list[tuple[float, ...]]:
    """Return the named columns; the first ascends and lies where a NIR spectrometer may look."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            titles = table.fieldnames or []
            missing = [column for column in columns if column not in titles]
            if missing:
                raise ConfigError(f"{path}, line 1: no column {missing[0]}; expected {', '.join(columns)}")
            texts = [tuple(row[column] for column in columns) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: expected a readable CSV file ({error})") from error
    rows: list[tuple[float, ...]] = []
    for line, cells in enumerate(texts, start=2):
        rows.append(tuple(_number(path, line, *cell) for cell in zip(columns, cells, strict=True)))
        if not 300.0 <= rows[-1][0] <= 5000.0:
            raise ConfigError(f"{path}, line {line}: {rows[-1][0]:g} nm; expected 300 to 5000 nm")
        if len(rows) > 1 and rows[-1][0] <= rows[-2][0]:
            raise ConfigError(f"{path}, line {line}: {rows[-1][0]:g} nm; expected ascending wavelengths")
    return rows


def _number(path: Path, line: int, column: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise ConfigError(f'{path}, line {line}: {column} is "{text or ""}"; expected a number')
    return value
