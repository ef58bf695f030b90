from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.checkpoint import RELEASED, load_checkpoint
from models.composition_predictor import IsicPredictor
from models.filling_methods import TELEA
from models.image_cleaner import DebrisCleaner
from models.runtimes.opening import open_runtime
from models.training.datasets import read_dataset
from models.training.evaluate import evaluate
from models.training.predict import predict_dataset
from models.training.recorded_sets import (
    TEST_POLYESTER_SHARES,
    TEST_SWATCHES,
    UNKNOWN_SWATCHES,
    lay_out_recorded,
)
from models.virtual_mill.specimens import write_mill
from qc_daemon.domain.composition import UNKNOWN


@pytest.fixture(scope="module")
def predictor() -> IsicPredictor:
    checkpoint = load_checkpoint(RELEASED)
    return IsicPredictor(checkpoint, open_runtime(checkpoint, "onnx"))


@pytest.fixture(scope="module")
def recorded(qc_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    work = tmp_path_factory.mktemp("recorded")
    lay_out_recorded(qc_data, work)
    yield work


def test_the_released_checkpoint_is_small_and_knows_six_fibres(predictor: IsicPredictor) -> None:
    assert sum(path.stat().st_size for path in RELEASED.iterdir()) < 20e6
    assert predictor.fibres == ("cotton", "linen", "nylon", "polyester", "viscose", "wool")
    assert predictor.version.name == "isic-net-1"


def test_on_virtual_specimens_the_image_helps_and_intervals_hold(
    predictor: IsicPredictor, tmp_path: Path
) -> None:
    dataset = write_mill(tmp_path / "mill", 40, 4711)
    cleaner = DebrisCleaner(TELEA)
    both = evaluate(predictor, cleaner, dataset)[0]
    alone = evaluate(predictor, cleaner, dataset, use_images=False)[0]
    assert both.mae_pp < alone.mae_pp
    assert both.accuracy > 0.8
    assert both.coverage is not None
    assert both.coverage > 0.8


def test_a_bare_tile_is_no_fibre(predictor: IsicPredictor, tmp_path: Path) -> None:
    dataset = write_mill(tmp_path / "mill", 1, 4711)
    generator = np.random.default_rng(0)
    flat = 1.3 + generator.normal(0.0, 0.01, dataset.absorbance.shape)
    empty = type(dataset)(**{
        name: getattr(dataset, name) for name in type(dataset).__dataclass_fields__
    } | {"absorbance": flat})  # fmt: skip
    (answer,) = predict_dataset(predictor, DebrisCleaner(TELEA), empty, use_images=False)
    assert answer.main_fibre == UNKNOWN


def test_recorded_specimens_that_were_held_back_get_their_fibre(
    predictor: IsicPredictor, recorded: Path
) -> None:
    cleaner = DebrisCleaner(TELEA)
    expectations = (("swatches_test", 0.8, 5.0), ("garments", 1.0, 10.0), ("usgs", 0.9, 8.0))
    for name, least_accuracy, most_error_pp in expectations:
        row = evaluate(predictor, cleaner, read_dataset(recorded / name))[0]
        assert row.accuracy >= least_accuracy, name
        assert row.mae_pp <= most_error_pp, name


def test_recorded_materials_that_are_not_of_the_model_are_unknown(
    predictor: IsicPredictor, recorded: Path
) -> None:
    dataset = read_dataset(recorded / "unknown")
    answers = predict_dataset(predictor, DebrisCleaner(TELEA), dataset)
    novel = np.array([answer.novel for answer in answers])
    for specimen in UNKNOWN_SWATCHES:
        assert novel[np.array(dataset.specimens) == specimen].mean() > 0.5, specimen
    garments = read_dataset(recorded / "garments")
    empty = [row for row, total in enumerate(garments.shares.sum(axis=1)) if total == 0]
    views = predict_dataset(predictor, DebrisCleaner(TELEA), garments)
    assert np.mean([views[row].novel for row in empty]) > 0.9


def test_no_recorded_specimen_is_both_trained_and_tested_on(recorded: Path) -> None:
    swatches = set(read_dataset(recorded / "swatches").specimens)
    assert not swatches & (TEST_SWATCHES | UNKNOWN_SWATCHES)
    assert set(read_dataset(recorded / "swatches_test").specimens) == TEST_SWATCHES
    polyester = read_dataset(recorded / "ftnir").shares[:, 1]
    assert not np.isin(polyester.round(4), TEST_POLYESTER_SHARES).any()
