"""Opens a runtime and lets it serve only if it reproduces the golden outputs."""

from pathlib import Path
from typing import Protocol

import numpy as np

from models.checkpoint import Checkpoint
from models.runtimes.runtime import Runtime, Tensors
from qc_daemon.domain.errors import CheckpointError

GOLDEN_TOLERANCE = 1e-4
# Ascend 310: fp16 has a step of 5e-4 at 1. In emulation the released network differs by 1.6e-2 at most on
# the golden inputs (1.4e-2 in the shares); a wrong graph differs far more.
HALF_PRECISION_TOLERANCE = 2e-2
KINDS = ("onnx", "mindspore")  # on any computer; a new checkpoint is proven in each
ASCEND = "ascend_acl"
# How far a window or a region moves the answer is a difference of shares, which half precision rounds
# more: 2.7e-2 in emulation. It says how tall a bar on the certificate is, not what is answered.
HALF_PRECISION_EVIDENCE_TOLERANCE = 5e-2
_EVIDENCE = frozenset({"window_influence", "region_influence"})
# Which regions are kept follows from their scores, which are compared; between two that are nearly alike
# half precision may choose the other.
_CHOICES = frozenset({"region_kept"})


class Golden(Protocol):
    """Golden answers, and the folder that they are of."""

    @property
    def folder(self) -> Path:
        """The checkpoint's."""
        ...

    @property
    def golden_inputs(self) -> Tensors:
        """Arrays by tensor name."""
        ...

    @property
    def golden_outputs(self) -> Tensors:
        """Arrays by tensor name."""
        ...


def open_runtime(checkpoint: Checkpoint, kind: str) -> Runtime:
    """Return a runtime in this process that reproduces the golden outputs; it is imported only now.

    Raises:
        CheckpointError: no such runtime, or it does not reproduce the golden outputs.
        InferenceUnavailable: the runtime or its device is not there.
    """
    runtime: Runtime
    if kind == "onnx":
        from models.runtimes.onnx import OnnxRuntime

        runtime = OnnxRuntime(checkpoint.onnx_path)
    elif kind == "mindspore":
        from models.runtimes.mindspore import MindsporeRuntime

        runtime = MindsporeRuntime(checkpoint)
    elif kind == ASCEND:
        from models.runtimes.ascend_acl import AscendAclRuntime

        manifest = checkpoint.manifest
        runtime = AscendAclRuntime(checkpoint.om_path, manifest.inputs, manifest.outputs)
    else:
        known = ", ".join((*KINDS, ASCEND))
        raise CheckpointError(f'runtime "{kind}" is not known; expected one of {known}')
    try:
        verify_golden(runtime, checkpoint, half_precision=kind == ASCEND)
    except BaseException:
        runtime.close()
        raise
    return runtime


def verify_golden(runtime: Runtime, checkpoint: Golden, half_precision: bool = False) -> None:
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
        if half_precision and name in _CHOICES:
            continue
        tolerance = _tolerance(name, half_precision)
        deviation = float(np.max(np.abs(answers[name] - expected), initial=0.0))
        if not deviation <= tolerance:  # not >: a NaN must not pass
            raise CheckpointError(
                f"{checkpoint.folder}: {runtime.describe()} differs by {deviation:.2g} in {name}, "
                f"expected at most {tolerance:g} from golden.npz"
            )


def _tolerance(name: str, half_precision: bool) -> float:
    if not half_precision:
        return GOLDEN_TOLERANCE
    return HALF_PRECISION_EVIDENCE_TOLERANCE if name in _EVIDENCE else HALF_PRECISION_TOLERANCE
