from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.ascend_operators import ascend_problems, require_ascend_graph
from models.checkpoint import RELEASED, load_checkpoint
from qc_daemon.domain.errors import CheckpointError


def graph_of(
    nodes: list[onnx.NodeProto],
    shape: tuple[object, ...] = (1, 4),
    made: tuple[int, tuple[object, ...]] = (TensorProto.FLOAT, (1, 4)),
    opset: int = 11,
    weights: dict[str, np.ndarray] | None = None,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", *made)],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def test_the_released_graph_is_within_what_is_documented_for_a_310() -> None:
    path = load_checkpoint(RELEASED).onnx_path
    model = onnx.load(path)
    assert ascend_problems(model) == []
    require_ascend_graph(model, path)


def test_a_small_sound_graph_has_no_problem() -> None:
    k = np.array([2], np.int64)
    nodes = [
        helper.make_node("TopK", ["x", "k"], ["best", "index"], axis=1),
        helper.make_node("GatherElements", ["x", "index"], ["y"], axis=1),
    ]
    assert ascend_problems(graph_of(nodes, made=(TensorProto.FLOAT, (1, 2)), weights={"k": k})) == []


def changed(change: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    """The released graph with one thing wrong."""
    model = onnx.load(load_checkpoint(RELEASED).onnx_path)
    change(model)
    return model


def test_an_operator_that_is_not_listed_is_named() -> None:
    nodes = [helper.make_node("GridSample", ["x", "g"], ["y"], "warp")]
    warping = graph_of(nodes, (1, 1, 4, 4), (TensorProto.FLOAT, (1, 1, 2, 2)), 16, {
        "g": np.zeros((1, 2, 2, 2), np.float32)
    })  # fmt: skip
    problems = ascend_problems(warping)
    assert problems[0] == "opset ai.onnx 16, expected ai.onnx up to 13"
    assert problems[1] == "operator GridSample of warp is not in the list of CANN 5.0.4.6"


@pytest.mark.parametrize("operator", ["NonZero", "If", "Loop", "SequenceEmpty", "LayerNormalization"])
def test_operators_without_a_static_shape_or_a_kernel_are_not_in_the_list(operator: str) -> None:
    from models.ascend_operators import KNOWN_OPERATORS

    assert operator not in KNOWN_OPERATORS


def test_a_batch_that_may_grow_is_refused() -> None:
    model = graph_of([helper.make_node("Relu", ["x"], ["y"])], ("n", 4), (TensorProto.FLOAT, ("n", 4)))
    assert ascend_problems(model) == ["x: its shape is not static", "y: its shape is not static"]
    first = changed(lambda model: model.graph.input[0].type.tensor_type.shape.dim[0].Clear())
    with pytest.raises(CheckpointError, match=r"model\.onnx: not for an Ascend 310: .*\(and \d+ more\)"):
        require_ascend_graph(first, Path("model.onnx"))


def test_a_rank_of_six_is_refused() -> None:
    shape = np.array([1, 1, 1, 1, 2, 2], np.int64)
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    model = graph_of(nodes, made=(TensorProto.FLOAT, (1, 1, 1, 1, 2, 2)), weights={"shape": shape})
    assert ascend_problems(model) == ["y: rank 6, expected at most 5"]


def test_an_output_of_wide_integers_is_refused() -> None:
    nodes = [helper.make_node("TopK", ["x", "k"], ["best", "y"], axis=1)]
    model = graph_of(nodes, made=(TensorProto.INT64, (1, 2)), weights={"k": np.array([2], np.int64)})
    assert ascend_problems(model) == ["y: INT64 enters or leaves the graph, expected FLOAT"]


def test_arithmetic_on_indices_is_refused() -> None:
    nodes = [
        helper.make_node("TopK", ["x", "k"], ["best", "index"], axis=1),
        helper.make_node("Add", ["index", "one"], ["next"], "shift"),
        helper.make_node("GatherElements", ["x", "next"], ["y"], axis=1),
    ]
    weights = {"k": np.array([2], np.int64), "one": np.array([1], np.int64)}
    assert ascend_problems(graph_of(nodes, made=(TensorProto.FLOAT, (1, 2)), weights=weights)) == [
        "Add of shift makes 64-bit integers",
        "Add of shift computes with 64-bit integers",
    ]
