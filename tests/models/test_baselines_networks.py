"""The neural baselines: small networks, compiled as in a long training."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_isic import tiny_examples

from models.baselines.bidaf import bidaf
from models.baselines.csi_net import csi_net
from models.baselines.cu_net import CuNetEncoder, cu_net
from models.baselines.dblstm_ws import DblstmWsEncoder, dblstm_ws, sub_bands
from models.baselines.deep_ten import TextureEncoding, deep_ten
from models.baselines.dep import dep
from models.baselines.lstm import LstmEncoder, lstm, windows
from models.baselines.m_transformer import m_transformer
from models.baselines.mbt import MbtEncoder, mbt
from models.baselines.mcnn import mcnn, moving_mean
from models.baselines.network import Network, Sizes
from models.baselines.network_fitting import Budget, NetworkMethod, draw_inputs, training_step
from models.baselines.sl_ae import sl_ae
from models.baselines.ssc_net import SeparableEncoder, ssc_net
from models.baselines.vit import VitEncoder, vit
from models.mindspore_import import ms
from models.training.examples import Examples, row_weights
from qc_daemon.domain.errors import DatasetError

TINY = Sizes(fibres=3, bands=40, image_px=64, width=16)
FULL = Sizes(fibres=6, bands=160, image_px=224)
SHORT = Budget(epochs=1, steps_per_epoch=2)
METHODS = [
    factory(SHORT)
    for factory in (
        lstm, mcnn, dblstm_ws, csi_net, ssc_net,
        vit, cu_net, deep_ten, dep,
        m_transformer, bidaf, mbt, sl_ae,
    )
]  # fmt: skip
# The same networks as small as they go: what takes the time here is to compile them.
SMALLEST = {
    "LSTM": lambda: LstmEncoder(units=12),
    "DBLSTM-WS": lambda: DblstmWsEncoder(TINY, units=8),
    'separable CNN ("SSC-Net")': lambda: SeparableEncoder(channels=16, blocks=1),
    "ViT": lambda: VitEncoder(TINY, blocks=1),
    "MBT": lambda: MbtEncoder(TINY, layers=1),
}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_network_answers_in_shares_and_its_loss_falls(method: NetworkMethod) -> None:
    ms.set_seed(0)
    encoder = SMALLEST.get(method.name, lambda: method.encoder(TINY))()
    network = Network(encoder, TINY.fibres)
    examples = tiny_examples(8)
    shares, inputs = draw_inputs(method.reads, examples, row_weights(examples), np.random.default_rng(0))
    step = training_step(network)
    losses = [step(3e-3, shares, *inputs) for _ in range(10)]
    assert losses[-1] < 0.8 * losses[0]
    network.set_train(False)
    class_logits, answered = (output.asnumpy() for output in network(*map(ms.Tensor, inputs)))
    assert class_logits.shape == answered.shape == shares.shape
    np.testing.assert_allclose(answered.sum(axis=1), 1.0, atol=1e-5)


def test_the_networks_are_about_as_large_as_isic_net() -> None:
    weights = {
        method.name: sum(one.size for one in Network(method.encoder(FULL), 6).trainable_params())
        for method in METHODS
    }
    assert all(0.25e6 < count < 0.75e6 for count in weights.values()), weights  # ISiC-Net has 0.48e6


def small_lstm() -> NetworkMethod:
    method = lstm(Budget(epochs=4, steps_per_epoch=2))
    method.encoder = lambda _: SMALLEST["LSTM"]()
    return method


@pytest.fixture(scope="module")
def fitted() -> NetworkMethod:
    """A small LSTM fitted to 24 made-up specimens with seed 0."""
    method, examples = small_lstm(), tiny_examples(24)
    method.fit(examples, examples, 0)
    return method


def test_the_same_seed_gives_the_same_answers_and_another_seed_others(fitted: NetworkMethod) -> None:
    examples = tiny_examples(24)
    first = fitted.answer(examples).shares
    again = small_lstm()
    again.fit(examples, examples, 0)
    np.testing.assert_array_equal(again.answer(examples).shares, first)
    again.fit(examples, examples, 1)
    assert np.abs(again.answer(examples).shares - first).max() > 1e-3


def test_the_best_epoch_is_kept(fitted: NetworkMethod) -> None:
    examples = tiny_examples(24)
    error = np.abs(fitted.answer(examples).shares - examples.shares).mean()
    assert len(fitted.validation_errors) == 4
    assert error == pytest.approx(min(fitted.validation_errors), abs=1e-6)


def test_answers_name_a_fibre_and_sum_to_one_for_any_number_of_rows(fitted: NetworkMethod) -> None:
    examples = tiny_examples(35)  # more than are answered at once
    answers = fitted.answer(examples)
    assert answers.main.shape == (35,)
    assert set(answers.main) <= {0, 1, 2}
    np.testing.assert_allclose(answers.shares.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(fitted.answer(examples.take(np.arange(34, 35))).main, answers.main[34:])


def test_an_image_method_sees_only_rows_with_an_image() -> None:
    examples = tiny_examples(24)
    image_of = np.where(np.arange(24) % 3 == 0, -1, examples.image_of)
    mixed = replace(examples, image_of=image_of)
    of_mixed, of_paired = cu_net(SHORT), cu_net(SHORT)
    of_mixed.fit(mixed, nothing_of(mixed), 0)
    of_paired.fit(mixed.take(mixed.with_image), nothing_of(mixed), 0)
    np.testing.assert_array_equal(of_mixed.answer(examples).shares, of_paired.answer(examples).shares)
    with pytest.raises(DatasetError, match="CU-Net: 8 rows have no micrograph; expected one in each"):
        of_mixed.answer(mixed)
    with pytest.raises(DatasetError, match="CU-Net: no training row has a micrograph"):
        cu_net(SHORT).fit(replace(examples, image_of=np.full(24, -1)), examples, 0)


def nothing_of(examples: Examples) -> Examples:
    return examples.take(np.array([], dtype=np.intp))


def test_a_method_answers_only_when_fitted() -> None:
    with pytest.raises(ValueError, match="LSTM: fit it before it answers"):
        lstm(SHORT).answer(tiny_examples(4))


def test_wavelength_windows_keep_the_order_of_bands() -> None:
    signal = ms.Tensor(np.arange(2 * 2 * 16, dtype=np.float32).reshape(2, 2, 16))
    cut = windows(signal).asnumpy()  # (2, 2, 16): the second window of the first row
    np.testing.assert_array_equal(cut[0, 1], [*range(8, 16), *range(24, 32)])


def test_wavelet_sub_bands_add_up_and_part_smooth_from_rough() -> None:
    projections = sub_bands(160)
    assert projections.shape == (5, 160, 160)
    np.testing.assert_allclose(projections.sum(axis=0), np.eye(160), atol=1e-6)
    place = np.arange(160)
    smooth, rough = np.sin(2 * np.pi * place / 160), (-1.0) ** place
    energy = [(((wave @ projections) ** 2).sum(axis=1)) for wave in (smooth, rough)]
    assert energy[0].argmax() == 0
    assert energy[1].argmax() == 4


def test_a_moving_mean_leaves_a_constant_alone_and_flattens_a_spike() -> None:
    mean = moving_mean(40, 3)
    np.testing.assert_allclose(np.full(40, 7.0) @ mean, 7.0, rtol=1e-6)
    np.testing.assert_allclose((np.eye(40)[20] @ mean)[18:23], [0, 1 / 3, 1 / 3, 1 / 3, 0], atol=1e-6)


def test_the_encoding_layer_sums_soft_residuals_whatever_the_order_of_places() -> None:
    ms.set_seed(0)
    layer = TextureEncoding(channels=6, codewords=4, length=5)
    layer.set_train(False)
    features = np.random.default_rng(0).normal(size=(2, 6, 3, 3)).astype(np.float32)
    encoded = layer(ms.Tensor(features)).asnumpy()
    reduced = layer.reduce(ms.Tensor(features)).asnumpy().reshape(2, 5, 9).transpose(0, 2, 1)
    residuals = reduced[:, :, None] - layer.codewords.asnumpy()  # (2, places, codewords, length)
    nearness = np.exp(-layer.smoothing.asnumpy() * (residuals**2).sum(axis=-1))
    nearness /= nearness.sum(axis=-1, keepdims=True)
    expected = (nearness[..., None] * residuals).sum(axis=1).reshape(2, -1)
    np.testing.assert_allclose(encoded, expected, atol=1e-5)
    turned = layer(ms.Tensor(features[:, :, ::-1].copy())).asnumpy()
    np.testing.assert_allclose(turned, encoded, atol=1e-5)


def test_unmixed_vectors_change_places_where_shares_agree_and_absent_fibres_are_held_at_nothing() -> None:
    ms.set_seed(0)
    encoder = CuNetEncoder(TINY)
    encoder.set_train(False)
    image = ms.Tensor(np.random.default_rng(0).normal(size=(2, 1, 64, 64)).astype(np.float32))
    own = encoder.components(image).asnumpy()  # (2, 3, length)
    shares = np.array([[0.6, 0.4, 0.0], [0.6, 0.0, 0.4]], np.float32)
    features, restraint = encoder.in_training(ms.Tensor(shares), image)
    exchanged = features.asnumpy().reshape(own.shape)
    np.testing.assert_allclose(exchanged[:, 0], own[::-1, 0], rtol=1e-5)  # 0.6 of the first in both
    np.testing.assert_allclose(exchanged[:, 1:], own[:, 1:], rtol=1e-5)
    held = (own[0, 2] ** 2).mean() + (own[1, 1] ** 2).mean()
    assert float(restraint.asnumpy()) == pytest.approx(0.1 * held / 6, rel=1e-4)
    _, nothing = encoder.in_training(ms.Tensor(np.full((2, 3), 1 / 3, np.float32)), image)
    assert float(nothing.asnumpy()) == 0.0
