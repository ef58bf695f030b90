"""How often a verdict is right: virtual specimens, declared truly and declared falsely.

    python -m benchmarks.verdicts --specimens 200 --seed 987654

A wrong FAIL accuses an honest label, a wrong PASS lets a false one through; REFER costs a wet analysis.
The specimens are virtual, so these are simulated results.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.training.dataset import Dataset
from models.training.predict import predict_dataset
from models.validity import ValidityRange, outside_range
from models.virtual_mill.specimens import write_mill
from qc_daemon.domain.composition import Composition
from qc_daemon.domain.rules import TOLERANCES, Tolerance
from qc_daemon.domain.spectrum import VIRTUAL_SERIAL, InstrumentIdentity
from qc_daemon.domain.verdict import Outcome, judge
from qc_daemon.wiring.cleaning import open_cleaner
from qc_daemon.wiring.lines import falsified, whole_percent_label
from qc_daemon.wiring.station import open_predictor, released_checkpoint

Declared = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_EMULATED = InstrumentIdentity("nirscan-nano", "NIRscan Nano", VIRTUAL_SERIAL, "")


def count_verdicts(
    dataset: Dataset,
    compositions: list[Composition],
    validity: ValidityRange | None,
    tolerance: Tolerance,
    declared: Declared,
) -> Counter[Outcome]:
    """Judge each specimen against the label that `declared` makes of its true shares."""
    counts: Counter[Outcome] = Counter()
    for composition, shares in zip(compositions, dataset.shares, strict=True):
        label = whole_percent_label(dataset.fibres, declared(shares))
        outside = outside_range(validity, composition, label, _EMULATED) if validity else ()
        counts[judge(composition, label, tolerance, outside).outcome] += 1
    return counts


def main() -> None:
    """Judge virtual specimens by each rule and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specimens", type=int, default=200)
    parser.add_argument("--seed", type=int, default=987654)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, open_predictor(released_checkpoint()) as predictor:
        dataset = write_mill(Path(scratch), options.specimens, options.seed)
        compositions = predict_dataset(predictor, open_cleaner(), dataset)
        validity = predictor.validity
    table = Table("rule", "declared", *Outcome, title=f"{options.specimens} virtual specimens (simulated)")
    for tolerance in TOLERANCES.values():
        for name, declared in (("truly", np.copy), ("falsely, by up to 30 points", falsified)):
            counts = count_verdicts(dataset, compositions, validity, tolerance, declared)
            table.add_row(tolerance.name, name, *(str(counts[outcome]) for outcome in Outcome))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
