"""The network's weights as plain arrays, and its graph as ONNX and MINDIR."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from models.ascend_operators import require_ascend_graph
from models.isic_net import IsicNet
from models.isic_net_config import input_shapes, output_names
from models.mindspore_import import ms
from qc_daemon.domain.errors import CheckpointError

Weights = Mapping[str, NDArray[np.float32]]


def weights_of(net: IsicNet) -> dict[str, NDArray[np.float32]]:
    """Return every parameter by its place in the network.

    A parameter's own name will not do: MindSpore changes it when the network becomes part of a loss.
    """
    return {name: parameter.asnumpy() for name, parameter in net.parameters_and_names()}


def load_weights(net: IsicNet, weights: Weights, source: Path) -> None:
    """Load all parameters, by exactly their names and shapes.

    Raises:
        CheckpointError: a parameter is missing, unknown or of another shape.
    """
    expected = dict(net.parameters_and_names())
    for name in sorted(set(expected) ^ set(weights)):
        state = "is missing" if name in expected else "is not of this network"
        raise CheckpointError(f"{source}: {name} {state}; expected the parameters of the configuration")
    for name, parameter in expected.items():
        if parameter.shape != weights[name].shape:
            raise CheckpointError(
                f"{source}: {name} has shape {weights[name].shape}, expected {parameter.shape}"
            )
        parameter.set_data(ms.Tensor(weights[name]))


def export_onnx(net: IsicNet, path: Path) -> None:
    """Write the graph for one specimen at a time, its inputs and outputs under their own names.

    Raises:
        CheckpointError: the graph is not one that an Ascend 310 could serve.
    """
    net.set_train(False)
    names = tuple(input_shapes(net.config))
    ms.export(net, *_example(net), file_name=str(path.with_suffix("")), file_format="ONNX")
    model = onnx.load(path)
    _rename([value.name for value in model.graph.input], names, model.graph)
    _rename([value.name for value in model.graph.output], output_names(net.config), model.graph)
    onnx.checker.check_model(model)
    require_ascend_graph(model, path)
    onnx.save(model, path)


def export_mindir(net: IsicNet, path: Path) -> None:
    """Write the graph for MindSpore's own runtimes, for one specimen at a time."""
    net.set_train(False)
    ms.export(net, *_example(net), file_name=str(path.with_suffix("")), file_format="MINDIR")


def _example(net: IsicNet) -> list[ms.Tensor]:
    return [ms.Tensor(np.zeros(shape, np.float32)) for shape in input_shapes(net.config).values()]


def _rename(old: list[str], new: tuple[str, ...], graph: onnx.GraphProto) -> None:
    """Rename tensors wherever they stand in the graph: the exporter numbers them."""
    names = dict(zip(old, new, strict=True))
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
