"""The rows of the tables: each answers a fold after learning from its training rows only."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.model_tables.scores import Intervals, Novelty, Prediction
from benchmarks.model_tables.task import Fold, Question, Task, part, with_empty_views
from models.baselines.least_squares_svm import LeastSquaresSvm
from models.baselines.method import Method
from models.baselines.pls import PartialLeastSquares
from models.baselines.random_forest import RandomForest
from models.baselines.ridge import RidgeRegression
from models.baselines.support_vectors import SupportVectors
from models.baselines.training_median import TrainingMedian
from models.baselines.unmixing import Unmixing
from models.composition_predictor import IsicPredictor
from models.filling_methods import FSR
from models.image_cleaner import DebrisCleaner
from models.runtimes.opening import open_runtime
from models.training.datasets import write_dataset
from models.training.examples import common_grid, gather
from models.training.predict import predict_dataset
from models.training.train_isic_net import BANDS, train_isic_net
from qc_daemon.domain.composition import Composition


class Contestant(Protocol):
    """One row of a table."""

    @property
    def name(self) -> str:
        """The row's name."""
        ...

    def can_answer(self, question: Question) -> bool:
        """Tell whether the question makes sense for it."""
        ...

    def answer(self, task: Task, fold: Fold, seed: int) -> Prediction:
        """Learn from the fold's training rows and answer its test rows."""
        ...


class ClassicalContestant:
    """A baseline, on the grid that the network reads as well."""

    def __init__(self, method: Callable[[], Method]) -> None:
        self._method = method

    @property
    def name(self) -> str:
        """The method's name."""
        return self._method().name

    def can_answer(self, question: Question) -> bool:
        """Tell that only the network answers a novelty."""
        return question is not Question.NOVELTY

    def answer(self, task: Task, fold: Fold, seed: int) -> Prediction:
        """Fit the method afresh; it chooses its settings inside the training rows."""
        examples = gather([task.dataset], common_grid([task.dataset], BANDS), None)
        method = self._method()
        # Thousands of small fits: threads would only wait for one another.
        with threadpool_limits(1):
            method.fit(examples.take(fold.training), examples.take(np.array([], dtype=np.intp)), seed)
            answers = method.answer(examples.take(fold.test))
        return Prediction(answers.main, answers.shares)


class IsicNetContestant:
    """ISiC-Net as `qc-daemon train isic` trains it and `qc-daemon predict` asks it."""

    name = "ISiC-Net"

    def can_answer(self, question: Question) -> bool:
        """Tell that it answers everything."""
        del question
        return True

    def answer(self, task: Task, fold: Fold, seed: int) -> Prediction:
        """Train a checkpoint on a dataset folder and ask it through the serving runtime."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "training"
            learnt = part(task.dataset, fold.training, folder)
            write_dataset(with_empty_views(learnt, task.empty_views))
            checkpoint = train_isic_net([folder], Path(scratch) / "isic-net", seed=seed)
            predictor = IsicPredictor(checkpoint, open_runtime(checkpoint, "onnx"))
            try:
                compositions = predict_dataset(predictor, DebrisCleaner(FSR), part(task.dataset, fold.test))
            finally:
                predictor.close()
        return prediction_of(compositions, task.dataset.fibres)


def prediction_of(compositions: Sequence[Composition], fibres: tuple[str, ...]) -> Prediction:
    """Return the answers in the order of `fibres`; one that the model does not know has no share."""
    percent = np.array([[_values(one, fibre) for fibre in fibres] for one in compositions])
    shares, low, high = np.moveaxis(percent / 100.0, -1, 0)
    novelty = Novelty(
        np.array([one.novelty for one in compositions]), np.array([one.novel for one in compositions])
    )
    return Prediction(shares.argmax(axis=1), shares, Intervals(low, high), novelty)


def _values(composition: Composition, fibre: str) -> tuple[float, float, float]:
    share = composition.share_of(fibre)
    return (0.0, 0.0, 0.0) if share is None else (share.percent, share.lo, share.hi)


# By the word that the command line and the results call them, in the order of the rows.
CONTESTANTS: Mapping[str, Contestant] = MappingProxyType({
    "median": ClassicalContestant(TrainingMedian),
    "ridge": ClassicalContestant(RidgeRegression),
    "pls": ClassicalContestant(PartialLeastSquares),
    "svm": ClassicalContestant(SupportVectors),
    "lssvm": ClassicalContestant(LeastSquaresSvm),
    "forest": ClassicalContestant(RandomForest),
    "unmixing": ClassicalContestant(Unmixing),
    "isic": IsicNetContestant(),
})  # fmt: skip
