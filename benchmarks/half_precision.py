"""What half precision costs the released network: the same specimens in fp32 and as an Ascend 310 rounds.

    python -m benchmarks.half_precision --specimens 300

The specimens are virtual, so these are simulated results; the 310 itself is emulated
(`models/ascend_half_precision.py`).
"""

import argparse
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.ascend_half_precision import LARGEST_HALF, HalfPrecisionRuntime
from models.checkpoint import RELEASED, Checkpoint, load_checkpoint
from models.composition_predictor import IsicPredictor
from models.filling_methods import TELEA
from models.image_cleaner import DebrisCleaner
from models.runtimes.onnx import OnnxRuntime
from models.runtimes.runtime import Runtime, Tensors
from models.training.dataset import Dataset
from models.training.evaluate import EvaluationRow, evaluate
from models.virtual_mill.specimens import write_mill


@dataclass(frozen=True, slots=True, eq=False)
class HalfPrecisionCost:
    """What rounding changed.

    Attributes:
        single, half: the task's metrics in either precision.
        largest_pp, mean_pp: difference of a share between the two, percentage points.
        other_main_fibres, other_regions: specimens whose largest share, or whose kept regions, differ.
        not_finite: numbers that were infinite or no number, anywhere in the network.
        magnitude: the largest absolute value, anywhere in the network, before rounding.
    """

    single: EvaluationRow
    half: EvaluationRow
    largest_pp: float
    mean_pp: float
    other_main_fibres: int
    other_regions: int
    not_finite: int
    magnitude: float


def half_precision_cost(checkpoint: Checkpoint, dataset: Dataset) -> HalfPrecisionCost:
    """Evaluate a checkpoint on a dataset in either precision."""
    half_network = HalfPrecisionRuntime(onnx.load(checkpoint.onnx_path), all_tensors=True)
    single, half = _Watched(OnnxRuntime(checkpoint.onnx_path)), _Watched(half_network)
    cleaner = DebrisCleaner(TELEA)
    rows = [evaluate(IsicPredictor(checkpoint, one), cleaner, dataset)[0] for one in (single, half)]
    in_single, in_half = np.concatenate(single.shares), np.concatenate(half.shares)
    difference = 100.0 * np.abs(in_single - in_half)
    kept = [a != b for a, b in zip(single.kept, half.kept, strict=True)]
    return HalfPrecisionCost(
        single=rows[0],
        half=rows[1],
        largest_pp=float(difference.max()),
        mean_pp=float(difference.mean()),
        other_main_fibres=int((in_single.argmax(axis=1) != in_half.argmax(axis=1)).sum()),
        other_regions=sum(bool(one.any()) for one in kept),
        not_finite=half.not_finite,
        magnitude=half.magnitude,
    )


@dataclass
class _Watched:
    """A runtime that keeps what it answered and watches every tensor that it is shown."""

    runtime: Runtime
    shares: list[NDArray[np.float32]] = field(default_factory=list)
    kept: list[NDArray[np.float32]] = field(default_factory=list)
    not_finite: int = 0
    magnitude: float = 0.0

    def infer(self, inputs: Tensors) -> Tensors:
        answer = self.runtime.infer(inputs)
        self.shares.append(answer["shares"])
        self.kept.append(answer.get("region_kept", np.zeros((1, 0), np.float32)))
        for values in answer.values():
            self.not_finite += int((~np.isfinite(values)).sum())
            self.magnitude = max(self.magnitude, float(np.abs(values).max(initial=0.0)))
        return answer

    def describe(self) -> str:
        return self.runtime.describe()

    def close(self) -> None:
        self.runtime.close()


def as_table(cost: HalfPrecisionCost) -> Table:
    """Return the metrics in either precision for people."""
    table = Table("precision", "accuracy", "error, pp", "coverage", "width, pp", title="half precision")
    for name, row in (("fp32", cost.single), ("fp16, emulated", cost.half)):
        table.add_row(
            name, f"{row.accuracy:.3f}", f"{row.mae_pp:.3f}", f"{row.coverage:.3f}", f"{row.width_pp:.2f}"
        )
    return table


def sentence(cost: HalfPrecisionCost) -> str:
    """Return what rounding changed for people."""
    return (
        f"{cost.single.n_specimens} virtual specimens (simulated): a share differs by at most "
        f"{cost.largest_pp:.2f} pp, {cost.mean_pp:.3f} on average; another main fibre in "
        f"{cost.other_main_fibres}, other kept regions in {cost.other_regions}; {cost.not_finite} numbers "
        f"not finite; largest magnitude {cost.magnitude:.0f} of {LARGEST_HALF:.0f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specimens", type=int, default=300)
    parser.add_argument("--seed", type=int, default=310)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        dataset = write_mill(Path(scratch), options.specimens, options.seed)
        cost = half_precision_cost(load_checkpoint(RELEASED), dataset)
    Console(width=100).print(as_table(cost))
    print(sentence(cost))


if __name__ == "__main__":
    main()
