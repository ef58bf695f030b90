"""ONNX Runtime on the CPU: what a line computer serves with."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.runtimes.runtime import Tensors
from qc_daemon.domain.errors import CheckpointError, InferenceUnavailable

_most_threads: ContextVar[int | None] = ContextVar("most_threads", default=None)


@contextmanager
def at_most_threads(most: int) -> Iterator[None]:
    """Give each session that is opened in here at most so many threads: the other cores are taken."""
    outer = _most_threads.set(most)
    try:
        yield
    finally:
        _most_threads.reset(outer)


class OnnxRuntime:
    """One session, with one thread unless told otherwise, which does not spin between requests."""

    def __init__(self, graph: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(threads, _most_threads.get() or threads)
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(graph), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises types of its own, without a common base
            raise CheckpointError(f"{graph}: onnxruntime cannot load it ({error})") from error
        self._names = [output.name for output in self._session.get_outputs()]

    def infer(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name."""
        try:
            values: list[NDArray[np.float32]] = self._session.run(self._names, dict(inputs))
        except Exception as error:
            raise InferenceUnavailable(f"onnxruntime: {error}") from error
        return dict(zip(self._names, values, strict=True))

    def describe(self) -> str:
        """Name the runtime and its version."""
        return f"onnxruntime {onnxruntime.__version__} cpu"

    def close(self) -> None:
        """Nothing to do: the session ends with the object."""
