"""Opens a runtime and lets it serve only if it reproduces the golden outputs."""

import numpy as np

from models.checkpoint import Checkpoint
from models.runtimes.runtime import Runtime
from qc_daemon.domain.errors import CheckpointError

GOLDEN_TOLERANCE = 1e-4
KINDS = ("onnx", "mindspore")


def open_runtime(checkpoint: Checkpoint, kind: str) -> Runtime:
    """Return a runtime in this process that reproduces the golden outputs; it is imported only now.

    Raises:
        CheckpointError: no such runtime, or it does not reproduce the golden outputs.
    """
    runtime: Runtime
    if kind == "onnx":
        from models.runtimes.onnx import OnnxRuntime

        runtime = OnnxRuntime(checkpoint.onnx_path)
    elif kind == "mindspore":
        from models.runtimes.mindspore import MindsporeRuntime

        runtime = MindsporeRuntime(checkpoint)
    else:
        raise CheckpointError(f'runtime "{kind}" is not known; expected one of {", ".join(KINDS)}')
    verify_golden(runtime, checkpoint)
    return runtime


def verify_golden(runtime: Runtime, checkpoint: Checkpoint) -> None:
    """Refuse a runtime that does not reproduce the golden outputs.

    Raises:
        CheckpointError: names the output and the deviation.
    """
    answers = runtime.infer(checkpoint.golden_inputs)
    for name, expected in checkpoint.golden_outputs.items():
        if name not in answers or answers[name].shape != expected.shape:
            raise CheckpointError(
                f"{checkpoint.folder}: {runtime.describe()} gives no {name} of shape {expected.shape}"
            )
        deviation = float(np.max(np.abs(answers[name] - expected), initial=0.0))
        if not deviation <= GOLDEN_TOLERANCE:  # not >: a NaN must not pass
            raise CheckpointError(
                f"{checkpoint.folder}: {runtime.describe()} differs by {deviation:.2g} in {name}, "
                f"expected at most {GOLDEN_TOLERANCE:g} from golden.npz"
            )
