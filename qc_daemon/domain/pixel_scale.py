"""Size of a pixel, from a picture of a stage micrometer.

The lines are a wave in the picture. Its frequency is found as the peak of the windowed spectrum, then made
finer until the phase is constant over the whole field: a plane fitted to the phase of small blocks gives
what is left of the frequency, and how well it is known. All lines of the field take part, and a micrometer
that lies turned by some degrees gives the same spacing, for it is measured across the lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.errors import InputError
from qc_daemon.domain.image import Frame

Axis = Literal["x", "y"]

_MIN_LINES = 8
_COARSEST = 3.0  # cycles in a field; what is slower is uneven light
_MAX_CYCLES_PER_PX = 0.4  # finer lines cannot be told from their mirror images in the pixel grid
_MAX_TURN = np.tan(np.radians(15.0))
_MIN_PEAK = 8.0  # the peak of lines against the median of the spectrum
_WEAKER_AXIS = 0.3  # lines along both axes of a grid are alike; a ruler's ends are much weaker
_SUBHARMONIC = 0.5  # of thin lines the overtones are almost as strong as the fundamental
_BLOCKS = 12
_LINES_IN_BLOCK = 4.0
_USED_BLOCKS = 0.3  # of the strongest block's amplitude; the lines need not fill the field
_LEAST_UNCERTAINTY = 1e-4  # rendered rulers of known scale come out within 1.3e-4
_LARGEST_DISAGREEMENT = 0.01  # between x and y: pixels are square, so more is a mistake


@dataclass(frozen=True, slots=True)
class LineSpacing:
    """Lines of a micrometer in a picture.

    Attributes:
        axis: along which the lines follow one another.
        pixels: distance of two lines across them, in pixels.
        standard_error_px: of that.
        lines: how many fit into the field.
        turned_degrees: how far the micrometer is turned.
    """

    axis: Axis
    pixels: float
    standard_error_px: float
    lines: float
    turned_degrees: float


@dataclass(frozen=True, slots=True)
class PixelScale:
    """Size of a pixel for one camera at one size of its frames.

    Attributes:
        um_per_pixel: of the specimen.
        uncertainty_um: standard uncertainty of `um_per_pixel`, the micrometer's own not included.
        camera_kind, camera_serial: whose frames.
        lines: how many lines were measured in all.
        axes: along which they were: "x", "y" or "xy".
    """

    um_per_pixel: float
    uncertainty_um: float
    camera_kind: str
    camera_serial: str
    width_px: int
    height_px: int
    lines: float
    axes: str
    taken_at: datetime

    def __post_init__(self) -> None:
        if not self.um_per_pixel > 0.0:
            raise ValueError(f"um_per_pixel is {self.um_per_pixel}, expected a positive number")


def find_line_spacings(grey: NDArray[np.float64]) -> tuple[LineSpacing, ...]:
    """Return the spacing along x, along y, or both, whichever (height, width) grey levels show.

    Raises:
        InputError: there are no regular lines, or fewer than eight.
    """
    level = grey - grey.mean()
    views: dict[Axis, NDArray[np.float64]] = {"x": level, "y": level.T}
    peaks = {axis: _peak(view) for axis, view in views.items()}
    found = [_spacing(axis, views[axis], peak) for axis, peak in peaks.items() if peak.strength > 0.0]
    if not found:
        raise InputError(
            f"no regular lines in the picture; expected a stage micrometer in focus, at least {_MIN_LINES} "
            "lines across, turned by less than 15 degrees"
        )
    return tuple(found)


def scale_of(frames: Sequence[Frame], spacings: Sequence[LineSpacing], division_um: float) -> PixelScale:
    """Return the size of a pixel from the line spacings that frames of one camera showed.

    Raises:
        InputError: the frames differ in size, or the spacings by more than a percent.
    """
    first = frames[0]
    if any(frame.pixels.shape != first.pixels.shape for frame in frames):
        raise InputError("the size of the frames changed between the pictures of the micrometer")
    um_per_pixel, uncertainty_um = um_per_pixel_of(spacings, division_um)
    height, width, _ = first.pixels.shape
    return PixelScale(
        um_per_pixel=um_per_pixel,
        uncertainty_um=uncertainty_um,
        camera_kind=first.camera.kind,
        camera_serial=first.camera.serial,
        width_px=width,
        height_px=height,
        lines=sum(spacing.lines for spacing in spacings),
        axes="".join(sorted({spacing.axis for spacing in spacings})),
        taken_at=first.captured_at,
    )


def um_per_pixel_of(spacings: Sequence[LineSpacing], division_um: float) -> tuple[float, float]:
    """Return the size of a pixel in µm and its standard uncertainty.

    Raises:
        InputError: the spacings disagree by more than a percent.
    """
    sizes = np.array([division_um / spacing.pixels for spacing in spacings])
    spread = float(sizes.max() - sizes.min()) / 2.0
    mean = float(sizes.mean())
    if 2.0 * spread > _LARGEST_DISAGREEMENT * mean:
        raise InputError(
            f"{sizes.min():.4f} and {sizes.max():.4f} um per pixel in one measurement; "
            "expected square pixels and the same objective in all pictures"
        )
    fits = [division_um * one.standard_error_px / one.pixels**2 for one in spacings]
    return mean, max(spread, float(np.sqrt(np.mean(np.square(fits)))), _LEAST_UNCERTAINTY * mean)


@dataclass(frozen=True, slots=True)
class _Peak:
    """Of a spectrum: cycles per pixel along rows and across them, amplitude; all 0 if there is none."""

    along: float = 0.0
    across: float = 0.0
    strength: float = 0.0


def _spacing(axis: Axis, view: NDArray[np.float64], peak: _Peak) -> LineSpacing:
    """Return the spacing of lines that follow one another along the rows of a view."""
    along, across = peak.along, peak.across
    for zoom in range(4):
        along, across = _finer(view, along, across, 0.25**zoom)
    correction, error = _phase_plane(view, along, across)
    along, across = along + correction[0], across + correction[1]
    cycles_per_px = float(np.hypot(along, across))
    return LineSpacing(
        axis=axis,
        pixels=1.0 / cycles_per_px,
        standard_error_px=error / cycles_per_px**2,
        lines=along * view.shape[1],
        turned_degrees=float(np.degrees(np.arctan2(across, along))),
    )


def _peak(view: NDArray[np.float64]) -> _Peak:
    """Return the strongest regular pattern along the rows, to a bin of the spectrum."""
    height, width = view.shape
    window = np.hanning(height)[:, None] * np.hanning(width)[None, :]
    strength = np.abs(np.fft.rfft2(view * window))
    along = np.fft.rfftfreq(width)[None, :]
    across = np.fft.fftfreq(height)[:, None]
    regular = (np.hypot(along, across) * width >= _COARSEST) & (along <= _MAX_CYCLES_PER_PX)
    allowed = regular & (np.abs(across) <= _MAX_TURN * along)
    if not allowed.any():
        return _Peak()
    shown = np.where(allowed, strength, 0.0)
    row, column = np.unravel_index(int(shown.argmax()), shown.shape)
    # Lines in another direction are stronger than what of them reaches into this one.
    least = max(
        _MIN_PEAK * float(np.median(strength[allowed])), _WEAKER_AXIS * float(strength[regular].max())
    )
    if shown[row, column] <= least:
        return _Peak()
    first_row, first_column = _fundamental(shown, int(row), int(column))
    if first_column < _MIN_LINES:
        return _Peak()
    return _Peak(
        float(along[0, first_column]),
        float(across[first_row, 0]),
        float(shown[first_row, first_column]),
    )


def _fundamental(shown: NDArray[np.float64], row: int, column: int) -> tuple[int, int]:
    """Return the peak whose second or third overtone is at (row, column), or that place itself."""
    for divisor in (3, 2):
        first = max(column // divisor - 1, 0)
        part = shown[:, first : column // divisor + 2]
        low_row, low_column = np.unravel_index(int(part.argmax()), part.shape)
        if part[low_row, low_column] > _SUBHARMONIC * shown[row, column]:
            return int(low_row), first + int(low_column)
    return row, column


def _weighted(block: NDArray[np.complex128]) -> complex:
    """Return the mean of a block, its ends faded along the rows: a cut line would shift the phase."""
    return complex(block.mean(axis=0) @ np.hanning(block.shape[1] + 2)[1:-1])


def _finer(view: NDArray[np.float64], along: float, across: float, step: float) -> tuple[float, float]:
    """Return the frequency at the peak of the spectrum among neighbours `step` bins and less away."""
    height, width = view.shape
    offsets = np.linspace(-step, step, 9)
    columns, rows = along + offsets / width, across + offsets / height
    wave_x = np.hanning(width)[:, None] * np.exp(-2j * np.pi * np.outer(np.arange(width), columns))
    wave_y = np.hanning(height)[:, None] * np.exp(-2j * np.pi * np.outer(np.arange(height), rows))
    strength = np.abs(wave_y.T @ (view @ wave_x))
    row, column = np.unravel_index(int(strength.argmax()), strength.shape)
    return float(columns[column]), float(rows[row])


def _phase_plane(view: NDArray[np.float64], along: float, across: float) -> tuple[NDArray[np.float64], float]:
    """Return what to add to the frequency (2,), and the standard error, in cycles per pixel."""
    height, width = view.shape
    y, x = np.arange(height), np.arange(width)
    wave = np.exp(-2j * np.pi * across * y)[:, None] * np.exp(-2j * np.pi * along * x)[None, :]
    columns = np.array_split(x, int(np.clip(along * width / _LINES_IN_BLOCK, 3, _BLOCKS)))
    blocks = [
        (_weighted(view[rows][:, part] * wave[rows][:, part]), rows.mean(), part.mean())
        for rows in np.array_split(y, _BLOCKS)
        for part in columns
    ]
    value, at_y, at_x = (np.array(column) for column in zip(*blocks, strict=True))
    used = np.abs(value) >= _USED_BLOCKS * np.abs(value).max()
    phase = np.angle(value[used] * np.conj(value[used].mean())) / (2.0 * np.pi)
    plane = np.column_stack([np.ones(used.sum()), at_x[used], at_y[used]])
    solution, *_ = np.linalg.lstsq(plane, phase, rcond=None)
    rest = phase - plane @ solution
    variance = float(rest @ rest) / max(len(rest) - 3, 1)
    covariance = variance * np.linalg.pinv(plane.T @ plane)
    return solution[1:], float(np.sqrt(covariance[1, 1]))
