from dataclasses import replace

import numpy as np
from tiny_isic import tiny_config, tiny_examples

from models.isic_net import IsicNet
from models.mindspore_import import ms, ops
from models.preprocessing import signal_channels
from models.training.examples import Examples
from models.training.isic_fitting import place_anchor
from models.training.small_anchor import CENTRES, PLAINEST, choose_recipe, fit_recipe, folds, groupings
from models.training.unmixing import Unmixing, fit_unmixing


def inputs_of(absorbance: np.ndarray) -> np.ndarray:
    return signal_channels(absorbance).reshape(len(absorbance), -1).astype(np.float64)


def pure_and_blended() -> tuple[Examples, Examples]:
    """Pure specimens to learn from; blends of them in absorbance, with a fibre that absorbs threefold."""
    examples = tiny_examples(60)
    main = examples.shares.argmax(axis=1)
    examples.absorbance[main == 1] *= 3.0
    pure = examples.take(np.flatnonzero(examples.shares.max(axis=1) == 1.0))
    kinds = pure.shares.argmax(axis=1)
    one, other = pure.take(np.flatnonzero(kinds == 0)[:6]), pure.take(np.flatnonzero(kinds == 1)[:6])
    part = np.linspace(0.2, 0.8, 6)[:, None]
    blends = replace(
        one,
        absorbance=part * one.absorbance + (1.0 - part) * other.absorbance,
        shares=part * one.shares + (1.0 - part) * other.shares,
    )
    return pure, blends


def test_blends_are_read_by_what_pure_specimens_taught() -> None:
    pure, blends = pure_and_blended()
    for how in (PLAINEST.unmixing, Unmixing((), 1.0)):
        spreads = pure.absorbance.std(axis=1)
        line = fit_unmixing(how, inputs_of(pure.absorbance), spreads, pure.shares, pure.specimens)
        shares = line.shares(inputs_of(blends.absorbance))
        assert np.abs(shares - blends.shares).mean() < 0.05
        # Without the fibres' spreads, SNV would have it that most of a blend is the strong absorber.
        blind = fit_unmixing(how, inputs_of(pure.absorbance), np.ones(len(pure)), pure.shares, pure.specimens)
        assert np.abs(blind.shares(inputs_of(blends.absorbance)) - blends.shares).mean() > 0.08


def test_a_fibre_of_no_specimen_is_never_found() -> None:
    pure, _ = pure_and_blended()
    known = pure.take(np.flatnonzero(pure.shares[:, 2] == 0.0))
    anchor = fit_recipe(PLAINEST, known, seed=0)
    assert anchor.shares(inputs_of(known.absorbance))[:, 2].max() < 0.01


def test_the_memory_speaks_of_what_is_near_and_is_silent_far_away() -> None:
    examples = tiny_examples(40)
    mislabelled = examples.shares.copy()
    mislabelled[0] = np.roll(mislabelled[0], 1)
    anchor = fit_recipe(PLAINEST, replace(examples, shares=mislabelled), seed=0)
    near = anchor.memory.correction(inputs_of(examples.absorbance[:1]))
    far = anchor.memory.correction(inputs_of(examples.absorbance[:1, ::-1]))
    assert np.abs(near).max() > 0.2
    assert np.abs(far).max() < 1e-3


def test_the_network_starts_with_the_shares_of_its_calibration() -> None:
    examples = tiny_examples(24)
    anchor = fit_recipe(PLAINEST, examples, seed=0)
    config = tiny_config(image=False, region_generation=False, cross_attention=False)
    net = IsicNet(replace(config, memory=CENTRES))
    place_anchor(net, anchor)
    signal = ms.Tensor(signal_channels(examples.absorbance))
    _, pooled, _ = net.signal_encoder(signal)
    shares = ops.softmax(net.from_signal(signal, pooled)[1], -1).asnumpy()
    np.testing.assert_allclose(shares, anchor.shares(inputs_of(examples.absorbance)), atol=1e-3)
    assert np.abs(shares - examples.shares).mean() < 0.03
    assert not any("memory" in parameter.name for parameter in net.trainable_params())


def test_few_compositions_of_many_specimens_are_left_out_whole() -> None:
    examples = tiny_examples(40)
    compositions = np.linspace(0.3, 0.8, 5)[np.arange(40) % 5]
    few = replace(examples, shares=np.stack([compositions, 1.0 - compositions, 0.0 * compositions], axis=1))
    assert len(groupings(examples)) == 1  # each blend there is one of a kind
    by_specimen, by_composition = groupings(few)
    assert len(set(by_specimen)) == 40
    assert len(set(by_composition)) == 5
    for fitted, left_out in folds(few, by_composition):
        assert not set(compositions[fitted]) & set(compositions[left_out])


def test_the_plainest_calibration_stays_where_nothing_is_clearly_better() -> None:
    assert choose_recipe(tiny_examples(4), seed=0) == PLAINEST


def test_a_calibration_that_is_clearly_better_is_taken() -> None:
    examples = tiny_examples(45)
    # Curves too broad for a second derivative to see them above the noise.
    place = np.linspace(0.0, np.pi, examples.grid.bands)
    curves = np.stack([np.cos(place), np.sin(place), np.cos(2.0 * place)])
    noise = np.random.default_rng(0).normal(0.0, 0.02, examples.absorbance.shape)
    broad = replace(examples, absorbance=0.5 + 0.15 * examples.shares @ curves + noise)
    assert choose_recipe(broad, seed=0).unmixing != PLAINEST.unmixing
