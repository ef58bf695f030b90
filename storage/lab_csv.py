"""The file in which laboratories answer: one row a specimen, one column a fibre."""

import csv
import math
from collections.abc import Iterator, Mapping
from datetime import date

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.fibres import FIBRE_NAMES
from qc_daemon.domain.lab_comparison import LabResult, LabShare
from qc_daemon.domain.mass_basis import BASES

TEXT_COLUMNS = ("specimen", "method", "laboratory", "date", "basis")
# Laboratories round each share to one decimal, so a row of several may miss 100 by that much.
_MAX_SUM_ERROR_PP = 0.5


def read_lab_csv(content: bytes, name: str) -> tuple[LabResult, ...]:
    """Return the results of a CSV file (UTF-8, with or without a byte order mark).

    Args:
        content: the bytes of the file.
        name: how messages name it.

    Raises:
        InputError: one line that names the row (the header is row 1) and the column, and what was expected.
    """
    try:
        lines = content.decode("utf-8-sig").splitlines(keepends=True)
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: byte {error.start} is not UTF-8; expected a CSV file in UTF-8") from error
    try:
        rows = [(number, row) for number, row in _numbered(csv.reader(lines, strict=True)) if any(row)]
    except csv.Error as error:
        raise InputError(f"{name}: expected a CSV file: {error}") from error
    if len(rows) < 2:
        raise InputError(f"{name}: holds no result; expected a header and one row a specimen")
    (_, header), *body = rows
    fibres = _fibre_columns(header, name)
    results = tuple(_result(header, fibres, row, f"{name}, row {number}") for number, row in body)
    _require_distinct(results, [number for number, _ in body], name)
    return results


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    for number, row in enumerate(reader, start=1):
        yield number, [cell.strip() for cell in row]


def _fibre_columns(header: list[str], name: str) -> dict[str, str]:
    """Return the fibre of each column that is one, after checking that nothing is missing or doubled."""
    for column in TEXT_COLUMNS:
        if header.count(column) != 1:
            expected = ", ".join(TEXT_COLUMNS)
            raise InputError(
                f'{name}, row 1: has {header.count(column)} columns "{column}"; expected one each of '
                f"{expected}, and one column a fibre"
            )
    fibres = {column: _fibre(column, name) for column in header if column not in TEXT_COLUMNS}
    if not fibres:
        raise InputError(f"{name}, row 1: has no fibre column; expected such as cotton, polyester")
    if len(set(fibres.values())) + len(TEXT_COLUMNS) < len(header):
        raise InputError(f"{name}, row 1: names a fibre twice; expected one column a fibre")
    return fibres


def _fibre(column: str, name: str) -> str:
    fibre = FIBRE_NAMES.get(column.lower().removesuffix("_percent"))
    if fibre is None:
        raise InputError(f'{name}, row 1: column "{column}" is no known fibre; expected such as "cotton"')
    return fibre


def _result(header: list[str], fibres: Mapping[str, str], row: list[str], place: str) -> LabResult:
    if len(row) != len(header):
        raise InputError(f"{place}: has {len(row)} cells; expected {len(header)}, as the header")
    cells = dict(zip(header, row, strict=True))
    for column in TEXT_COLUMNS:
        if not cells[column]:
            raise InputError(f"{place}: {column} is empty; expected a text")
    if cells["basis"] not in BASES:
        raise InputError(f'{place}, column basis: "{cells["basis"]}"; expected one of {", ".join(BASES)}')
    shares = tuple(
        LabShare(fibre, _percent(cells[column], f"{place}, column {column}"))
        for column, fibre in fibres.items()
        if cells[column]
    )
    total = sum(share.percent for share in shares)
    if abs(total - 100.0) > _MAX_SUM_ERROR_PP:
        raise InputError(f"{place}: the fibres sum to {total:g} %; expected 100 %")
    return LabResult(
        specimen=cells["specimen"],
        method=cells["method"],
        laboratory=cells["laboratory"],
        measured_on=_date(cells["date"], place),
        basis=cells["basis"],
        shares=shares,
    )


def _percent(cell: str, place: str) -> float:
    try:
        percent = float(cell)
    except ValueError:
        percent = math.nan
    if not 0.0 <= percent <= 100.0:
        raise InputError(f'{place}: "{cell}"; expected percent by mass, 0 to 100')
    return percent


def _date(cell: str, place: str) -> str:
    try:
        return date.fromisoformat(cell).isoformat()
    except ValueError as error:
        raise InputError(f'{place}, column date: "{cell}"; expected a date such as 2026-11-24') from error


def _require_distinct(results: tuple[LabResult, ...], numbers: list[int], name: str) -> None:
    seen: dict[tuple[str, str, str, str], int] = {}
    for number, result in zip(numbers, results, strict=True):
        key = (result.specimen, result.method, result.laboratory, result.measured_on)
        if key in seen:
            raise InputError(
                f"{name}, row {number}: the same specimen, method, laboratory and date as row {seen[key]}; "
                "expected each once"
            )
        seen[key] = number
