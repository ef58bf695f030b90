"""The geometry of the two charts of a certificate, as fractions of their frames; the template draws them.

Drawn by the layout engine itself the charts share the fonts of the text and take a few
milliseconds; importing a plotting library alone takes longer than the whole certificate may.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qc_daemon.domain.composition import Evidence, FibreShare
from qc_daemon.domain.spectrum import Spectrum

# Windows with less than this share of the strongest weight would be drawn as white anyway.
_VISIBLE_STRENGTH = 0.05


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, as a fraction of the axis, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Window:
    """A wavelength window from `left` to `right` (fractions); `strength` 0..1 of the strongest one."""

    left: float
    right: float
    strength: float


@dataclass(frozen=True, slots=True)
class SpectrumChart:
    """Absorbance over wavelength.

    Attributes:
        lines: one line per run of valid bands; points are (right, up) fractions of the frame.
        windows: where the model looked, if a model ran.
    """

    lines: tuple[tuple[tuple[float, float], ...], ...]
    windows: tuple[Window, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class ShareBar:
    """One row of the share chart; fractions of an axis from 0 to 100 %.

    Attributes:
        band_lo, band_hi: label minus and plus its tolerance; both 0 if there is no label.
        label: the declared share, or None without a label.
    """

    percent: float
    lo: float
    hi: float
    label: float | None
    band_lo: float
    band_hi: float


def spectrum_chart(spectrum: Spectrum, evidence: Evidence | None) -> SpectrumChart:
    """Return the chart of a spectrum with the windows that `evidence` names shaded."""
    x_lo, x_hi = float(spectrum.wavelength_nm[0]), float(spectrum.wavelength_nm[-1])
    y_lo, y_hi = _padded(spectrum.absorbance[spectrum.valid])
    across = _fractions(spectrum.wavelength_nm, x_lo, x_hi)
    up = _fractions(spectrum.absorbance, y_lo, y_hi)
    return SpectrumChart(
        lines=_lines(across, up, spectrum.valid),
        windows=_windows(evidence, x_lo, x_hi) if evidence else (),
        x_ticks=axis_ticks(x_lo, x_hi, 8),
        y_ticks=axis_ticks(y_lo, y_hi, 5),
    )


def share_bar(share: FibreShare, declared_percent: float | None, allowed_pp: float) -> ShareBar:
    """Return the bar of a share beside its label and the tolerance around it, all in percent."""
    low = high = 0.0
    if declared_percent is not None:
        low, high = max(declared_percent - allowed_pp, 0.0), min(declared_percent + allowed_pp, 100.0)
    return ShareBar(
        percent=share.percent / 100.0,
        lo=share.lo / 100.0,
        hi=share.hi / 100.0,
        label=None if declared_percent is None else declared_percent / 100.0,
        band_lo=low / 100.0,
        band_hi=high / 100.0,
    )


def axis_ticks(low: float, high: float, at_most: int) -> tuple[Tick, ...]:
    """Return round ticks between `low` and `high` (low < high), at most `at_most` (3 or more) intervals."""
    step = round_step((high - low) / at_most)
    decimals = max(0, -math.floor(math.log10(step)))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(
        Tick((k * step - low) / (high - low), f"{k * step:.{decimals}f}") for k in range(first, last + 1)
    )


def round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is not below `least` (> 0)."""
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least * (1 - 1e-9))


def _padded(absorbance: NDArray[np.float64]) -> tuple[float, float]:
    if absorbance.size == 0:
        return 0.0, 1.0
    low, high = float(absorbance.min()), float(absorbance.max())
    margin = max(0.06 * (high - low), 0.005)
    return low - margin, high + margin


def _fractions(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    return (values - low) / (high - low)


def _lines(
    across: NDArray[np.float64], up: NDArray[np.float64], valid: NDArray[np.bool_]
) -> tuple[tuple[tuple[float, float], ...], ...]:
    borders = np.flatnonzero(np.diff(valid)) + 1
    runs = np.split(np.arange(len(valid)), borders)
    return tuple(
        tuple((round(float(across[i]), 4), round(float(up[i]), 4)) for i in run)
        for run in runs
        if valid[run[0]] and len(run) > 1
    )


def _windows(evidence: Evidence, x_lo: float, x_hi: float) -> tuple[Window, ...]:
    edges = np.clip(_fractions(evidence.window_edges_nm, x_lo, x_hi), 0.0, 1.0)
    weights = evidence.window_weights
    strongest = float(weights.max(initial=0.0))
    if strongest <= 0.0:
        return ()
    return tuple(
        Window(float(left), float(right), float(weight) / strongest)
        for left, right, weight in zip(edges[:-1], edges[1:], weights, strict=True)
        if right > left and weight >= _VISIBLE_STRENGTH * strongest
    )
