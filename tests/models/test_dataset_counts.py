"""Absorbance tables are roundings of exact counts; what is learnt and predicted comes from the counts."""

from pathlib import Path

import numpy as np
import pytest

from models.training.datasets import read_dataset


def write_folder(folder: Path, absorbance: np.ndarray, sample: np.ndarray, reference: np.ndarray) -> Path:
    (folder / "samples.csv").write_text("specimen,cotton\nC-1,1.0\nC-2,1.0\n", encoding="utf-8")
    axis = np.linspace(900.0, 1700.0, absorbance.shape[1])
    np.savez(
        folder / "spectra.npz", wavelength_nm=axis, absorbance=absorbance, sample=sample, reference=reference
    )
    return folder


@pytest.fixture
def counts() -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(3)
    return dice.integers(1000, 90_000, (2, 12)), dice.integers(100_000, 200_000, (2, 12))


def test_a_rounded_table_is_read_to_the_last_digit(
    tmp_path: Path, counts: tuple[np.ndarray, np.ndarray]
) -> None:
    sample, reference = counts
    exact = np.log10(reference / sample)
    dataset = read_dataset(write_folder(tmp_path, exact.round(6).astype(np.float32), sample, reference))
    assert dataset.absorbance == pytest.approx(exact, abs=1e-12)


def test_a_table_that_is_no_rounding_of_its_counts_stays_as_it_is(
    tmp_path: Path, counts: tuple[np.ndarray, np.ndarray]
) -> None:
    sample, reference = counts
    corrected = np.log10(reference / sample) + 0.01
    dataset = read_dataset(write_folder(tmp_path, corrected, sample, reference))
    assert dataset.absorbance == pytest.approx(corrected, abs=0)


def test_bands_without_counts_keep_the_table(tmp_path: Path, counts: tuple[np.ndarray, np.ndarray]) -> None:
    sample, reference = counts
    sample[0, 3] = 0
    table = np.log10(reference / np.maximum(sample, 1))
    dataset = read_dataset(write_folder(tmp_path, table, sample, reference))
    assert dataset.absorbance[0, 3] == table[0, 3]
