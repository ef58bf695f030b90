"""What the compiler for an Ascend 310 documents that it takes, checked on a graph without the compiler.

The operators are those of the page "支持ONNX算子清单" of CANN 5.0.4.6, of the time when the 310 was current
(hiascend.com/doc_center/source/zh/canncommercial/5046/reference/fwoperatorlist/operatorlist_0071.html).
CANN 8.0.0, the last whole release whose documents name the 310, lists them too. The page says that an
operator is known, not that it runs on the 310's AI core rather than on its slow processor: only a device
can tell.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
from onnx import TensorProto, shape_inference

from qc_daemon.domain.errors import CheckpointError

LATEST_OPSET = 13
HIGHEST_RANK = 5
# Spelled as ONNX does. Left out: operators of Ascend's own, those of networks with more than one way through
# or a size that depends on values (If, NonZero, NonMaxSuppression), and random ones.
_LISTED = """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BitShift Cast
    Ceil Celu Clip Compress Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum DepthToSpace
    Det Div Dropout Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements GatherND Gemm
    GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish Hardmax Identity
    InstanceNormalization LRN LSTM LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization LpPool MatMul
    Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization Min Mod Mul Neg Not OneHot Or PRelu Pad
    Pow Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin
    ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ReverseSequence RoiAlign Round Scatter
    ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign
    SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh ThresholdedRelu Tile TopK Transpose Unsqueeze Where Xor
"""
KNOWN_OPERATORS = frozenset(_LISTED.split())
# Where an operator takes its shape, axes or indices: the only places for 64-bit integers.
_INDEX_INPUTS = {
    "Expand": {1}, "Gather": {1}, "GatherElements": {1}, "GatherND": {1}, "Pad": {1}, "ReduceSum": {1},
    "Reshape": {1}, "Resize": {3}, "Slice": {1, 2, 3, 4}, "Split": {1}, "Squeeze": {1}, "Tile": {1},
    "TopK": {1}, "Unsqueeze": {1},
}  # fmt: skip
_INDEX_MAKERS = frozenset({"Constant", "TopK"})


def require_ascend_graph(model: onnx.ModelProto, path: Path) -> None:
    """Refuse a graph that the compiler for a 310 would not take by its documentation.

    Raises:
        CheckpointError: names the file, the first problem and how many there are.
    """
    problems = ascend_problems(model)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise CheckpointError(f"{path}: not for an Ascend 310: {problems[0]}{more}")


def ascend_problems(model: onnx.ModelProto) -> list[str]:
    """Return what of a graph is outside the documented, one line each; empty if nothing is."""
    inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True).graph
    checks: tuple[Callable[[onnx.GraphProto], Iterator[str]], ...] = (
        _unknown_operators,
        _moving_shapes,
        _high_ranks,
        _wide_integers,
        _strange_outputs,
    )
    problems = list(_late_opsets(model))
    for check in checks:
        problems.extend(check(inferred))
    return problems


def _late_opsets(model: onnx.ModelProto) -> Iterator[str]:
    for opset in model.opset_import:
        if opset.domain or opset.version > LATEST_OPSET:
            name = opset.domain or "ai.onnx"
            yield f"opset {name} {opset.version}, expected ai.onnx up to {LATEST_OPSET}"


def _unknown_operators(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        if node.op_type not in KNOWN_OPERATORS:
            yield f"operator {node.op_type} of {node.name} is not in the list of CANN 5.0.4.6"


def _moving_shapes(graph: onnx.GraphProto) -> Iterator[str]:
    """Every tensor has a type and a static shape, also inside the graph."""
    values = {value.name: value for value in _values(graph)}
    for name in (name for node in graph.node for name in node.output if name):
        if name not in values:
            yield f"{name}: its shape cannot be inferred"
    for value in values.values():
        if not all(dim.dim_value > 0 for dim in value.type.tensor_type.shape.dim):
            yield f"{value.name}: its shape is not static"


def _high_ranks(graph: onnx.GraphProto) -> Iterator[str]:
    for value in _values(graph):
        rank = len(value.type.tensor_type.shape.dim)
        if rank > HIGHEST_RANK:
            yield f"{value.name}: rank {rank}, expected at most {HIGHEST_RANK}"


def _wide_integers(graph: onnx.GraphProto) -> Iterator[str]:
    """64-bit integers are made by constants and TopK, and go where shapes, axes and indices go."""
    wide = {value.name for value in _values(graph) if _type_of(value) == TensorProto.INT64}
    wide |= {weights.name for weights in graph.initializer if weights.data_type == TensorProto.INT64}
    for node in graph.node:
        if node.op_type not in _INDEX_MAKERS and wide.intersection(node.output):
            yield f"{node.op_type} of {node.name} makes 64-bit integers"
        places = {place for place, name in enumerate(node.input) if name in wide}
        if node.op_type != "Cast" and not places <= _INDEX_INPUTS.get(node.op_type, set()):
            yield f"{node.op_type} of {node.name} computes with 64-bit integers"


def _strange_outputs(graph: onnx.GraphProto) -> Iterator[str]:
    for value in (*graph.input, *graph.output):
        if _type_of(value) != TensorProto.FLOAT:
            type_name = TensorProto.DataType.Name(_type_of(value))
            yield f"{value.name}: {type_name} enters or leaves the graph, expected FLOAT"


def _values(graph: onnx.GraphProto) -> Iterator[onnx.ValueInfoProto]:
    yield from graph.input
    yield from graph.value_info
    yield from graph.output


def _type_of(value: onnx.ValueInfoProto) -> int:
    elem_type: int = value.type.tensor_type.elem_type
    return elem_type
