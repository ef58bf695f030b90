"""What a method answered, and what that is worth, specimen by specimen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.model_tables.task import Fold, Task

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Lower and upper ends of the shares (n, k), 0..1."""

    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Novelty:
    """Novelty (n,) and whether it is above its limit (n,)."""

    score: Floats
    unknown: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Answers for the n test rows of a fold, fibres in the order of the task's data set.

    Attributes:
        main: (n,) index of the main fibre.
        shares: (n, k), 0..1.
        intervals, novelty: None from a method that does not answer them.
    """

    main: NDArray[np.intp]
    shares: Floats
    intervals: Intervals | None = None
    novelty: Novelty | None = None


@dataclass(frozen=True, slots=True)
class SpecimenScore:
    """What the answers for one specimen are worth; means over its scans.

    Attributes:
        fibre: its main fibre.
        novel: whether that fibre was left out of the training.
        named_rightly: share of the scans whose main fibre is right, 0..1.
        error_pp: mean absolute error of the shares of the fibres that are present.
        coverage: share of true values inside their interval, over all fibres.
        width_pp: mean width of the intervals, over all fibres.
        unknown: share of the scans that are called unlike all that is known.
        main_error_pp: absolute error of the share of the main fibre.
    """

    specimen: str
    fibre: str
    novel: bool
    scans: int
    named_rightly: float
    error_pp: float
    coverage: float | None = None
    width_pp: float | None = None
    novelty: float | None = None
    unknown: float | None = None
    main_error_pp: float | None = None


def score(task: Task, fold: Fold, prediction: Prediction) -> tuple[SpecimenScore, ...]:
    """Return a score for each specimen of the fold's test rows."""
    dataset = task.dataset
    names = np.array(dataset.specimens)[fold.test]
    truth = dataset.shares[fold.test]
    main = truth.argmax(axis=1)
    learnt = dataset.shares[fold.training].max(axis=0) > 0
    right = (prediction.main == main).astype(np.float64)
    error = _error_where_present(prediction.shares, truth)
    main_error = np.abs(prediction.shares - truth)[np.arange(len(main)), main]
    coverage, width = _interval_columns(prediction.intervals, truth)
    novelty = prediction.novelty
    unknown = None if novelty is None else novelty.unknown.astype(np.float64)
    return tuple(
        SpecimenScore(
            specimen=name,
            fibre=dataset.fibres[main[rows[0]]],
            novel=not bool(learnt[main[rows[0]]]),
            scans=len(rows),
            named_rightly=float(right[rows].mean()),
            error_pp=100.0 * float(error[rows].mean()),
            coverage=_mean(coverage, rows),
            width_pp=_mean(width, rows),
            novelty=_mean(None if novelty is None else novelty.score, rows),
            unknown=_mean(unknown, rows),
            main_error_pp=100.0 * float(main_error[rows].mean()),
        )
        for name in dict.fromkeys(names.tolist())
        for rows in (np.flatnonzero(names == name),)
    )


def _error_where_present(shares: Floats, truth: Floats) -> Floats:
    present = truth > 0
    error: Floats = (np.abs(shares - truth) * present).sum(axis=1) / present.sum(axis=1)
    return error


def _interval_columns(intervals: Intervals | None, truth: Floats) -> tuple[Floats | None, Floats | None]:
    """Return coverage (n,) and width in percentage points (n,), means over the fibres."""
    if intervals is None:
        return None, None
    inside = (intervals.low - 1e-6 <= truth) & (truth <= intervals.high + 1e-6)
    return inside.mean(axis=1), 100.0 * (intervals.high - intervals.low).mean(axis=1)


def _mean(values: Floats | None, rows: NDArray[np.intp]) -> float | None:
    return None if values is None else float(values[rows].mean())
