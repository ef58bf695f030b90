"""MindSpore and ONNX Runtime side by side on one checkpoint. Running this imports MindSpore."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from models.checkpoint import Checkpoint
from models.drawn_inputs import drawn_inputs
from models.runtimes.onnx import OnnxRuntime
from models.runtimes.runtime import Runtime, Tensors

PARITY_TOLERANCE = 1e-5
_SUMMED_OVER_FIBRES = ("window_influence", "region_influence")
_SEED = 310
_TIMED_RUNS = 30


@dataclass(frozen=True, slots=True)
class OutputParity:
    """Largest absolute differences of one output: between the two, and of each from the golden output."""

    output: str
    difference: float
    mindspore_from_golden: float
    onnx_from_golden: float


@dataclass(frozen=True, slots=True)
class Parity:
    """What the comparison found.

    Attributes:
        inputs: how many inputs were compared, the golden one among them.
        mindspore_ms, onnx_ms: median time of one specimen, run by turns.
    """

    outputs: tuple[OutputParity, ...]
    inputs: int
    mindspore: str
    onnx: str
    mindspore_ms: float
    onnx_ms: float

    @property
    def ok(self) -> bool:
        """Tell whether all differences are within the tolerance; a NaN is not."""
        return all(
            number <= PARITY_TOLERANCE
            for one in self.outputs
            for number in (one.difference, one.mindspore_from_golden, one.onnx_from_golden)
        )


def compare_runtimes(checkpoint: Checkpoint, drawn: int = 16) -> Parity:
    """Compare the two on the golden inputs and on `drawn` made-up ones, every other without an image."""
    from models.runtimes.mindspore import MindsporeRuntime

    reference, served = MindsporeRuntime(checkpoint), OnnxRuntime(checkpoint.onnx_path)
    config, generator = checkpoint.manifest.config, np.random.default_rng(_SEED)
    inputs = [
        checkpoint.golden_inputs,
        *(drawn_inputs(config, generator, image=number % 2 == 0) for number in range(drawn)),
    ]
    reference_answers = [reference.infer(one) for one in inputs]
    served_answers = [served.infer(one) for one in inputs]
    reference_ms, served_ms = _timed((reference, served), checkpoint.golden_inputs)
    golden = checkpoint.golden_outputs
    outputs = tuple(
        OutputParity(
            name,
            _largest(reference_answers, served_answers, name),
            _largest(reference_answers[:1], [golden], name),
            _largest(served_answers[:1], [golden], name),
        )
        for name in golden
    )
    return Parity(outputs, len(inputs), reference.describe(), served.describe(), reference_ms, served_ms)


def _largest(ours: Sequence[Tensors], theirs: Sequence[Tensors], name: str) -> float:
    """Return the largest difference; of a sum over the fibres, by fibre, as the shares that it sums are."""
    fibres = ours[0]["shares"].shape[-1] if name in _SUMMED_OVER_FIBRES else 1
    return max(
        float(np.max(np.abs(one[name] - other[name]))) / fibres
        for one, other in zip(ours, theirs, strict=True)
    )


def _timed(runtimes: tuple[Runtime, Runtime], inputs: Tensors) -> tuple[float, float]:
    """Return the median milliseconds of each, run by turns so that both meet the same machine."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(_TIMED_RUNS):
        for runtime, times in zip(runtimes, taken, strict=True):
            started = time.perf_counter()
            runtime.infer(inputs)
            times.append(1000.0 * (time.perf_counter() - started))
    return median(taken[0]), median(taken[1])
