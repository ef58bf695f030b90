import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_isic import AXIS_NM, SCALE, absorbance_of, tiny_config, tiny_examples, write_folder

from models.calibration import calibrate_intervals, conformal_quantile
from models.composition_predictor import IsicPredictor
from models.export import weights_of
from models.isic_net import IsicNet
from models.mindspore_import import ms
from models.preprocessing import SpectrumGrid, signal_channels, snv
from models.runtimes.opening import open_runtime
from models.training.augmentation import blended, other_unit
from models.training.cross_fitting import leave_specimens_out
from models.training.datasets import read_dataset, write_dataset
from models.training.drawn_fits import drawn_anchor
from models.training.examples import CROP_MARGIN_PX, common_grid, draw_batch, gather, row_weights
from models.training.isic_fitting import (
    TrainingSettings,
    fit_network,
    place_anchor,
    training_step,
)
from models.training.linear_anchor import fit_anchor
from models.training.train_isic_net import epochs_to_fit, split_examples, train_isic_net
from qc_daemon.domain.errors import DatasetError, InputError
from qc_daemon.domain.spectrum import Spectrum

SMALL = TrainingSettings(epochs=2, signals=8, paired=4, steps=3)


def test_a_few_specimens_can_be_learnt_by_heart() -> None:
    ms.set_seed(0)
    examples = tiny_examples(8)
    net = IsicNet(tiny_config())
    place_anchor(net, drawn_anchor(examples, 0))
    settings = replace(SMALL, learning_rate=3e-3, weight_decay=0.0)
    _, step = training_step(net, settings)
    batch = draw_batch(examples, row_weights(examples), 8, 4, np.random.default_rng(0))
    losses = [step(3e-3, batch.signal, batch.shares, batch.image, batch.cover) for _ in range(15)]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.6 * losses[0]
    before = weights_of(net)
    step(0.0, batch.signal, batch.shares, batch.image, batch.cover)
    learnt = [name for name, array in weights_of(net).items() if "moving" not in name and "rate" not in name]
    for name in learnt:  # the rate of a step is the one that is given to it
        np.testing.assert_array_equal(weights_of(net)[name], before[name], err_msg=name)


def test_a_training_that_was_cut_off_resumes_to_the_same_weights(tmp_path: Path) -> None:
    config = tiny_config(image=False, region_generation=False, cross_attention=False)
    examples, settings = tiny_examples(24), replace(SMALL, paired=0)
    whole, _ = fit_network(examples, examples, config, settings, tmp_path / "whole")

    class PowerCut(Exception):
        pass

    readings = iter([0.0, 1.0])

    def clock() -> float:
        try:
            return next(readings)
        except StopIteration:
            raise PowerCut from None

    with pytest.raises(PowerCut):
        fit_network(examples, examples, config, settings, tmp_path / "cut", clock)
    resumed, progress = fit_network(examples, examples, config, settings, tmp_path / "cut")
    assert progress.epoch == 2
    for (name, ours), (_, theirs) in zip(
        whole.parameters_and_names(), resumed.parameters_and_names(), strict=True
    ):
        np.testing.assert_array_equal(ours.asnumpy(), theirs.asnumpy(), err_msg=name)
    epochs = [json.loads(line)["epoch"] for line in (tmp_path / "cut" / "metrics.jsonl").open()]
    assert epochs == [0, 1, 2]


def test_a_folder_without_images_becomes_a_checkpoint_that_knows_its_fibres(tmp_path: Path) -> None:
    write_folder(tmp_path / "set", specimens=48)
    checkpoint = train_isic_net([tmp_path / "set"], tmp_path / "model", epochs=1)
    manifest = checkpoint.manifest
    assert manifest.fibres == ("hemp", "jute", "silk")
    assert manifest.image is None
    assert [spec.name for spec in manifest.inputs] == ["signal"]
    assert manifest.training.sets == ("set: 48 specimens, 96 spectra",)
    assert (tmp_path / "model.training" / "metrics.jsonl").is_file()
    predictor = IsicPredictor(checkpoint, open_runtime(checkpoint, "onnx"))
    fresh = write_folder(tmp_path / "fresh", specimens=12, seed=77)
    main = []
    for absorbance in fresh.absorbance:
        composition = predictor.predict(Spectrum(AXIS_NM, absorbance, np.ones(len(AXIS_NM), bool)), None)
        main.append(max(composition.shares, key=lambda share: share.percent).fibre)
    truth = [fresh.fibres[index] for index in fresh.shares.argmax(axis=1)]
    assert np.mean([one == other for one, other in zip(main, truth, strict=True)]) > 0.9
    with pytest.raises(InputError, match="exists"):
        train_isic_net([tmp_path / "set"], tmp_path / "model")


def test_specimens_stay_whole_and_rare_fibres_stay_in_training() -> None:
    examples = tiny_examples(60)
    rare = examples.shares.argmax(axis=1) == 2
    kept = np.flatnonzero(~rare | (np.cumsum(rare) <= 3))
    examples = examples.take(np.repeat(kept, 2))
    split = split_examples(examples, seed=1)
    parts = [
        {examples.specimens[row] for row in rows} for rows in (split.train, split.validate, split.calibrate)
    ]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert sum(len(part) for part in parts) == len(kept)
    main = Counter(int(examples.shares[row].argmax()) for row in split.train)
    assert main[2] == 6


def test_too_few_specimens_to_hold_any_back_are_all_used() -> None:
    split = split_examples(tiny_examples(3), seed=0)
    assert len(split.train) == len(split.validate) == 3
    assert split.calibrate is None


def test_specimens_left_out_in_turn_are_judged_by_fits_without_them() -> None:
    examples = tiny_examples(20).take(np.arange(20).repeat(2))
    left_out = leave_specimens_out(examples, seed=0)
    assert sorted(left_out.rows) == list(range(40))
    error = np.abs(left_out.shares - examples.shares[left_out.rows]).mean()
    assert 0.0 < error < 0.1
    strange = replace(examples, absorbance=examples.absorbance.copy())
    strange.absorbance[:2] = absorbance_of(np.eye(3)[:1], AXIS_NM[::-1], np.random.default_rng(0)) @ (
        examples.grid.resampling(AXIS_NM).T
    )
    residual = leave_specimens_out(strange, seed=0).residual
    assert residual[left_out.rows < 2].min() > 3.0 * np.median(residual)


def test_the_only_specimen_of_a_fibre_cannot_be_left_out() -> None:
    examples = tiny_examples(12)
    main = examples.shares.argmax(axis=1)
    lone = examples.take(np.concatenate([np.flatnonzero(main < 2), np.flatnonzero(main == 2)[:1]]))
    left_out = leave_specimens_out(lone, seed=0)
    assert len(lone) - 1 not in left_out.rows
    few = lone.take(np.array([*np.flatnonzero(lone.shares.argmax(axis=1) == 0)[:2], len(lone) - 1]))
    assert sorted(leave_specimens_out(few, seed=0).rows) == [0, 1]


def test_datasets_are_pooled_on_their_common_range(tmp_path: Path) -> None:
    first = write_folder(tmp_path / "a", specimens=4)
    second = replace(
        write_folder(tmp_path / "b", specimens=4, seed=1),
        wavelength_nm=AXIS_NM + 100.0,
        fibres=("silk", "jute", "ramie"),
    )
    grid = common_grid([first, second], 40)
    assert 1100.0 < grid.first_nm < 1101.0
    assert 1799.0 < grid.last_nm < 1800.0
    examples = gather([first, second], grid, None)
    assert examples.fibres == ("hemp", "jute", "silk", "ramie")
    np.testing.assert_allclose(examples.shares[8:, 2], second.shares[:, 0])
    assert len(set(examples.specimens)) == 8
    apart = replace(second, wavelength_nm=AXIS_NM + 5000.0)
    with pytest.raises(DatasetError, match="no common wavelength range"):
        common_grid([first, apart], 40)


def test_rows_without_specimen_teach_nothing_about_shares(tmp_path: Path) -> None:
    dataset = write_folder(tmp_path / "a", specimens=3)
    shares = dataset.shares.copy()
    shares[0] = 0.0
    examples = gather([replace(dataset, shares=shares)], common_grid([dataset], 40), None)
    assert len(examples) == 5


def test_micrographs_of_known_scale_are_read_at_the_models_scale(tmp_path: Path) -> None:
    dataset = write_folder(tmp_path / "a", specimens=2)
    (tmp_path / "a" / "images").mkdir()
    path = tmp_path / "a" / "images" / "one.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (240, 240, 3), dtype=np.uint8))
    scales = np.array([0.5, np.nan, 9.0, 0.5])
    write_dataset(replace(dataset, image_paths=(path, path, path, None), um_per_pixel=scales))
    examples = gather([read_dataset(tmp_path / "a")], common_grid([dataset], 40), SCALE)
    side = SCALE.side_px + CROP_MARGIN_PX
    assert examples.images.shape == (1, side, side)
    assert list(examples.image_of) == [0, -1, -1, -1]


def test_few_specimens_of_few_compositions_are_left_to_the_calibration() -> None:
    examples = tiny_examples(24)
    cotton = np.linspace(0.1, 0.9, 24)
    many = replace(examples, shares=np.stack([cotton, 1.0 - cotton, 0.0 * cotton], axis=1))
    nine = replace(many, shares=many.shares[np.arange(24) % 9])
    pure = replace(many, shares=many.shares.round())
    assert epochs_to_fit(many, few=True) is None
    assert epochs_to_fit(nine, few=True) == epochs_to_fit(pure, few=True) == 0
    assert epochs_to_fit(nine, few=False) is None


def test_a_blend_has_the_shares_of_what_was_mixed() -> None:
    examples, generator = tiny_examples(20), np.random.default_rng(0)
    partner = np.roll(np.arange(20), 1)
    mixed, shares = blended(
        examples.absorbance,
        examples.shares,
        examples.absorbance[partner],
        examples.shares[partner],
        generator,
    )
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    low = np.minimum(examples.absorbance, examples.absorbance[partner])
    high = np.maximum(examples.absorbance, examples.absorbance[partner])
    assert ((mixed >= low - 1e-9) & (mixed <= high + 1e-9)).all()


def test_another_unit_changes_a_spectrum_but_not_what_it_is() -> None:
    examples = tiny_examples(30)
    varied = other_unit(examples.absorbance, examples.grid.step_nm, np.random.default_rng(0))
    again = other_unit(examples.absorbance, examples.grid.step_nm, np.random.default_rng(0))
    np.testing.assert_array_equal(varied, again)
    likeness = (snv(varied) * snv(examples.absorbance)).mean(axis=1)
    assert likeness.min() > 0.9
    assert likeness.max() < 1.0


def test_resampling_averages_a_finer_axis_and_follows_a_coarser_one() -> None:
    grid = SpectrumGrid(1000.0, 1400.0, 41)
    fine = np.linspace(990.0, 1410.0, 4201)
    wave = np.cos(fine * 2 * np.pi / 3.0)  # three waves a band: little may be left
    assert np.abs(grid.resampling(fine) @ (0.5 + wave) - 0.5).max() < 0.15
    coarse = np.linspace(950.0, 1450.0, 11)
    np.testing.assert_allclose(
        grid.resampling(coarse) @ (0.001 * coarse), 0.001 * grid.wavelength_nm, atol=1e-9
    )


def test_offset_and_scale_of_a_spectrum_do_not_reach_the_network() -> None:
    absorbance = tiny_examples(5).absorbance
    np.testing.assert_allclose(
        signal_channels(3.0 * absorbance + 0.7), signal_channels(absorbance), atol=1e-4
    )


def test_the_linear_calibration_finds_a_linear_law() -> None:
    generator = np.random.default_rng(0)
    shares = generator.dirichlet(np.ones(3), 60)
    inputs = shares @ generator.normal(0, 1, (3, 30)) + generator.normal(0, 0.01, (60, 30))
    anchor = fit_anchor(inputs[:40], shares[:40], [f"s{row // 2}" for row in range(40)])
    assert 2 <= anchor.latent_variables <= 4
    np.testing.assert_allclose(inputs[40:] @ anchor.weight.T + anchor.bias, shares[40:], atol=0.05)


def test_one_composition_only_gives_a_constant_calibration() -> None:
    inputs = np.random.default_rng(0).normal(size=(10, 5))
    anchor = fit_anchor(inputs, np.tile([1.0, 0.0], (10, 1)), [str(row) for row in range(10)])
    np.testing.assert_allclose(inputs @ anchor.weight.T + anchor.bias, np.tile([1.0, 0.0], (10, 1)))


def test_conformal_intervals_cover_new_specimens_at_their_rate() -> None:
    generator = np.random.default_rng(0)
    rates = []
    for _ in range(200):
        errors = np.abs(generator.standard_t(3, 60)).repeat(3)  # three equal scans of each specimen
        quantile = conformal_quantile(errors, np.arange(60).repeat(3).astype(str), 0.9)
        rates.append(np.mean(np.abs(generator.standard_t(3, 1000)) <= quantile))
    assert 0.89 < np.mean(rates) < 0.93


def test_an_often_scanned_specimen_does_not_rule_the_quantile() -> None:
    errors = np.concatenate([np.full(1000, 5.0), np.linspace(0.0, 1.0, 99)])
    names = np.array(["many"] * 1000 + [f"s{number}" for number in range(99)])
    assert conformal_quantile(errors, names, 0.9) < 1.0


def test_an_absent_fibre_has_a_narrower_interval_than_a_blend() -> None:
    generator = np.random.default_rng(1)
    truth = np.zeros((400, 2))
    truth[:, 0] = np.where(np.arange(400) % 2, 1.0, generator.uniform(0.3, 0.7, 400))
    truth[:, 1] = 1.0 - truth[:, 0]
    noise = np.where(truth[:, 0] == 1.0, 0.001, 0.08) * generator.standard_normal(400)
    first = np.clip(truth[:, 0] + noise, 0.0, 1.0)
    predicted = np.stack([first, 1.0 - first], axis=1)
    spread = np.full_like(predicted, 0.01)
    table = calibrate_intervals(predicted, spread, truth, [str(row) for row in range(400)])
    widths = table.half_widths(np.array([[0.999, 0.001], [0.5, 0.5]]), spread[:2])
    assert widths[0].max() < 0.02
    assert widths[1].min() > 0.08
    inside = np.abs(predicted - truth) <= table.half_widths(predicted, spread)
    assert 0.88 < inside.mean() < 0.97
