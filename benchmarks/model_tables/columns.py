"""The columns of each kind of table: each specimen counts once unless a heading says "by scan"."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.model_tables.result_file import Measurement
from benchmarks.model_tables.scores import SpecimenScore
from benchmarks.model_tables.task import Question, Task

Measure = Literal["named_rightly", "error_pp", "coverage", "width_pp", "unknown"]


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, its number of decimals, and the value for the measurements of one method and seed.

    The value is None where the method does not say.
    """

    heading: str
    digits: int
    value: Callable[[Sequence[Measurement]], float | None]


def columns_of(task: Task) -> tuple[Column, ...]:
    """Return the columns that answer the task's question."""
    match task.question:
        case Question.CLASS:
            return (
                Column("accuracy", 3, _mean_of("named_rightly")),
                Column("accuracy by scan", 3, _mean_of("named_rightly", by_scan=True)),
                Column("error of the fibre present, pp", 1, _mean_of("error_pp")),
                *_INTERVALS,
            )
        case Question.SHARES:
            return (
                Column("error, pp", 2, _mean_of("error_pp")),
                Column("error by scan, pp", 2, _mean_of("error_pp", by_scan=True)),
                *_INTERVALS,
            )
        case Question.EACH_BLEND:
            tested = dict.fromkeys(task.dataset.specimens[row] for fold in task.folds for row in fold.test)
            each = tuple(Column(name, 1, _error_of_specimen(name)) for name in tested)
            return (*each, Column("mean", 1, _mean_of("error_pp")), *_INTERVALS)
        case Question.NOVELTY:
            areas = (Column(f"without {name}", 3, _area_without(name)) for name in task.dataset.fibres)
            return (
                *areas,
                Column("novel called unknown", 3, _called_unknown(novel=True)),
                Column("known called unknown", 3, _called_unknown(novel=False)),
            )


def _mean_of(measure: Measure, by_scan: bool = False) -> Callable[[Sequence[Measurement]], float | None]:
    return lambda measured: _mean(_scores(measured), measure, by_scan)


def _error_of_specimen(name: str) -> Callable[[Sequence[Measurement]], float | None]:
    return lambda measured: _mean([one for one in _scores(measured) if one.specimen == name], "error_pp")


def _called_unknown(novel: bool) -> Callable[[Sequence[Measurement]], float | None]:
    return lambda measured: _mean([one for one in _scores(measured) if one.novel is novel], "unknown")


def _area_without(fibre: str) -> Callable[[Sequence[Measurement]], float | None]:
    """AUROC over the folds that left `fibre` out: the probability that it looks stranger than the known."""

    def area(measured: Sequence[Measurement]) -> float | None:
        left_out = [one for one in measured if any(s.novel and s.fibre == fibre for s in one.scores)]
        scores = [one for one in _scores(left_out) if one.novelty is not None]
        if len({one.novel for one in scores}) < 2:
            return None
        return float(roc_auc_score([one.novel for one in scores], [one.novelty for one in scores]))

    return area


def _scores(measured: Sequence[Measurement]) -> list[SpecimenScore]:
    return [score for one in measured for score in one.scores]


def _mean(scores: Sequence[SpecimenScore], measure: Measure, by_scan: bool = False) -> float | None:
    said = [(getattr(one, measure), one.scans if by_scan else 1) for one in scores]
    said = [(value, weight) for value, weight in said if value is not None]
    if not said:
        return None
    values, weights = np.array(said, dtype=np.float64).T
    return float(np.average(values, weights=weights))


_INTERVALS = (
    Column("coverage of the 90 % intervals", 3, _mean_of("coverage")),
    Column("width, pp", 1, _mean_of("width_pp")),
    Column("called unknown", 3, _mean_of("unknown")),
)
