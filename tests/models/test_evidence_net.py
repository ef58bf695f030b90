"""The evidence that the network returns of its wavelength windows."""

from functools import cache

import numpy as np
import pytest
from tiny_isic import tiny_config, tiny_examples

from models.export import export_onnx
from models.isic_net import HiddenWindows, IsicNet
from models.isic_net_config import IsicNetConfig, output_names
from models.mindspore_import import ms
from models.preprocessing import signal_channels, standardised
from models.runtimes.onnx import OnnxRuntime
from models.training.drawn_fits import drawn_anchor
from models.training.isic_fitting import place_anchor

EVERY_PART = ("image", "region_generation", "cross_attention", "reconstruction")


@cache
def net_with(*parts: str) -> IsicNet:
    """A network that answers by its linear calibration, moved a little by heads that are not zero."""
    ms.set_seed(3)
    net = IsicNet(tiny_config(**{part: part in parts for part in EVERY_PART}, window_evidence=True))
    generator = np.random.default_rng(4)
    heads = [net.signal_answer] + ([net.fused_answer] if "image" in parts else [])
    for head in heads:
        drawn = generator.normal(0.0, 0.3, head.shares.weight.shape).astype(np.float32)
        head.shares.weight.set_data(ms.Tensor(drawn))
    place_anchor(net, drawn_anchor(tiny_examples(), 0))
    net.set_train(False)
    return net


def inputs(config: IsicNetConfig, rows: int = 2, present: float = 1.0) -> list[np.ndarray]:
    examples = tiny_examples()
    assert examples.images is not None
    signal = signal_channels(examples.absorbance[:rows])
    side = config.image_px
    image = standardised(examples.images[:rows, None, :side, :side].astype(np.float32))
    return [signal, image, np.full((rows, 1), present, np.float32)] if config.image else [signal]


def answer(net: IsicNet, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
    outputs = net(*(ms.Tensor(array) for array in arrays))
    return {name: tensor.asnumpy() for name, tensor in zip(output_names(net.config), outputs, strict=True)}


def bridged(signal: np.ndarray, window: int, per_window: int) -> np.ndarray:
    """Hide a window by what `np.interp` puts between its neighbours."""
    bands = np.arange(signal.shape[-1])
    known = bands // per_window != window
    rows = [np.interp(bands, bands[known], row[known]) for row in signal.reshape(-1, len(bands))]
    return np.array(rows, np.float32).reshape(signal.shape)


def test_a_region_moves_the_answer_as_far_as_not_counting_it_does() -> None:
    net = net_with(*EVERY_PART)
    regions, fibres = net.config.regions, net.config.fibres
    generator = np.random.default_rng(5)
    shown = ms.Tensor(generator.normal(0.0, 2.0, (1, 4 * regions, fibres + 1)).astype(np.float32))
    scores = generator.uniform(0.2, 1.0, (1, regions)).astype(np.float32)
    without = net.count.without_each(shown, ms.Tensor(scores)).asnumpy()
    for region in range(regions):
        left = scores.copy()
        left[0, region] = 0.0  # a region that weighs nothing is not counted
        expected = net.count.counted(shown, ms.Tensor(left)).asnumpy()
        np.testing.assert_allclose(without[:, region], expected, atol=1e-5)


def test_each_copy_bridges_one_window_and_leaves_the_rest() -> None:
    config = tiny_config(window_evidence=True)
    signal = np.random.default_rng(0).normal(size=(2, 2, config.bands)).astype(np.float32)
    copies = HiddenWindows(config)(ms.Tensor(signal)).asnumpy()
    copies = copies.reshape(2, config.windows, 2, config.bands)
    for window in range(config.windows):
        expected = bridged(signal, window, config.bands // config.windows)
        np.testing.assert_allclose(copies[:, window], expected, atol=1e-6)


@pytest.mark.parametrize("parts", [(), EVERY_PART])
def test_influence_is_the_share_that_is_answered_otherwise(parts: tuple[str, ...]) -> None:
    net = net_with(*parts)
    arrays = inputs(net.config)
    whole = answer(net, arrays)
    assert whole["window_influence"].max() > 0.01
    own = answer(net, [arrays[0], *arrays[1:2], *[0.0 * a for a in arrays[2:]]])
    for window in range(net.config.windows):
        hidden = bridged(arrays[0], window, net.config.bands // net.config.windows)
        moved = answer(net, [hidden, *arrays[1:2], *[0.0 * a for a in arrays[2:]]])
        held = whole["shares"] / own["shares"]  # what the image adds, as a factor of each share
        shares = moved["shares"] * held
        shares /= shares.sum(axis=1, keepdims=True)
        expected = 0.5 * np.abs(shares - whole["shares"]).sum(axis=1)
        np.testing.assert_allclose(whole["window_influence"][:, window], expected, atol=1e-4)


def test_the_attention_of_isica_is_a_weight_of_windows_and_nothing_without_an_image() -> None:
    net = net_with(*EVERY_PART)
    attention = answer(net, inputs(net.config))["window_attention"]
    assert attention.min() >= 0.0
    np.testing.assert_allclose(attention.sum(axis=1), 1.0, atol=1e-5)
    assert not answer(net, inputs(net.config, present=0.0))["window_attention"].any()


def test_without_an_image_influence_is_that_of_the_spectrum_alone() -> None:
    both, alone = net_with(*EVERY_PART), net_with()
    absent = inputs(both.config, present=0.0)
    for parameter, other in zip(
        alone.signal_encoder.get_parameters(), both.signal_encoder.get_parameters(), strict=True
    ):
        parameter.set_data(other)
    for parameter, other in zip(
        alone.signal_answer.get_parameters(), both.signal_answer.get_parameters(), strict=True
    ):
        parameter.set_data(other)
    first, second = answer(both, absent), answer(alone, absent[:1])
    np.testing.assert_allclose(first["window_influence"], second["window_influence"], atol=1e-6)


def test_the_exported_graph_returns_the_same_evidence(tmp_path) -> None:
    net = net_with(*EVERY_PART)
    export_onnx(net, tmp_path / "graph.onnx")
    arrays = inputs(net.config, rows=1)
    expected = answer(net, arrays)
    got = OnnxRuntime(tmp_path / "graph.onnx").infer(
        dict(zip(("signal", "image", "image_present"), arrays, strict=True))
    )
    for name in ("window_influence", "window_attention"):
        np.testing.assert_allclose(got[name], expected[name], atol=1e-5)


def test_a_checkpoint_of_before_returns_what_it_always_did() -> None:
    names = output_names(tiny_config())
    assert names[-1] == "reconstruction"
    assert output_names(tiny_config(window_evidence=True))[: len(names)] == names
