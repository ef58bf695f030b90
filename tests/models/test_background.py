from dataclasses import replace
from pathlib import Path

import numpy as np
from tiny_isic import AXIS_NM, FIBRES, absorbance_of, tiny_examples

from benchmarks.model_tables.recorded_tasks import recorded_tasks
from benchmarks.model_tables.task import with_empty_views
from models.preprocessing import signal_channels
from models.training.background import BACKGROUND, with_background
from models.training.dataset import Dataset
from models.training.datasets import read_dataset, write_dataset
from models.training.examples import Examples, common_grid, gather
from models.training.small_anchor import PLAINEST, fit_recipe


def empty_views(axis_nm: np.ndarray, count: int) -> np.ndarray:
    """(count, n): a dark surface with a band beside one of silk, and a second one far off."""
    generator = np.random.default_rng(9)
    bands = np.exp(-(((axis_nm[None] - np.array([[1370.0], [1050.0]])) / 30.0) ** 2)).sum(axis=0)
    return 1.2 + 0.2 * bands + generator.normal(0.0, 5e-4, (count, len(axis_nm)))


def folder_with_empty_views(folder: Path) -> Dataset:
    generator = np.random.default_rng(0)
    shares = np.repeat(np.eye(3), 2, axis=0)
    fabrics = Dataset(
        folder=folder,
        wavelength_nm=AXIS_NM,
        absorbance=absorbance_of(shares, AXIS_NM, generator),
        fibres=FIBRES,
        shares=shares,
        specimens=tuple(f"piece-{row}" for row in range(6)),
        conditions=("",) * 6,
        image_paths=(None,) * 6,
        um_per_pixel=np.full(6, np.nan),
        sample_counts=None,
        reference_counts=None,
    )
    return with_empty_views(fabrics, empty_views(AXIS_NM, 4))


def sheer_and_known() -> tuple[Examples, Examples]:
    """Pure fabrics with their background measured, and sheer ones through which half of it shows."""
    known, fresh = tiny_examples(30, seed=1), tiny_examples(30, seed=2)
    pure = fresh.take(np.flatnonzero(fresh.shares.max(axis=1) == 1.0))
    views = empty_views(pure.grid.wavelength_nm, len(pure))
    return (
        replace(known, background=empty_views(known.grid.wavelength_nm, 5)),
        replace(pure, absorbance=0.5 * pure.absorbance + 0.5 * views),
    )


def error_of(known: Examples, tested: Examples) -> float:
    inputs = signal_channels(tested.absorbance).reshape(len(tested), -1).astype(np.float64)
    return float(np.abs(fit_recipe(PLAINEST, known, seed=0).shares(inputs) - tested.shares).mean())


def test_a_background_that_was_measured_is_not_taken_for_fibre() -> None:
    known, sheer = sheer_and_known()
    blind = replace(known, background=known.background[:0])
    assert error_of(known, sheer) < 0.05
    assert error_of(known, sheer) < 0.5 * error_of(blind, sheer)


def test_fabrics_that_hide_their_background_are_read_as_well_as_without_it() -> None:
    known, _ = sheer_and_known()
    opaque = tiny_examples(30, seed=3)
    blind = replace(known, background=known.background[:0])
    assert error_of(known, opaque) < error_of(blind, opaque) + 0.005


def test_rows_without_specimen_are_gathered_as_background_and_stay_when_rows_are_taken(
    tmp_path: Path,
) -> None:
    write_dataset(folder_with_empty_views(tmp_path))
    dataset = read_dataset(tmp_path)
    examples = gather([dataset], common_grid([dataset], 40), None)
    assert len(examples) == 6
    assert examples.background.shape == (4, 40)
    assert examples.background.mean() > 1.1
    assert len(examples.take(np.array([0])).background) == 4


def test_the_background_is_one_more_component_of_rows_of_its_own(tmp_path: Path) -> None:
    dataset = folder_with_empty_views(tmp_path)
    examples = gather([dataset], common_grid([dataset], 40), None)
    seen = with_background(examples)
    assert seen.fibres == (*FIBRES, BACKGROUND)
    np.testing.assert_array_equal(seen.shares[:, -1], [0] * 6 + [1] * 4)
    np.testing.assert_array_equal(seen.shares.sum(axis=1), 1.0)
    assert len(set(seen.specimens)) == 7
    assert with_background(tiny_examples(4)).fibres == FIBRES


def test_swatches_are_learnt_with_their_empty_views_in_every_fold(qc_data: Path) -> None:
    by_name = {task.name: task for task in recorded_tasks(qc_data)}
    for name in ("swatches", "swatch-blends", "novelty"):
        assert len(by_name[name].empty_views) == 10
        assert "empty background" in by_name[name].note
    assert len(by_name["new-compositions"].empty_views) == 0
