import io
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.metrics import roc_auc_score
from tiny_isic import AXIS_NM, FIBRES, absorbance_of, tiny_checkpoint, tiny_examples

from models.calibration import NOVELTY_LIMIT, NoveltyLimits, novelty
from models.checkpoint import CALIBRATION, RELEASED, load_checkpoint
from models.composition_predictor import IsicPredictor
from models.known_cone import KnownCone
from models.preprocessing import signal_channels
from models.runtimes.onnx import OnnxRuntime
from models.runtimes.opening import open_runtime
from models.training.cone_fitting import known_cone
from models.training.cross_fitting import leave_specimens_out
from models.training.drawn_fits import drawn_subspace
from models.training.examples import Examples
from models.training.isic_calibration import Known, calibrate_on_left_out
from qc_daemon.domain.spectrum import Spectrum


def inputs_of(absorbance: np.ndarray) -> np.ndarray:
    return signal_channels(absorbance).reshape(len(absorbance), -1).astype(np.float64)


def without_fibre(examples: Examples, fibre: int) -> Examples:
    return examples.take(np.flatnonzero(examples.shares[:, fibre] == 0.0))


@pytest.mark.parametrize("closeness", [1e-6, 0.05, 1.0])
def test_amounts_leave_as_little_as_those_of_scipy(closeness: float) -> None:
    generator = np.random.default_rng(0)
    for _ in range(60):
        count = int(generator.integers(1, 41))
        common = generator.normal(size=(4, 80))
        spectra = generator.uniform(size=(count, 4)) @ common + closeness * generator.normal(size=(count, 80))
        spectra /= np.linalg.norm(spectra, axis=1, keepdims=True)
        row = generator.normal(size=4) @ common + 0.2 * generator.normal(size=80)
        expected = nnls(spectra.T, row)[1] / np.linalg.norm(row)
        found = KnownCone(np.eye(80), spectra).residual(row[None])[0]
        assert found == pytest.approx(expected, abs=1e-6)


def test_blends_of_the_known_lie_inside_and_what_would_need_less_than_nothing_outside() -> None:
    cone = KnownCone(np.eye(3), np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0]]))
    inside, outside, flat = [5.0, 1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 0.0, 0.0]
    residual = cone.residual(np.array([inside, outside, flat]))
    # The second lies in the plane of the known; the nearest of the cone is its edge, 45 degrees away.
    np.testing.assert_allclose(residual, [0.0, np.sqrt(0.5), 0.0], atol=1e-6)


def test_a_fibre_that_was_left_out_sticks_out_of_the_cone_further_than_blends_of_the_others() -> None:
    known, fresh = tiny_examples(60, seed=1), tiny_examples(60, seed=2)
    for fibre in range(len(FIBRES)):
        cone = known_cone(without_fibre(known, fibre), seed=0)
        unknown = fresh.take(np.flatnonzero(fresh.shares[:, fibre] > 0.3))
        ordinary = without_fibre(fresh, fibre)
        scores = np.concatenate([cone.residual(inputs_of(part.absorbance)) for part in (ordinary, unknown)])
        truth = np.repeat([0, 1], [len(ordinary), len(unknown)])
        assert roc_auc_score(truth, scores) > 0.99


def test_of_many_specimens_a_few_span_nearly_the_whole_cone() -> None:
    many = tiny_examples(350, seed=3)
    cone = known_cone(many, seed=0)
    assert cone.spectra.shape == (40, many.grid.bands)
    any_forty = known_cone(many.take(np.arange(40)), seed=0)
    inputs = inputs_of(many.absorbance)
    assert cone.residual(inputs).max() < any_forty.residual(inputs).max()


def test_scans_of_one_specimen_are_one_spectrum_of_the_cone() -> None:
    examples = tiny_examples(8)
    twice = replace(examples, specimens=tuple(f"piece-{row // 2}" for row in range(8)))
    assert len(known_cone(twice, seed=0).spectra) == 4


def test_specimens_left_out_lie_further_outside_than_those_that_span_the_cone() -> None:
    examples = tiny_examples(24)
    left_out = leave_specimens_out(examples, seed=0)
    own = known_cone(examples, seed=0).residual(inputs_of(examples.absorbance))[left_out.rows]
    assert own.max() < 1e-3
    assert left_out.outside_cone.min() > own.max()


def test_two_specimens_of_which_none_can_be_left_out_give_the_cone_no_say() -> None:
    pair = tiny_examples(2)
    checkpoint = tiny_checkpoint()
    config = replace(checkpoint.manifest.config, image=False, region_generation=False, cross_attention=False)
    known = Known(drawn_subspace(pair, 0), known_cone(pair, 0))
    limits = calibrate_on_left_out(config, OnnxRuntime(checkpoint.onnx_path), pair, known, 0).novelty
    strange = known.cone.residual(inputs_of(pair.absorbance[:, ::-1]))
    assert novelty(limits, np.zeros(2), None, strange).max() <= NOVELTY_LIMIT
    assert strange.max() > 0.5


def test_novelty_is_the_statistic_that_is_furthest_above_its_limit() -> None:
    limits = NoveltyLimits(subspace=2.0, reconstruction=None, cone=0.1)
    one = np.array([1.0])
    assert novelty(limits, one, one, np.array([0.3]))[0] == pytest.approx(3.0)
    assert novelty(limits, 8.0 * one, one, np.array([0.3]))[0] == pytest.approx(4.0)
    assert novelty(NoveltyLimits(2.0, None), one, None, np.array([0.3]))[0] == pytest.approx(0.5)


def test_a_checkpoint_keeps_its_cone_and_the_station_measures_by_it() -> None:
    checkpoint = tiny_checkpoint()
    assert checkpoint.manifest.novelty.cone is not None
    assert checkpoint.cone is not None
    generator = np.random.default_rng(4)
    inside = absorbance_of(np.array([[0.5, 0.5, 0.0]]), AXIS_NM, generator)[0]
    upside_down = Spectrum(AXIS_NM, 1.0 - inside, np.ones(len(AXIS_NM), dtype=bool))
    only_cone = NoveltyLimits(subspace=1e3, reconstruction=None, cone=0.5)
    by_cone = replace(checkpoint, manifest=replace(checkpoint.manifest, novelty=only_cone))
    predictor = IsicPredictor(by_cone, open_runtime(checkpoint, "onnx"))
    try:
        known = predictor.predict(Spectrum(AXIS_NM, inside, np.ones(len(AXIS_NM), dtype=bool)), None)
        unknown = predictor.predict(upside_down, None)
    finally:
        predictor.close()
    assert known.novelty < NOVELTY_LIMIT < unknown.novelty


def test_checkpoints_without_a_cone_still_load() -> None:
    with np.load(io.BytesIO((RELEASED / CALIBRATION).read_bytes())) as archive:
        has_cone = "spectra" in archive.files
    assert (load_checkpoint(RELEASED).cone is not None) == has_cone
