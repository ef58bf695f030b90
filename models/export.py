"""A network's weights as plain arrays, and its graph as ONNX and MINDIR."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from models.ascend_operators import require_ascend_graph
from models.isic_net import IsicNet
from models.isic_net_config import input_shapes, output_names
from models.mindspore_import import ms, nn
from qc_daemon.domain.errors import CheckpointError

Weights = Mapping[str, NDArray[np.float32]]


def weights_of(net: nn.Cell) -> dict[str, NDArray[np.float32]]:
    """Return every parameter by its place in the network.

    A parameter's own name will not do: MindSpore changes it when the network becomes part of a loss.
    """
    return {name: parameter.asnumpy() for name, parameter in net.parameters_and_names()}


def load_weights(net: nn.Cell, weights: Weights, source: Path) -> None:
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
    export_graph(net, input_shapes(net.config), output_names(net.config), path)


def export_graph(
    net: nn.Cell, inputs: Mapping[str, tuple[int, ...]], outputs: tuple[str, ...], path: Path
) -> None:
    """Write a network as ONNX, for these shapes of its inputs by name, in the order it takes them.

    Raises:
        CheckpointError: the graph is not one that an Ascend 310 could serve.
    """
    net.set_train(False)
    ms.export(net, *_example(inputs), file_name=str(path.with_suffix("")), file_format="ONNX")
    model = onnx.load(path)
    path.unlink()  # the exporter leaves it read-only
    _rename([value.name for value in model.graph.input], tuple(inputs), model.graph)
    _rename([value.name for value in model.graph.output], outputs, model.graph)
    onnx.checker.check_model(model)
    require_ascend_graph(model, path)
    onnx.save(model, path)


def export_mindir(net: IsicNet, path: Path) -> None:
    """Write the graph for MindSpore's own runtimes, for one specimen at a time."""
    net.set_train(False)
    shapes = input_shapes(net.config)
    ms.export(net, *_example(shapes), file_name=str(path.with_suffix("")), file_format="MINDIR")


def _example(shapes: Mapping[str, tuple[int, ...]]) -> list[ms.Tensor]:
    return [ms.Tensor(np.zeros(shape, np.float32)) for shape in shapes.values()]


def _rename(old: list[str], new: tuple[str, ...], graph: onnx.GraphProto) -> None:
    """Rename tensors wherever they stand in the graph: the exporter numbers them."""
    names = dict(zip(old, new, strict=True))
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
