"""The tables on recorded data."""

import os
from pathlib import Path

from benchmarks.model_tables.measuring import Selection, chosen_tasks, measure
from benchmarks.model_tables.recorded_tasks import recorded_tasks
from benchmarks.model_tables.result_file import ResultFile
from benchmarks.model_tables.tables import task_table
from qc_daemon.domain.errors import InputError

RESULTS = Path(__file__).parent.parent / "results" / "real.jsonl"


def run(selection: Selection) -> str:
    """Measure what is missing and return the tables.

    Raises:
        InputError: QC_DATA is not set, or the selection names what does not exist.
        DatasetError: a recorded set cannot be read.
    """
    if not os.environ.get("QC_DATA"):
        raise InputError("QC_DATA is not set; expected the folder that holds nirscan_swatches and the others")
    tasks = recorded_tasks(Path(os.environ["QC_DATA"]))
    results = ResultFile(RESULTS)
    measure(tasks, selection, results)
    measured = results.read().values()
    return "\n".join(task_table(task, measured) for task in chosen_tasks(tasks, selection.tasks))
