"""MindSpore itself: the reference that other runtimes are compared with. Importing this imports it."""

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from models.checkpoint import WEIGHTS, Checkpoint
from models.export import load_weights
from models.isic_net import IsicNet
from models.mindspore_import import ms
from models.runtimes.runtime import Tensors


class MindsporeRuntime:
    """The network built from its configuration, with the checkpoint's weights, as one compiled graph."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        net = IsicNet(checkpoint.manifest.config)
        load_weights(net, load_file(checkpoint.folder / WEIGHTS), checkpoint.folder / WEIGHTS)
        net.set_train(False)
        self._inputs = [spec.name for spec in checkpoint.manifest.inputs]
        self._outputs = [spec.name for spec in checkpoint.manifest.outputs]
        self._run = ms.jit(net.construct)

    def infer(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name."""
        tensors = self._run(*(ms.Tensor(np.asarray(inputs[name], np.float32)) for name in self._inputs))
        values: list[NDArray[np.float32]] = [tensor.asnumpy() for tensor in tensors]
        return dict(zip(self._outputs, values, strict=True))

    def describe(self) -> str:
        """Name the runtime and its version."""
        return f"mindspore {ms.__version__} cpu"

    def close(self) -> None:
        """Nothing to do: MindSpore keeps its caches until the process ends."""
