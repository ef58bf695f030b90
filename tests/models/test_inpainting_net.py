"""PMPN's parts against arithmetic done by hand, and what the whole promises whatever its weights."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.inpainting_net import (
    GatedFusion,
    PartialConv,
    Pmpn,
    StagePerception,
    borrowed_blocks,
)
from models.inpainting_net_config import PmpnConfig, input_shapes
from models.mindspore_import import ms

TINY = PmpnConfig(width=8, levels=4)
SIDE_PX = 32


def _inputs(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    generator = np.random.default_rng(seed)
    arrays = {name: generator.normal(size=shape).astype(np.float32)
              for name, shape in input_shapes(SIDE_PX).items()}  # fmt: skip
    arrays["mask"] = (arrays["mask"] > -0.3).astype(np.float32)
    arrays["mask"][:, :, 8:20, 8:20] = 0.0
    arrays["known"] *= arrays["mask"]
    return arrays


def _stages(net: Pmpn, inputs: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    net.set_train(False)
    return [one.asnumpy() for one in net.stages(*(ms.Tensor(array) for array in inputs.values()))]


def _scrambled(net: Pmpn, seed: int = 1) -> Pmpn:
    """Give every parameter a value, those that start at zero too."""
    generator = np.random.default_rng(seed)
    for _, parameter in net.parameters_and_names():
        values = parameter.asnumpy() + 0.05 * generator.normal(size=parameter.shape)
        parameter.set_data(ms.Tensor(values.astype(np.float32)))
    return net


def _set(parameter: ms.Parameter, values: NDArray[np.float64]) -> None:
    parameter.set_data(ms.Tensor(values.astype(np.float32).reshape(parameter.shape)))


def test_a_partial_convolution_scales_up_what_it_sees_by_what_it_misses() -> None:
    conv = PartialConv((1,), 1, 3, 1)
    _set(conv.weight, np.arange(1.0, 10.0))
    _set(conv.bias, np.array([0.5]))
    image, mask = np.zeros((1, 1, 5, 5), np.float32), np.zeros((1, 1, 5, 5), np.float32)
    image[0, 0, 2, 1:3], mask[0, 0, 2, 1:3] = (2.0, 3.0), 1.0
    out, known = (one.asnumpy()[0, 0] for one in conv(ms.Tensor(image), ms.Tensor(mask)))
    # The window in the middle sees 2 and 3 under the weights 4 and 5: two of nine values.
    assert out[2, 2] == pytest.approx((2 * 4 + 3 * 5) * 9 / 2 + 0.5)
    # One to the right of it only the 3 is left, under the weight 4: one of nine.
    assert out[2, 3] == pytest.approx(3 * 4 * 9 + 0.5)
    # The mask is clamped: seeing two values makes a place no more known than seeing one.
    assert set(np.unique(known)) == {0.0, 1.0}
    assert known[2, 2] == known[2, 3] == 1.0


def test_a_window_that_is_all_hole_gives_zero_and_stays_a_hole() -> None:
    conv = PartialConv((1,), 2, 3, 1)
    _set(conv.bias, np.array([5.0, -5.0]))
    image, mask = np.zeros((1, 1, 7, 7), np.float32), np.zeros((1, 1, 7, 7), np.float32)
    mask[..., 0] = image[..., 0] = 1.0
    out, known = (one.asnumpy() for one in conv(ms.Tensor(image), ms.Tensor(mask)))
    assert (out[:, :, :, 3:] == 0.0).all()
    assert (known[:, :, :, 3:] == 0.0).all()
    assert (known[:, :, :, :2] == 1.0).all()


def test_channels_that_share_a_mask_count_each() -> None:
    conv = PartialConv((2, 1), 1, 1, 1)
    _set(conv.weight, np.array([1.0, 1.0, 1.0]))
    image, mask = np.ones((1, 3, 1, 1), np.float32), np.ones((1, 2, 1, 1), np.float32)
    image[:, 2], mask[:, 1] = 0.0, 0.0
    out, _ = conv(ms.Tensor(image), ms.Tensor(mask))
    assert out.asnumpy().item() == pytest.approx(2.0 * 3.0 / 2.0)


def test_a_fully_known_image_is_convolved_as_always_away_from_its_edge() -> None:
    conv = PartialConv((1,), 1, 3, 1)
    image = np.random.default_rng(2).normal(size=(1, 1, 6, 6)).astype(np.float32)
    out, _ = conv(ms.Tensor(image), ms.Tensor(np.ones_like(image)))
    expected = (image[0, 0, 1:4, 1:4] * conv.weight.asnumpy()[0, 0]).sum()
    assert out.asnumpy()[0, 0, 2, 2] == pytest.approx(expected, rel=1e-4)


def test_the_untrained_network_answers_like_the_fill_that_it_corrects() -> None:
    inputs = _inputs()
    filled, picture, sketch, _ = _stages(Pmpn(TINY), inputs)
    np.testing.assert_array_equal(filled, inputs["guides"][:, :1])
    np.testing.assert_array_equal(picture, inputs["guides"][:, :1])
    assert (sketch == 0.0).all()


def test_only_holes_are_changed_whatever_the_weights() -> None:
    inputs = _inputs()
    filled = _stages(_scrambled(Pmpn(TINY)), inputs)[0]
    changed = filled != inputs["guides"][:, :1]
    assert not changed[inputs["mask"] == 1.0].any()
    assert changed[inputs["mask"] == 0.0].any()


@pytest.mark.parametrize(
    "parts",
    [{"cpi": False}, {"bicsp": False}, {"cca": False}, {"cfa": True}, {"streams": 1, "bicsp": False},
     {"streams": 1, "bicsp": False, "cca": False, "cpi": False}],
)  # fmt: skip
def test_every_part_can_be_left_out(parts: dict[str, bool | int]) -> None:
    net = _scrambled(Pmpn(replace(TINY, **parts)))  # type: ignore[arg-type] # parts of the config by name
    filled = _stages(net, _inputs())[0]
    assert filled.shape == (1, 1, SIDE_PX, SIDE_PX)
    assert np.isfinite(filled).all()


def test_each_part_has_weights_of_its_own() -> None:
    whole = {name for name, _ in Pmpn(TINY).parameters_and_names()}
    for part, cell in {"cpi": "colour.", "bicsp": "perception.", "cca": "attention."}.items():
        without = {name for name, _ in Pmpn(replace(TINY, **{part: False})).parameters_and_names()}
        assert {name for name in whole - without if cell in name}
        assert not {name for name in without if cell in name}


def test_the_streams_cross_over_so_texture_depends_on_the_guides() -> None:
    net, inputs = _scrambled(Pmpn(replace(TINY, bicsp=False))), _inputs()
    other = {**inputs, "guides": inputs["guides"].copy()}
    other["guides"][:, 1] += 1.0  # the second fill, which only structure sees
    correction, moved = (_stages(net, one)[1] - one["guides"][:, :1] for one in (inputs, other))
    assert np.abs(correction - moved).max() > 1e-4


def test_perception_attends_from_every_channel_of_a_level_to_all_levels() -> None:
    perception = StagePerception((4, 8))
    generator = np.random.default_rng(3)
    maps = [generator.normal(size=shape).astype(np.float32) for shape in ((1, 4, 8, 8), (1, 8, 4, 4))]
    before = [one.asnumpy() for one in perception([ms.Tensor(one) for one in maps])]
    maps[1][:, 5] += generator.normal(size=(1, 4, 4))  # of the coarse level
    after = [one.asnumpy() for one in perception([ms.Tensor(one) for one in maps])]
    assert [one.shape for one in after] == [one.shape for one in maps]
    assert np.abs(after[0] - before[0]).max() > 1e-5  # the fine level saw it


def test_gated_fusion_passes_both_streams_on_unchanged_at_first_and_mixes_them_later() -> None:
    fusion = GatedFusion(4)
    generator = np.random.default_rng(4)
    texture, structure = (generator.normal(size=(1, 4, 8, 8)).astype(np.float32) for _ in range(2))
    mixed = [one.asnumpy() for one in fusion(ms.Tensor(texture), ms.Tensor(structure))]
    np.testing.assert_array_equal(mixed[0], texture)
    np.testing.assert_array_equal(mixed[1], structure)
    _set(fusion.to_texture, np.array([1.0]))
    _set(fusion.gates.weight, np.zeros(fusion.gates.weight.shape))
    mixed = [one.asnumpy() for one in fusion(ms.Tensor(texture), ms.Tensor(structure))]
    np.testing.assert_allclose(mixed[0], texture + 0.5 * structure, rtol=1e-5, atol=1e-6)


def test_feature_aggregation_borrows_from_places_that_look_alike() -> None:
    generator = np.random.default_rng(5)
    kinds = generator.normal(size=(2, 4, 2, 2)).astype(np.float32)  # two kinds of block
    kinds[1] -= kinds[0] * (kinds[0] * kinds[1]).sum() / (kinds[0] ** 2).sum()  # nothing alike
    layout = generator.integers(0, 2, (8, 8))
    features = np.concatenate([np.concatenate([kinds[kind] for kind in row], 2) for row in layout], 1)
    borrowed = borrowed_blocks(ms.Tensor(features[None])).asnumpy()[0]
    np.testing.assert_allclose(borrowed, features, atol=0.01)


def test_a_configuration_that_cannot_be_built_is_refused() -> None:
    with pytest.raises(ValueError, match="two streams"):
        PmpnConfig(streams=1)
    with pytest.raises(ValueError, match="streams 3"):
        PmpnConfig(streams=3)
