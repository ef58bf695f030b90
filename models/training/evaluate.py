"""Measure a predictor on a dataset folder, by specimen, beside the answer of one who never looked.

Every specimen counts once, however many spectra it has. Only fibres that both the model and the
dataset know are compared; the class counts where the dataset's main fibre is one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.composition_predictor import IsicPredictor
from models.training.dataset import Dataset
from models.training.datasets import require_shares
from models.training.predict import predict_dataset
from qc_daemon.domain.composition import Composition
from qc_daemon.domain.errors import DatasetError
from qc_daemon.domain.ports import ImageCleaner

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """One line of the table; see the field names in the contract of `qc-daemon evaluate`.

    Attributes:
        split: "all", or "accepted" for the specimens that are not called novel.
        accuracy: share of specimens whose main fibre is right, 0..1.
        mae_pp: mean absolute error of the shares in percentage points.
        coverage: share of true values inside their interval, 0..1; None without intervals.
        width_pp: mean width of the intervals; None without intervals.
    """

    model: str
    split: str
    accuracy: float
    mae_pp: float
    coverage: float | None
    width_pp: float | None
    n_specimens: int
    n_rows: int


def evaluate(
    predictor: IsicPredictor, cleaner: ImageCleaner, dataset: Dataset, use_images: bool = True
) -> list[EvaluationRow]:
    """Return a row for all specimens, one for the accepted rows, and one for the training median.

    Raises:
        DatasetError: the dataset has no shares, or no specimen that is wholly of the model's fibres.
    """
    require_shares(dataset)
    fibres = tuple(fibre for fibre in dataset.fibres if fibre in predictor.fibres)
    rows = _comparable_rows(dataset, fibres)
    if not len(rows):
        raise DatasetError(
            f"{dataset.folder}: no specimen of {', '.join(predictor.fibres)}; expected some to evaluate on"
        )
    compositions = predict_dataset(predictor, cleaner, dataset, use_images)
    chosen = [compositions[row] for row in rows]
    truth = 100.0 * dataset.shares[rows][:, [dataset.fibres.index(fibre) for fibre in fibres]]
    specimens = np.array([dataset.specimens[row] for row in rows])
    accepted = np.array([not composition.novel for composition in chosen])
    name = predictor.version.name
    table = [_measure(name, "all", fibres, chosen, truth, specimens)]
    if accepted.any():
        kept = [composition for composition in chosen if not composition.novel]
        table.append(_measure(name, "accepted", fibres, kept, truth[accepted], specimens[accepted]))
    known = {share.fibre: share.percent for share in predictor.training_median}
    median = np.array([known[fibre] for fibre in fibres])
    return [*table, _median_row(median, truth, specimens)]


def _comparable_rows(dataset: Dataset, fibres: tuple[str, ...]) -> NDArray[np.intp]:
    """Return the rows whose shares are wholly of fibres that the model knows."""
    if not fibres:
        return np.array([], dtype=np.intp)
    known = dataset.shares[:, [dataset.fibres.index(fibre) for fibre in fibres]].sum(axis=1)
    return np.flatnonzero(known > 0.98)


def _measure(
    name: str,
    split: str,
    fibres: tuple[str, ...],
    compositions: Sequence[Composition],
    truth: Floats,
    specimens: NDArray[np.str_],
) -> EvaluationRow:
    predicted = np.array([[_values(composition, fibre) for fibre in fibres] for composition in compositions])
    percent, low, high = predicted[..., 0], predicted[..., 1], predicted[..., 2]
    main = [max(composition.shares, key=lambda share: share.percent).fibre for composition in compositions]
    right = np.array(main) == np.array(fibres)[truth.argmax(axis=1)]
    inside = (low - 1e-6 <= truth) & (truth <= high + 1e-6)
    return EvaluationRow(
        model=name,
        split=split,
        accuracy=_specimen_mean(right.astype(np.float64), specimens),
        mae_pp=_specimen_mean(np.abs(percent - truth).mean(axis=1), specimens),
        coverage=_specimen_mean(inside.mean(axis=1), specimens),
        width_pp=_specimen_mean((high - low).mean(axis=1), specimens),
        n_specimens=len(set(specimens)),
        n_rows=len(specimens),
    )


def _values(composition: Composition, fibre: str) -> tuple[float, float, float]:
    share = composition.share_of(fibre)
    assert share is not None  # `fibres` are those that the model knows
    return share.percent, share.lo, share.hi


def _median_row(median: Floats, truth: Floats, specimens: NDArray[np.str_]) -> EvaluationRow:
    """Answer every specimen with the median of the training specimens (k,): the least to beat."""
    right = (truth.argmax(axis=1) == median.argmax()).astype(np.float64)
    return EvaluationRow(
        model="training median",
        split="all",
        accuracy=_specimen_mean(right, specimens),
        mae_pp=_specimen_mean(np.abs(truth - median).mean(axis=1), specimens),
        coverage=None,
        width_pp=None,
        n_specimens=len(set(specimens)),
        n_rows=len(specimens),
    )


def _specimen_mean(values: Floats, specimens: NDArray[np.str_]) -> float:
    _, inverse, counts = np.unique(specimens, return_inverse=True, return_counts=True)
    return float((np.bincount(inverse, values) / counts).mean())
