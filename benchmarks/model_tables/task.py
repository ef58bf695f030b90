"""What a table asks: which spectra are learnt from, and which specimens are then judged."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.dataset import Dataset


class Question(StrEnum):
    """What is asked of a method, and so which columns its table has."""

    CLASS = "class"
    SHARES = "shares"
    EACH_BLEND = "each blend"
    NOVELTY = "novelty"


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Row numbers to learn from and to be judged on; no specimen stands in both."""

    name: str
    training: NDArray[np.intp]
    test: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One table.

    Attributes:
        name: on the command line and in the results.
        note: what a reader of the table has to know.
        dataset: every row holds a specimen; `specimens` are the pieces that count once each.
        empty_views: (m, bands) absorbance of the same instrument without a specimen. It is nobody's test
            specimen, so a method may learn from it in every fold.
    """

    name: str
    title: str
    note: str
    question: Question
    dataset: Dataset
    folds: tuple[Fold, ...]
    empty_views: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self) -> None:
        names = np.array(self.dataset.specimens)
        for fold in self.folds:
            if np.intersect1d(names[fold.training], names[fold.test]).size:
                raise ValueError(f"{self.name}, {fold.name}: a specimen stands in training and in test")


def part(dataset: Dataset, rows: NDArray[np.intp], folder: Path | None = None) -> Dataset:
    """Return `rows` with the fibres that occur in them, without images and counts."""
    occurs = dataset.shares[rows].max(axis=0) > 0
    return replace(
        dataset,
        folder=folder or dataset.folder,
        absorbance=dataset.absorbance[rows],
        fibres=tuple(np.array(dataset.fibres)[occurs].tolist()),
        shares=dataset.shares[rows][:, occurs],
        specimens=_chosen(dataset.specimens, rows),
        conditions=_chosen(dataset.conditions, rows),
        instruments=_chosen(dataset.instruments, rows),
        image_paths=(None,) * len(rows),
        um_per_pixel=np.full(len(rows), np.nan),
        sample_counts=None,
        reference_counts=None,
    )


def with_empty_views(dataset: Dataset, empty_views: NDArray[np.float64]) -> Dataset:
    """Return the data set with rows of no share, as a folder holds them."""
    count = len(empty_views)
    if count == 0:
        return dataset
    return replace(
        dataset,
        absorbance=np.concatenate([dataset.absorbance, empty_views]),
        shares=np.concatenate([dataset.shares, np.zeros((count, len(dataset.fibres)))]),
        specimens=(*dataset.specimens, *("empty view",) * count),
        conditions=(*dataset.conditions, *("",) * count),
        instruments=(*dataset.instruments, *dataset.instruments[:1] * count),
        image_paths=(*dataset.image_paths, *(None,) * count),
        um_per_pixel=np.concatenate([dataset.um_per_pixel, np.full(count, np.nan)]),
    )


def _chosen(words: Sequence[str], rows: NDArray[np.intp]) -> tuple[str, ...]:
    return tuple(words[row] for row in rows)
