"""What an Ascend 310 would answer, as far as that can be told without one: the graph in half precision.

The 310 computes in fp16. Here every weight is rounded to fp16, and every result of a node passes
through fp16 before the next node reads it, while the sums inside a node keep fp32 as the 310's
accumulators mostly do. It shows what rounding costs and where values leave fp16's range; it says
nothing of the device's own kernels.
"""

from collections.abc import Iterator

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, shape_inference

from models.runtimes.runtime import Tensors
from qc_daemon.domain.errors import InferenceUnavailable

LARGEST_HALF = 65504.0  # IEEE 754 binary16

_SINGLE, _HALF = TensorProto.FLOAT, TensorProto.FLOAT16


class HalfPrecisionRuntime:
    """Runs a graph in emulated half precision with onnxruntime; a `models.runtimes.runtime.Runtime`."""

    def __init__(self, model: onnx.ModelProto, all_tensors: bool = False) -> None:
        """Prepare a session; with `all_tensors`, `infer` also returns what every node made."""
        rounded = half_precision_graph(model)
        if all_tensors:
            _return_everything(rounded)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # An optimised graph may lose the casts, and with them what is to be measured.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            rounded.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._names = [output.name for output in self._session.get_outputs()]

    def infer(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name, in fp32 with the values that fp16 holds."""
        try:
            values: list[NDArray[np.float32]] = self._session.run(self._names, dict(inputs))
        except Exception as error:  # onnxruntime raises types of its own, without a common base
            raise InferenceUnavailable(f"onnxruntime: {error}") from error
        return dict(zip(self._names, values, strict=True))

    def describe(self) -> str:
        """Name the runtime and its version."""
        return f"onnxruntime {onnxruntime.__version__} cpu, emulating half precision"

    def close(self) -> None:
        """Nothing to do: the session ends with the object."""


def half_precision_graph(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with fp16 weights and every fp32 input and result taken through fp16."""
    rounded = onnx.ModelProto()
    rounded.CopyFrom(model)
    graph = rounded.graph
    for weights in graph.initializer:
        _round_weights(weights)
    single = _single_precision_tensors(model)
    entering = {value.name for value in graph.input} & single
    nodes = [node for name in sorted(entering) for node in _through_half(name, f"{name}/half")]
    for node in graph.node:
        nodes.extend(_rounded_node(node, entering, single))
    del graph.node[:]
    graph.node.extend(nodes)
    return rounded


def _rounded_node(node: onnx.NodeProto, entering: set[str], single: set[str]) -> Iterator[onnx.NodeProto]:
    """Yield the node, reading rounded inputs, and the casts that round what it makes."""
    node.input[:] = [f"{name}/half" if name in entering else name for name in node.input]
    for attribute in node.attribute:
        if attribute.HasField("t"):
            _round_weights(attribute.t)
    made = [name for name in node.output if name in single]
    node.output[:] = [f"{name}/single" if name in single else name for name in node.output]
    yield node
    for name in made:
        yield from _through_half(f"{name}/single", name)


def _through_half(source: str, target: str) -> tuple[onnx.NodeProto, onnx.NodeProto]:
    between = f"{target}/fp16"
    return (
        helper.make_node("Cast", [source], [between], name=f"{between}/to", to=_HALF),
        helper.make_node("Cast", [between], [target], name=f"{between}/from", to=_SINGLE),
    )


def _round_weights(tensor: onnx.TensorProto) -> None:
    if tensor.data_type == _SINGLE:
        with np.errstate(over="ignore"):  # beyond fp16 becomes infinite, and the scan will say so
            half = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half.astype(np.float32), tensor.name))


def _single_precision_tensors(model: onnx.ModelProto) -> set[str]:
    graph = shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    return {value.name for value in values if value.type.tensor_type.elem_type == _SINGLE}


def _return_everything(model: onnx.ModelProto) -> None:
    """Make an output of every fp32 tensor that a node computes."""
    known = {value.name for value in model.graph.output}
    graph = shape_inference.infer_shapes(model, strict_mode=True).graph
    model.graph.output.extend(
        value
        for value in graph.value_info
        if value.type.tensor_type.elem_type == _SINGLE and value.name not in known
    )
