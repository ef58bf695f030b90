"""How far an answer may be off, and how unlike the training data a spectrum is.

Intervals are split-conformal: errors on held-back specimens, divided by the spread that the network
expects, give quantiles; each specimen counts once, however often it was scanned. The quantiles are
kept apart by fibre and by predicted share (Mondrian), so that a fibre that is not there has a
narrow interval and a blend an honest one, and with or without an image.

Novelty is the largest of a few statistics, each divided by the value that held-back specimens
reach, so that its limit is 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COVERAGE = 0.9
SHARE_EDGES = (0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)  # between the bins of predicted share
LEAST_SPREAD = 2e-3  # an interval never relies on the network being surer than 0.2 percentage points
NOVELTY_LIMIT = 1.0
# Of the held-back specimens. A few in a hundred are so dark or sheer that their spectrum is noise; those,
# too, are better called unknown than guessed at.
_NOVELTY_QUANTILE = 0.97
# Fewer in a bin: pool the fibres; fewer still: pool the bins. Ten are enough for a quantile of 0.9 to be
# one of theirs, if the highest.
_FIBRE_SPECIMENS, _BIN_SPECIMENS = 40, 10
_SUBSPACE = 24  # dimensions that known fibres, water and scatter span


@dataclass(frozen=True, slots=True)
class IntervalTable:
    """Half-widths of the intervals in units of the network's spread.

    Attributes:
        coverage: nominal, 0..1.
        edges: (b - 1,) predicted shares between the b bins.
        factors: (fibres, b).
    """

    coverage: float
    edges: tuple[float, ...]
    factors: tuple[tuple[float, ...], ...]

    def half_widths(self, shares: Floats, spread: Floats) -> Floats:
        """Return (n, k) half-widths, as shares, for (n, k) predicted shares and spreads."""
        bins = np.searchsorted(self.edges, shares)
        factors = np.array(self.factors)[np.arange(shares.shape[1])[None, :], bins]
        widths: Floats = factors * (spread + LEAST_SPREAD)
        return widths


def calibrate_intervals(
    shares: Floats, spread: Floats, truth: Floats, specimens: Sequence[str]
) -> IntervalTable:
    """Return the table that covers the truth of held-back specimens, all arrays (n, k)."""
    scores = np.abs(shares - truth) / (spread + LEAST_SPREAD)
    bins = np.searchsorted(SHARE_EDGES, shares)
    names = np.array(specimens)
    everything = conformal_quantile(scores.max(axis=1), names, COVERAGE)
    table = []
    for fibre in range(shares.shape[1]):
        row = []
        for bin_number in range(len(SHARE_EDGES) + 1):
            own, pooled = bins[:, fibre] == bin_number, bins == bin_number
            if len(set(names[own])) >= _FIBRE_SPECIMENS:
                row.append(conformal_quantile(scores[own, fibre], names[own], COVERAGE))
            elif len(set(names[pooled.any(axis=1)])) >= _BIN_SPECIMENS:
                of_row, _ = np.nonzero(pooled)
                row.append(conformal_quantile(scores[pooled], names[of_row], COVERAGE))
            else:
                row.append(everything)
        table.append(tuple(row))
    return IntervalTable(COVERAGE, SHARE_EDGES, tuple(table))


def open_intervals(fibres: int) -> IntervalTable:
    """Return the table of one who cannot tell: every interval is 0..100 %."""
    factors = (1.0 / LEAST_SPREAD,) * (len(SHARE_EDGES) + 1)
    return IntervalTable(COVERAGE, SHARE_EDGES, (factors,) * fibres)


def conformal_quantile(scores: Floats, specimens: NDArray[np.str_], coverage: float) -> float:
    """Return the score that a new specimen stays below with probability `coverage`.

    The quantile at (s + 1) / s · coverage of s specimens (Vovk et al. 2005; Lei et al. 2018), rows
    weighted so that each specimen counts once. With too few specimens for that it is the largest
    score stretched by what is lacking, without the guarantee.
    """
    _, inverse, counts = np.unique(specimens, return_inverse=True, return_counts=True)
    level = coverage * (len(counts) + 1) / len(counts)
    if level > 1.0:
        return float(scores.max() * level)
    order = np.argsort(scores)
    reached = np.cumsum(1.0 / counts[inverse][order]) / len(counts)
    return float(scores[order][min(int(np.searchsorted(reached, level - 1e-12)), len(scores) - 1)])


@dataclass(frozen=True, slots=True, eq=False)
class SignalSubspace:
    """The linear space that the inputs of known specimens span.

    Attributes:
        centre: (m,) mean input.
        axes: (q, m) orthonormal.
    """

    centre: Floats
    axes: Floats

    def residual(self, inputs: Floats) -> Floats:
        """Return (n,) root mean square of what of (n, m) inputs lies outside the space."""
        centred = inputs - self.centre
        outside = centred - (centred @ self.axes.T) @ self.axes
        size: Floats = np.sqrt((outside**2).mean(axis=1))
        return size


@dataclass(frozen=True, slots=True)
class NoveltyLimits:
    """What each statistic may reach.

    Attributes:
        subspace: input outside the subspace of the known.
        reconstruction: error of REC; None without.
        cone: part of the input outside the cone of the known; None in checkpoints older than that.
    """

    subspace: float
    reconstruction: float | None
    cone: float | None = None


def fit_subspace(inputs: Floats) -> SignalSubspace:
    """Return the space of the largest variation of (n, m) inputs."""
    centre = inputs.mean(axis=0)
    count = min(_SUBSPACE, len(inputs) - 1, inputs.shape[1])
    _, _, axes = np.linalg.svd(inputs - centre, full_matrices=False)
    return SignalSubspace(centre, axes[: max(count, 0)])


def novelty_limit(statistic: Floats, specimens: Sequence[str], sources: NDArray[np.intp]) -> float:
    """Return what 97 % of held-back specimens (n,) stay below, in the data set where that is highest.

    Each source of data speaks for itself: a thousand simulated specimens must not make a handful
    of recorded ones look strange. A few specimens all stay below.
    """
    names = np.array(specimens)
    return max(
        min(conformal_quantile(own, names[sources == source], _NOVELTY_QUANTILE), float(own.max()))
        for source in np.unique(sources)
        for own in (statistic[sources == source],)
    )


def novelty(
    limits: NoveltyLimits, subspace: Floats, reconstruction: Floats | None, cone: Floats | None
) -> Floats:
    """Return (n,) novelty: 1 is the limit. A statistic without a limit, or not measured, says nothing."""
    parts = [subspace / limits.subspace]
    for statistic, limit in ((reconstruction, limits.reconstruction), (cone, limits.cone)):
        if statistic is not None and limit is not None:
            parts.append(statistic / limit)
    largest: Floats = np.max(parts, axis=0)
    return largest
