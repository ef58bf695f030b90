"""Measurements as markdown tables."""

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

from benchmarks.model_tables.columns import Column, columns_of
from benchmarks.model_tables.contestants import CONTESTANTS
from benchmarks.model_tables.result_file import Measurement
from benchmarks.model_tables.task import Task


def task_table(task: Task, measurements: Iterable[Measurement]) -> str:
    """Return title, note, a row for each method that was measured on the task, and what measured it."""
    of_task = [one for one in measurements if one.key.task == task.name]
    columns = columns_of(task)
    headings = ["method", *(column.heading for column in columns), "folds", "seeds"]
    rows = [line(headings), line(["---"] * len(headings))]
    for method, contestant in CONTESTANTS.items():
        by_seed = _by_seed([one for one in of_task if one.key.method == method])
        if by_seed:
            rows.append(line([contestant.name, *_cells(columns, by_seed, len(task.folds))]))
    return "\n".join([f"### {task.title}", "", task.note, "", *rows, "", origin_line(of_task)])


def _by_seed(measured: Sequence[Measurement]) -> list[list[Measurement]]:
    seeds = sorted({one.key.seed for one in measured})
    return [[one for one in measured if one.key.seed == seed] for seed in seeds]


def _cells(columns: Sequence[Column], by_seed: Sequence[Sequence[Measurement]], folds: int) -> list[str]:
    values = [spread([column.value(one) for one in by_seed], column.digits) for column in columns]
    fewest = min(len(one) for one in by_seed)
    return [*values, str(folds) if fewest == folds else f"{fewest} of {folds}", str(len(by_seed))]


def spread(values: Sequence[float | None], digits: int) -> str:
    """Return the mean over seeds, with the standard deviation if there are several."""
    said = [value for value in values if value is not None]
    if not said:
        return ""
    mean = f"{fmean(said):.{digits}f}"
    return mean if len(said) == 1 else f"{mean} ± {stdev(said):.{digits}f}"


def origin_line(measured: Sequence[Measurement]) -> str:
    """Say which data, commits and versions the measurements are from."""
    data = dict.fromkeys(one.data for one in measured)
    commits = dict.fromkeys(one.provenance.commit for one in measured)
    versions = dict.fromkeys(
        f"{name} {number}" for one in measured for name, number in one.provenance.versions.items()
    )
    return f"Data: {'; '.join(data)}. Commit {', '.join(commits)}. Versions: {', '.join(versions)}.\n"


def line(cells: Sequence[str]) -> str:
    """Return a row of a markdown table."""
    return f"| {' | '.join(cells)} |"
