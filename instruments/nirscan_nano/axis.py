"""Wavelengths of the NIRscan Nano: columns of its mirror array, mapped by a quadratic.

A scan carries no wavelengths. It carries c0, c1, c2 of wavelength = c2 p² + c1 p + c0 over the mirror
column p, the wavelengths between which it was asked to scan, and the number of patterns; the columns
between are equally spaced and cut to whole columns.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.arrays import require_ascending
from qc_daemon.domain.errors import DatasetError

COLUMNS = 854  # of the DLP2010 mirror array
ADC_VALUES = 864  # in a scan container
BLACK_PERIOD = 25  # every 25th value is taken with all mirrors off
# 24 patterns and one black value, again and again, must fit the container.
MAX_PATTERNS = ADC_VALUES // BLACK_PERIOD * (BLACK_PERIOD - 1) + ADC_VALUES % BLACK_PERIOD

# Columns that are whole numbers by construction come out of a square root a hair below.
_COLUMN_EPSILON = 1e-6
# Files give wavelengths to 1e-6 nm; a table in 32-bit floats is good to 1e-4 nm.
_TOLERANCE_NM = 1e-3
# 7.03 nm, the maker's default, and its neighbour: an even width moves the centre by half a column.
_WIDTHS_PX = (6, 7)


@dataclass(frozen=True, slots=True)
class ColumnAxis:
    """All that the wavelengths of a scan follow from.

    Attributes:
        c0: in nm; wavelength = c2 p² + c1 p + c0 at column p.
        c1: in nm per column.
        c2: in nm per column².
        start_nm: where the scan was asked to start, whole nm.
        end_nm: where it was asked to end.
        patterns: number of wavelengths.
        width_px: columns that are on in one pattern.
    """

    c0: float
    c1: float
    c2: float
    start_nm: int
    end_nm: int
    patterns: int
    width_px: int


def wavelengths_nm(axis: ColumnAxis) -> NDArray[np.float64]:
    """Return (patterns,) the wavelength at the centre of each pattern, ascending.

    Raises:
        ValueError: the coefficients do not map the range to ascending wavelengths on the array.
    """
    first, last = _column_of(axis, axis.start_nm), _column_of(axis, axis.end_nm)
    step = (last - first) / (axis.patterns - 1)
    columns = np.floor(first + step * np.arange(axis.patterns) + _COLUMN_EPSILON)
    centres = columns - 0.5 if axis.width_px % 2 == 0 else columns
    result: NDArray[np.float64] = (axis.c2 * centres + axis.c1) * centres + axis.c0
    require_ascending(result, "wavelengths of the patterns")
    return result


def column_axis(wavelength_nm: NDArray[np.float64]) -> ColumnAxis:
    """Find the axis whose wavelengths are (n,) `wavelength_nm`, n >= 3, to 0.001 nm.

    On axes recorded from a NIRscan Nano the result agrees to the digits of the file. The columns are
    counted along the axis, for each step from which the count may start, the widest first; the first
    quadratic through them that reproduces the axis is taken.

    Raises:
        DatasetError: a NIRscan Nano cannot scan these wavelengths.
    """
    wanted = np.asarray(wavelength_nm, dtype=np.float64)
    if wanted.ndim == 1 and 3 <= wanted.size <= MAX_PATTERNS and np.all(np.diff(wanted) > 0):
        for columns in _column_counts(wanted.tolist()):
            for candidate in _fits(wanted, np.array(columns)):
                if _reproduces(candidate, wanted):
                    return candidate
    raise DatasetError(
        f"a NIRscan Nano cannot carry this axis of {wanted.size} wavelengths; expected 3 to {MAX_PATTERNS}, "
        "ascending, evenly spaced or along the quadratic of its mirror columns, not finer than one column"
    )


def _column_of(axis: ColumnAxis, nm: float) -> float:
    """Return the column where the quadratic reads `nm`: the root of the smaller magnitude."""
    discriminant = axis.c1 * axis.c1 - 4.0 * axis.c2 * (axis.c0 - nm)
    if not discriminant >= 0.0 or axis.c1 == 0.0:
        raise ValueError(f"no mirror column shows {nm} nm")
    # This form of the root stays exact when c2 is tiny or 0.
    column = (axis.c0 - nm) / (-0.5 * (axis.c1 + np.copysign(np.sqrt(discriminant), axis.c1)))
    if not 0.0 <= column < COLUMNS:
        raise ValueError(f"{nm} nm would lie at mirror column {column:.1f}, expected 0 to {COLUMNS - 1}")
    return float(column)


def _column_counts(wanted: list[float]) -> Iterator[list[int]]:
    """Yield (n,) columns, counted from the first wavelength, that lie on one quadratic."""
    widest = (COLUMNS - 2) // (len(wanted) - 1) + 1
    for first in range(widest, 0, -1):
        for second in range(max(first - 1, 1), first + 2):
            columns = _count_on(wanted, [0, first, first + second])
            if columns is not None and columns[-1] < COLUMNS - 2:
                yield columns


def _count_on(wanted: list[float], start: list[int]) -> list[int] | None:
    """Count on from the columns of the first three wavelengths; None if one lies between columns.

    An even spacing that is cut to whole columns has steps of k and k+1 columns only.
    """
    columns = list(start)
    steps = {columns[1] - columns[0], columns[2] - columns[1]}
    for number in range(3, len(wanted)):
        known = (0, number // 2, number - 1)  # far apart, so that the rounding of a file does not grow
        curve = _quadratic([columns[i] for i in known], [wanted[i] for i in known])
        choices = range(max(max(steps) - 1, 1), min(steps) + 2)
        misses_nm = {step: abs(curve(columns[-1] + step) - wanted[number]) for step in choices}
        best = min(misses_nm, key=misses_nm.__getitem__)
        if misses_nm[best] > _TOLERANCE_NM:
            return None
        steps.add(best)
        columns.append(columns[-1] + best)
    return columns


def _quadratic(x: list[int], y: list[float]) -> Callable[[int], float]:
    """Return the quadratic through three points, by Newton's divided differences."""
    slope = (y[1] - y[0]) / (x[1] - x[0])
    curvature = ((y[2] - y[1]) / (x[2] - x[1]) - slope) / (x[2] - x[0])
    return lambda at: y[0] + (at - x[0]) * (slope + (at - x[1]) * curvature)


def _fits(wanted: NDArray[np.float64], columns: NDArray[np.int64]) -> Iterator[ColumnAxis]:
    """Yield the axes that a quadratic through the counted columns allows, centred on the array.

    Wavelengths rise towards lower columns, as on the device.
    """
    span = int(columns[-1])
    first = (COLUMNS + span) // 2
    for width_px in _WIDTHS_PX:
        centres = first - columns - (0.5 if width_px % 2 == 0 else 0.0)
        c2, c1, c0 = np.polyfit(centres, wanted, 2).tolist()
        axis = ColumnAxis(c0, c1, c2, 0, 0, wanted.size, width_px)
        for start_nm in _whole_nm_at(axis, first):
            for end_nm in _whole_nm_at(axis, first - span):
                yield replace(axis, start_nm=start_nm, end_nm=end_nm)


def _whole_nm_at(axis: ColumnAxis, column: int) -> range:
    """Return the whole wavelengths that are cut to `column`: up to the next column's wavelength."""
    low, high = sorted((axis.c2 * p + axis.c1) * p + axis.c0 for p in (column, column + 1))
    return range(int(np.ceil(low - 1e-6)), int(np.floor(high + 1e-6)) + 1)


def _reproduces(candidate: ColumnAxis, wanted: NDArray[np.float64]) -> bool:
    try:
        found = wavelengths_nm(candidate)
    except ValueError:
        return False
    return bool(np.allclose(found, wanted, rtol=0.0, atol=_TOLERANCE_NM))
