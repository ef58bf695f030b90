import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_isic import AXIS_NM, absorbance_of, tiny_checkpoint, write_folder

from models.composition_predictor import UNREADABLE_NOVELTY, IsicPredictor
from models.runtimes.opening import open_runtime
from models.training.evaluate import evaluate
from models.training.predict import predict_dataset, write_predictions
from qc_daemon.domain.composition import UNKNOWN
from qc_daemon.domain.errors import DatasetError
from qc_daemon.domain.image import CleanedImage, Frame
from qc_daemon.domain.inspection import ModelVersion
from qc_daemon.domain.spectrum import Spectrum


class NoCleaner:
    """A cleaner that finds nothing to clean."""

    version = ModelVersion("cleaner", "none", "")

    def clean(self, frame: Frame) -> CleanedImage:
        return plain_image(frame.pixels, frame.um_per_pixel)


def plain_image(pixels: np.ndarray, um_per_pixel: float) -> CleanedImage:
    return CleanedImage(pixels, pixels, np.zeros(pixels.shape[:2], bool), um_per_pixel, "none")


def micrograph(um_per_pixel: float = 1.0, side: int = 96, seed: int = 0) -> CleanedImage:
    generator = np.random.default_rng(seed)
    return plain_image(generator.integers(0, 255, (side, side, 3), dtype=np.uint8), um_per_pixel)


def spectrum(shares: tuple[float, ...] = (1.0, 0.0, 0.0), seed: int = 0) -> Spectrum:
    absorbance = absorbance_of(np.array([shares]), AXIS_NM, np.random.default_rng(seed))[0]
    return Spectrum(AXIS_NM, absorbance, np.ones(len(AXIS_NM), bool))


@pytest.fixture(scope="module")
def predictor() -> IsicPredictor:
    return IsicPredictor(tiny_checkpoint(), open_runtime(tiny_checkpoint(), "onnx"))


def test_the_main_fibre_of_a_pure_specimen_is_found(predictor: IsicPredictor) -> None:
    for index, fibre in enumerate(predictor.fibres):
        shares = tuple(np.eye(3)[index])
        composition = predictor.predict(spectrum(shares), None)
        assert composition.main_fibre == fibre
        assert not composition.novel
        assert composition.basis == "dry mass"


def test_the_same_specimen_gets_the_same_answer(predictor: IsicPredictor) -> None:
    first = predictor.predict(spectrum(), micrograph())
    second = predictor.predict(spectrum(), micrograph())
    assert first.shares == second.shares
    assert first.novelty == second.novelty
    np.testing.assert_array_equal(first.evidence.region_scores, second.evidence.region_scores)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-0.5, 4.0, width=32), min_size=len(AXIS_NM), max_size=len(AXIS_NM)),
    with_image=st.booleans(),
)
def test_whatever_the_spectrum_shares_sum_to_100_and_intervals_hold_them(
    predictor: IsicPredictor, values: list[float], with_image: bool
) -> None:
    given_spectrum = Spectrum(AXIS_NM, np.array(values), np.ones(len(values), bool))
    composition = predictor.predict(given_spectrum, micrograph() if with_image else None)
    assert sum(share.percent for share in composition.shares) == pytest.approx(100.0, abs=0.01)
    for share in composition.shares:
        assert 0.0 <= share.lo <= share.percent <= share.hi <= 100.0
    assert np.isfinite(composition.novelty)
    assert composition.evidence.window_weights.sum() == pytest.approx(1.0, abs=1e-4)


def test_a_material_outside_the_training_data_is_unknown(predictor: IsicPredictor) -> None:
    strange = 0.2 + 0.2 * np.exp(-(((AXIS_NM - 1430.0) / 25.0) ** 2))
    composition = predictor.predict(Spectrum(AXIS_NM, strange, np.ones(len(AXIS_NM), bool)), None)
    assert composition.novel
    assert composition.main_fibre == UNKNOWN
    assert all((share.lo, share.hi) == (0.0, 100.0) for share in composition.shares)


def test_an_axis_that_misses_part_of_the_range_is_unknown(predictor: IsicPredictor) -> None:
    short = AXIS_NM[20:]
    composition = predictor.predict(
        Spectrum(short, np.full(len(short), 0.2), np.ones(len(short), bool)), None
    )
    assert composition.novelty == UNREADABLE_NOVELTY
    assert composition.main_fibre == UNKNOWN


def test_a_few_bands_without_value_are_bridged_and_a_wide_gap_is_not(predictor: IsicPredictor) -> None:
    whole = spectrum()
    valid = np.ones(len(AXIS_NM), bool)
    valid[[30, 50]] = False
    bridged = predictor.predict(Spectrum(AXIS_NM, whole.absorbance, valid), None)
    assert bridged.shares[0].percent == pytest.approx(
        predictor.predict(whole, None).shares[0].percent, abs=5.0
    )
    valid[30:50] = False
    assert predictor.predict(Spectrum(AXIS_NM, whole.absorbance, valid), None).novelty == UNREADABLE_NOVELTY


def test_an_image_of_usable_scale_is_used_and_another_is_left_out(predictor: IsicPredictor) -> None:
    alone = predictor.predict(spectrum(), None)
    assert alone.evidence.region_scores.shape == (0, 0)
    assert predictor.predict(spectrum(), micrograph(1.2)).evidence.region_scores.shape == (2, 2)
    for image in (micrograph(3.0), micrograph(0.1), micrograph(0.5, side=80)):
        assert predictor.predict(spectrum(), image).shares == alone.shares


def test_evidence_lies_on_the_models_wavelengths(predictor: IsicPredictor) -> None:
    edges = predictor.predict(spectrum(), None).evidence.window_edges_nm
    assert len(edges) == 9
    assert edges[0] == pytest.approx(1010.0 - 10.0)
    assert edges[-1] == pytest.approx(1790.0 + 10.0)


def test_predictions_are_written_row_by_row(predictor: IsicPredictor, tmp_path: Path) -> None:
    dataset = write_folder(tmp_path / "set", specimens=4)
    write_predictions(tmp_path / "predictions.csv", dataset, predict_dataset(predictor, NoCleaner(), dataset))
    with (tmp_path / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["row"] for row in rows] == [str(number) for number in range(8)]
    assert [row["specimen"] for row in rows] == list(dataset.specimens)
    fibre_columns = [f"{fibre}{end}" for fibre in predictor.fibres for end in ("", "_lo", "_hi")]
    assert list(rows[0]) == ["row", "specimen", "class", *fibre_columns, "novelty", "accepted"]
    for row in rows:
        assert sum(float(row[fibre]) for fibre in predictor.fibres) == pytest.approx(1.0, abs=1e-4)
        assert row["accepted"] in {"0", "1"}


def test_a_dataset_on_another_range_is_refused(predictor: IsicPredictor, tmp_path: Path) -> None:
    dataset = write_folder(tmp_path / "set", specimens=3)
    cut = type(dataset)(**{
        name: getattr(dataset, name) for name in type(dataset).__dataclass_fields__
    } | {"wavelength_nm": dataset.wavelength_nm + 500.0})  # fmt: skip
    with pytest.raises(DatasetError, match=r"spans 1500\.\.2300, expected at least 1010\.\.1790"):
        predict_dataset(predictor, NoCleaner(), cut)


def test_evaluation_counts_specimens_and_states_what_ignorance_scores(
    predictor: IsicPredictor, tmp_path: Path
) -> None:
    dataset = write_folder(tmp_path / "set", specimens=20, seed=9)
    rows = evaluate(predictor, NoCleaner(), dataset)
    whole, median = rows[0], rows[-1]
    assert (whole.split, whole.n_specimens, whole.n_rows) == ("all", 20, 40)
    assert median.model == "training median"
    assert whole.accuracy > 0.9
    assert whole.mae_pp < 0.5 * median.mae_pp
    assert whole.coverage is not None
    assert whole.coverage > 0.8
    assert median.coverage is None
