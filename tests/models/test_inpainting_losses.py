"""Every loss against a value that was worked out by hand."""

import math

import numpy as np
import pytest

from models.inpainting_net import Pmpn
from models.inpainting_net_config import PmpnConfig
from models.mindspore_import import ms, ops
from models.training.inpainting_adversary import (
    Adversary,
    DeceivingLoss,
    DetectingLoss,
    SpectralConv,
    adversarial_loss,
)
from models.training.inpainting_losses import (
    InpaintingLoss,
    LossWeights,
    colour_loss,
    cross_entropy,
    fidelity_loss,
    gram_matrix,
    intermediate_loss,
    masked_l1,
    perceptual_loss,
    psnr_of,
    style_loss,
)


def _picture(values: list[list[float]]) -> ms.Tensor:
    return ms.Tensor(np.array(values, np.float32)[None, None])


FILLED, TRUTH = _picture([[1.0, 2.0], [3.0, 4.0]]), _picture([[1.0, 0.0], [3.0, 1.0]])
HOLE = _picture([[0.0, 1.0], [0.0, 1.0]])


def test_reconstruction_is_the_mean_error_of_holes_and_of_known_pixels_apart() -> None:
    assert float(masked_l1(FILLED, TRUTH, HOLE)) == pytest.approx((2.0 + 3.0) / 2)
    assert float(masked_l1(FILLED, TRUTH, 1.0 - HOLE)) == 0.0


def test_reconstruction_without_a_hole_is_nothing() -> None:
    assert float(masked_l1(FILLED, TRUTH, ops.zeros_like(HOLE))) == 0.0


def test_fidelity_is_the_logarithm_of_the_mean_squared_error_in_holes() -> None:
    fidelity = float(fidelity_loss(FILLED, TRUTH, HOLE))
    assert fidelity == pytest.approx(math.log((4.0 + 9.0) / 2 + 1e-4))
    assert psnr_of(fidelity) == pytest.approx(-10 * math.log10(6.5), abs=1e-3)


def test_fidelity_counts_images_alike_however_large_their_holes() -> None:
    two = [ops.concat(pair, 0) for pair in ((FILLED, FILLED), (TRUTH, TRUTH))]
    holes = ops.concat((HOLE, _picture([[0.0, 1.0], [0.0, 0.0]])), 0)
    assert float(fidelity_loss(*two, holes)) == pytest.approx((math.log(6.5001) + math.log(4.0001)) / 2)


def test_cross_entropy_is_that_of_the_book_and_does_not_overflow() -> None:
    logits, target = _picture([[0.0, 2.0]]), _picture([[0.5, 1.0]])
    expected = (math.log(2.0) - math.log(1 / (1 + math.exp(-2.0)))) / 2
    assert float(cross_entropy(logits, target)) == pytest.approx(expected, rel=1e-5)
    assert float(cross_entropy(_picture([[500.0]]), _picture([[0.0]]))) == pytest.approx(500.0)


def test_the_intermediate_loss_adds_the_picture_and_the_sketch() -> None:
    drawn, sketch = _picture([[0.0, 0.0], [0.0, 0.0]]), _picture([[1.0, 0.0], [0.0, 1.0]])
    picture = (0.0 + 2.0 + 0.0 + 3.0) / 4
    alone = float(intermediate_loss(FILLED, TRUTH, drawn, sketch, with_sketch=False))
    both = float(intermediate_loss(FILLED, TRUTH, drawn, sketch, with_sketch=True))
    assert alone == pytest.approx(picture)
    assert both == pytest.approx(picture + math.log(2.0), rel=1e-5)


def test_the_colour_loss_looks_at_the_mean_of_four_by_four_pixels_where_there_are_holes() -> None:
    truth = np.zeros((1, 1, 4, 8), np.float32)
    truth[..., :4], truth[..., 4:] = 2.0, 7.0
    hole = np.zeros_like(truth)
    hole[..., 4:] = 1.0
    colour = np.array([[[[100.0, 4.0]]]], np.float32)
    assert float(colour_loss(*(ms.Tensor(one) for one in (colour, truth, hole)))) == pytest.approx(3.0)


def test_the_perceptual_loss_is_blind_to_brightness_and_sees_edges() -> None:
    truth = np.zeros((1, 1, 8, 8), np.float32)
    assert float(perceptual_loss(ms.Tensor(truth + 3.0), ms.Tensor(truth))) == pytest.approx(0.0, abs=1e-6)
    edge = truth.copy()
    edge[..., 4:] = 1.0
    # A step right at one of 7, 3 and 1 places: the three scales' means.
    assert float(perceptual_loss(ms.Tensor(edge), ms.Tensor(truth))) == pytest.approx(
        (1 / 7 + 1 / 3 + 1.0) / 3, rel=1e-5
    )


def test_style_compares_products_of_features() -> None:
    filters = ms.Tensor(np.array([1.0, -1.0], np.float32).reshape(2, 1, 1, 1))
    picture = _picture([[1.0, -2.0], [3.0, 0.0]])
    # Features are the positive and the negative part: squares 1 + 9 and 4, never both at a place.
    np.testing.assert_allclose(gram_matrix(picture, filters).asnumpy()[0], [[10 / 4, 0.0], [0.0, 4 / 4]])
    assert float(style_loss(picture, ops.zeros_like(picture), filters)) == pytest.approx((2.5 + 1.0) / 4)


def test_the_adversarial_loss_is_small_for_who_is_believed() -> None:
    sure = _picture([[3.0]])
    assert float(adversarial_loss(sure, True)) == pytest.approx(math.log(1 + math.exp(-3.0)), rel=1e-5)
    assert float(adversarial_loss(sure, False)) == pytest.approx(math.log(1 + math.exp(3.0)), rel=1e-5)


def test_spectral_normalisation_divides_by_the_largest_singular_value() -> None:
    conv = SpectralConv(1, 2, 1)
    weight = np.zeros((2, 16), np.float32)
    weight[0, 0], weight[1, 1] = 3.0, 0.5
    conv.weight.set_data(ms.Tensor(weight.reshape(2, 1, 4, 4)))
    assert conv.largest_gain().asnumpy().item() == pytest.approx(3.0, rel=1e-3)


def test_a_loss_of_weight_zero_is_left_out_and_others_add_up() -> None:
    net = Pmpn(PmpnConfig(width=8, levels=4))
    stages = (FILLED, FILLED, ops.zeros_like(FILLED), ops.zeros_like(FILLED))
    weights = LossWeights(fidelity=0.5, valid=10.0, hole=60.0, colour=0.0)
    total = InpaintingLoss(net, weights).total(1.0 - HOLE, TRUTH, TRUTH, stages)
    expected = 0.5 * math.log(6.5001) + 10.0 * 0.0 + 60.0 * 2.5
    assert float(total) == pytest.approx(expected, rel=1e-5)


def test_both_sides_of_the_second_stage_have_a_loss_and_the_adversary_alone_is_moved_by_its_own() -> None:
    net, adversary = Pmpn(PmpnConfig(width=8, levels=4)), Adversary()
    generator = np.random.default_rng(6)
    known, mask, truth, sketch = (
        ms.Tensor(generator.random((1, 1, 32, 32)).astype(np.float32)) for _ in range(4)
    )
    guides = ms.Tensor(generator.random((1, 3, 32, 32)).astype(np.float32))
    gradient = ms.value_and_grad(
        DetectingLoss(net, adversary), None, [net.head[0].weight, net.head[2].weight]
    )
    loss, gradients = gradient(known, mask, guides, truth)
    assert 0.0 < float(loss) < 5.0
    assert all(float(ops.abs(one).max()) == 0.0 for one in gradients)
    weights = LossWeights(fidelity=0.0, colour=0.0, adversarial=1.0)
    deceive = DeceivingLoss(InpaintingLoss(net, weights), adversary)
    gradient = ms.value_and_grad(deceive, None, [net.head[2].weight])
    _, gradients = gradient(known, ops.zeros_like(mask), guides, truth, sketch)
    assert float(ops.abs(gradients[0]).max()) > 0.0
