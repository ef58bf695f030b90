import itertools
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.half_precision import half_precision_cost
from models.ascend_half_precision import LARGEST_HALF, HalfPrecisionRuntime
from models.checkpoint import RELEASED, load_checkpoint
from models.virtual_mill.specimens import write_mill


def scaling_graph(*factors: float) -> onnx.ModelProto:
    """x times each factor in turn."""
    names = ["x", *(f"y{number}" for number in range(1, len(factors))), "y"]
    nodes = [
        helper.make_node("Mul", [source, f"w{number}"], [target])
        for number, (source, target) in enumerate(itertools.pairwise(names))
    ]
    weights = [
        numpy_helper.from_array(np.array([factor], np.float32), f"w{number}")
        for number, factor in enumerate(factors)
    ]
    graph = helper.make_graph(
        nodes,
        "scaling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1,))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1,))],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)])


def answer_of(model: onnx.ModelProto, value: float) -> float:
    return float(HalfPrecisionRuntime(model).infer({"x": np.array([value], np.float32)})["y"][0])


def test_inputs_weights_and_results_have_eleven_bits() -> None:
    assert answer_of(scaling_graph(1.0), 1.0 + 2.0**-12) == 1.0
    assert answer_of(scaling_graph(1.0 + 2.0**-12), 1.0) == 1.0
    assert answer_of(scaling_graph(1.0 + 2.0**-10, 1.0 + 2.0**-10), 1.0) == 1.0 + 2.0**-9


def test_what_leaves_the_range_is_seen_even_if_it_comes_back() -> None:
    assert answer_of(scaling_graph(256.0, 2.0**-8), 128.0) == 128.0
    assert answer_of(scaling_graph(256.0, 2.0**-8), 512.0) == float("inf")
    assert answer_of(scaling_graph(2.0**-13, 2.0**13), 2.0**-13) == 0.0


def test_the_model_that_was_given_is_left_alone() -> None:
    model = scaling_graph(1.0 + 2.0**-12)
    before = model.SerializeToString()
    HalfPrecisionRuntime(model)
    assert model.SerializeToString() == before


def test_half_precision_costs_the_released_network_next_to_nothing(tmp_path: Path) -> None:
    cost = half_precision_cost(load_checkpoint(RELEASED), write_mill(tmp_path, 24, 310))
    assert cost.not_finite == 0
    assert cost.magnitude < LARGEST_HALF / 2
    assert 0.0 < cost.largest_pp < 3.0
    assert cost.other_main_fibres <= 1
    assert abs(cost.half.mae_pp - cost.single.mae_pp) < 0.1
    assert cost.half.coverage is not None
    assert cost.single.coverage is not None
    assert abs(cost.half.coverage - cost.single.coverage) < 0.03
