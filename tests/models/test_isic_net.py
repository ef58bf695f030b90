import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from tiny_isic import tiny_checkpoint, tiny_config

from models.checkpoint import ONNX
from models.isic_net import IsicNet
from models.isic_net_config import IsicNetConfig, output_names
from models.mindspore_import import ms
from models.training.isic_fitting import LinearAnchor, place_anchor

ABLATIONS = {
    "signal": (False, False, False, False),
    "image": (True, False, False, False),
    "region generation": (True, True, False, False),
    "cross attention": (True, True, True, False),
    "reconstruction": (True, True, True, True),
}

# Operators that CANN 5.0.4, of the time of the Ascend 310, converts from ONNX (its operator list page),
# as far as this network could need them.
ASCEND_310_OPERATORS = {
    "Add", "BatchNormalization", "Cast", "Concat", "Constant", "Conv", "Div", "GatherElements", "Gemm",
    "Identity", "Less", "Log", "MatMul", "Mul", "Not", "Pow", "ReduceMean", "ReduceSum", "ReduceSumSquare",
    "Relu", "Reshape", "Sigmoid", "Slice", "Softmax", "Sqrt", "Squeeze", "Sub", "Tanh", "Tile", "TopK",
    "Transpose",
}  # fmt: skip


def build(**parts: bool) -> IsicNet:
    ms.set_seed(1)
    net = IsicNet(tiny_config(**parts))
    net.set_train(False)
    return net


def inputs(config: IsicNetConfig, batch: int = 2, seed: int = 0) -> list[ms.Tensor]:
    generator = np.random.default_rng(seed)
    signal = generator.standard_normal((batch, 2, config.bands), dtype=np.float32)
    image = generator.standard_normal((batch, 1, config.image_px, config.image_px), dtype=np.float32)
    arrays = [signal, image, np.ones((batch, 1), np.float32)] if config.image else [signal]
    return [ms.Tensor(array) for array in arrays]


@pytest.mark.parametrize("name", ABLATIONS)
def test_each_part_can_be_switched_off(name: str) -> None:
    image, region_generation, cross_attention, reconstruction = ABLATIONS[name]
    net = build(
        image=image, region_generation=region_generation, cross_attention=cross_attention,
        reconstruction=reconstruction,
    )  # fmt: skip
    outputs = [tensor.asnumpy() for tensor in net(*inputs(net.config))]
    named = dict(zip(output_names(net.config), outputs, strict=True))
    assert all(np.isfinite(output).all() for output in outputs)
    np.testing.assert_allclose(named["shares"].sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(named["window_weights"].sum(axis=1), 1.0, atol=1e-5)
    assert ("region_scores" in named) == image
    assert ("reconstruction" in named) == reconstruction


def test_without_an_image_the_pixels_change_nothing() -> None:
    net = build()
    signal, image, _ = inputs(net.config)
    absent = ms.Tensor(np.zeros((2, 1), np.float32))
    first = [tensor.asnumpy() for tensor in net(signal, image, absent)]
    second = [tensor.asnumpy() for tensor in net(signal, image * 3.0 + 1.0, absent)]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)  # rounding differs between two calls


def test_with_an_image_the_pixels_matter() -> None:
    net = build()
    head = net.fused_answer.shares
    head.weight.set_data(
        ms.Tensor(np.random.default_rng(0).standard_normal(head.weight.shape).astype(np.float32))
    )
    signal, image, present = inputs(net.config)
    first = net(signal, image, present)[1].asnumpy()
    second = net(signal, image[:, :, ::-1] * 0.5, present)[1].asnumpy()
    assert np.abs(first - second).max() > 1e-4


def test_region_generation_keeps_k_regions() -> None:
    net = build()
    named = dict(zip(output_names(net.config), net(*inputs(net.config)), strict=True))
    kept = named["region_kept"].asnumpy()
    scores = named["region_scores"].asnumpy()
    assert (kept.sum(axis=1) == net.config.regions_kept).all()
    for row in range(len(kept)):
        assert scores[row][kept[row] > 0].min() >= scores[row][kept[row] == 0].max()


def test_an_untrained_network_answers_with_its_linear_calibration() -> None:
    net = build(image=False, region_generation=False, cross_attention=False)
    generator = np.random.default_rng(3)
    anchor = LinearAnchor(generator.normal(0, 0.02, (3, 80)), np.array([0.5, 0.3, 0.2]), 3)
    place_anchor(net, anchor)
    (signal,) = inputs(net.config, batch=8)
    linear = signal.asnumpy().reshape(8, -1) @ anchor.weight.T + anchor.bias
    positive = 0.5 * (linear + np.sqrt(linear**2 + 1e-3))
    expected = positive / positive.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(net(signal)[1].asnumpy(), expected, atol=1e-4)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples"):
        replace(tiny_config(), bands=41)
    with pytest.raises(ValueError, match="need image"):
        tiny_config(image=False)
    with pytest.raises(ValueError, match="at most"):
        replace(tiny_config(), regions_kept=5)


def test_the_exported_graph_keeps_to_operators_that_an_ascend_310_converts() -> None:
    model = onnx.load(tiny_checkpoint().folder / ONNX)
    assert {node.op_type for node in model.graph.node} <= ASCEND_310_OPERATORS
    for value in (*model.graph.input, *model.graph.output):
        dimensions = value.type.tensor_type.shape.dim
        assert all(dimension.dim_value > 0 for dimension in dimensions), value.name
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_serving_does_not_import_mindspore() -> None:
    modules = (
        "models.composition_predictor", "models.runtimes.worker", "models.runtimes.onnx", "models.checkpoint",
        "models.training.predict", "models.training.evaluate",
    )  # fmt: skip
    code = f"import sys; [__import__(name) for name in {modules}]; sys.exit('mindspore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_instruction_set_is_capped_before_mindspore_loads() -> None:
    code = "import os; os.environ.pop('ONEDNN_MAX_CPU_ISA', None); import models.mindspore_import as m; "
    code += "print(os.environ[m.ISA_CAP])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "AVX2"
