"""Measure what is asked for and not measured yet, fold by fold."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.model_tables.contestants import CONTESTANTS
from benchmarks.model_tables.result_file import Key, Measurement, Provenance, ResultFile, provenance
from benchmarks.model_tables.scores import score
from benchmarks.model_tables.task import Fold, Task
from models.training.dataset import Dataset
from qc_daemon.domain.errors import InputError


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the tables to measure; no tasks or no methods given means all of them.

    Attributes:
        again: measure anew what the results hold already.
        work: where virtual specimens are kept between runs.
    """

    tasks: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    again: bool = False
    work: Path = Path("build", "model_tables")


def measure(tasks: Sequence[Task], selection: Selection, results: ResultFile) -> None:
    """Append what is missing to `results`.

    Raises:
        InputError: the selection names a task or a method that does not exist.
    """
    methods = chosen(selection.methods, tuple(CONTESTANTS), "method")
    done = {} if selection.again else results.read()
    origin = provenance()  # of the code as it was loaded; a long run may outlive it
    for task in chosen_tasks(tasks, selection.tasks):
        for fold, key in _wanted(task, methods, selection.seeds):
            if key not in done:
                results.append(_measured(task, fold, key, origin))


def chosen_tasks(tasks: Sequence[Task], names: Sequence[str]) -> list[Task]:
    """Return the tasks of these names, or all without names.

    Raises:
        InputError: there is no such task.
    """
    known = chosen(names, [task.name for task in tasks], "task")
    return [task for task in tasks if task.name in known]


def chosen(names: Sequence[str], existing: Sequence[str], what: str) -> Sequence[str]:
    """Return the names, or all that exist without names.

    Raises:
        InputError: one of the names does not exist.
    """
    for name in names:
        if name not in existing:
            raise InputError(f'{what} "{name}" does not exist; expected {", ".join(existing)}')
    return names or existing


def _wanted(task: Task, methods: Sequence[str], seeds: Sequence[int]) -> Iterator[tuple[Fold, Key]]:
    for method in methods:
        if CONTESTANTS[method].can_answer(task.question):
            for seed in seeds:
                yield from ((fold, Key(task.name, fold.name, method, seed)) for fold in task.folds)


def _measured(task: Task, fold: Fold, key: Key, origin: Provenance) -> Measurement:
    begun = time.monotonic()
    prediction = CONTESTANTS[key.method].answer(task, fold, key.seed)
    seconds = round(time.monotonic() - begun, 2)
    scores = score(task, fold, prediction)
    error = sum(one.error_pp for one in scores) / len(scores)
    place = f"{key.task}, {key.fold}, {key.method}, seed {key.seed}"
    print(f"{place}: {error:.2f} pp in {seconds:.1f} s", file=sys.stderr, flush=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Measurement(key, _data_line(task.dataset), scores, seconds, now, origin)


def _data_line(dataset: Dataset) -> str:
    specimens = len(set(dataset.specimens))
    return f"{dataset.folder.name}, {specimens} specimens, {len(dataset)} spectra"
