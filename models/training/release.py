"""Make the released ISiC-Net anew: lay out the data, train, evaluate on what was held back.

    python -m models.training.release --data FOLDER --work FOLDER --out FOLDER

``--data`` holds the recorded sets that docs/models.md names; they are not part of the project.
``--work`` keeps the laid-out sets and what an interrupted training resumes from.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from models.checkpoint import load_checkpoint
from models.composition_predictor import IsicPredictor
from models.filling_methods import FSR
from models.image_cleaner import DebrisCleaner
from models.runtimes.opening import open_runtime
from models.training.dataset import Dataset
from models.training.datasets import read_dataset
from models.training.evaluate import EvaluationRow, evaluate
from models.training.predict import predict_dataset
from models.training.recorded_sets import lay_out_recorded, write_once
from models.training.train_isic_net import train_isic_net
from models.virtual_mill.specimens import write_mill
from qc_daemon.domain.composition import Composition

SEED = 20261
EPOCHS = 25
MILL_SPECIMENS, MILL_TEST_SPECIMENS, MILL_TEST_SEED = 4000, 400, 990001

# Blends of two fibres, tested apart: seed of the first pair, specimens of each.
PAIRS = (("linen", "cotton"), ("cotton", "polyester"), ("polyester", "nylon"), ("nylon", "viscose"))
PAIR_SEED, PAIR_SPECIMENS = 990011, 60

TRAINING_SETS = ("mill", "swatches", "ftnir")
TEST_SETS = ("mill_test", "swatches_test", "ftnir_test", "garments", "usgs")


def main() -> None:
    """Lay out, train unless the checkpoint is there, and print the table of docs/models.md."""
    parser = argparse.ArgumentParser(description="Make the released ISiC-Net anew.")
    for name, meaning in (("data", "recorded sets"), ("work", "laid-out sets"), ("out", "checkpoint")):
        parser.add_argument(f"--{name}", type=Path, required=True, help=meaning)
    arguments = parser.parse_args()
    lay_out(arguments.data, arguments.work)
    if not arguments.out.exists():
        train_isic_net(
            [arguments.work / name for name in TRAINING_SETS], arguments.out, seed=SEED, epochs=EPOCHS
        )
    checkpoint = load_checkpoint(arguments.out)
    predictor = IsicPredictor(checkpoint, open_runtime(checkpoint, "onnx"))
    cleaner = DebrisCleaner(FSR)
    for name in TEST_SETS:
        dataset = read_dataset(arguments.work / name)
        for row in evaluate(predictor, cleaner, dataset):
            sys.stdout.write(f"{name:14s} {_line(row)}\n")
    for pair in PAIRS:
        dataset = read_dataset(arguments.work / _pair_name(pair))
        for used, use_images in (("spectrum and micrograph", True), ("spectrum alone", False)):
            error = pair_error(predict_dataset(predictor, cleaner, dataset, use_images), dataset, pair)
            sys.stdout.write(f"{' / '.join(pair)}, {used}: error of both shares {error:.3f}\n")


def pair_error(compositions: Sequence[Composition], dataset: Dataset, pair: Sequence[str]) -> float:
    """Return the mean absolute error of the shares (0..1) of the two fibres that are present."""
    errors = [
        abs(_share(composition, fibre) - dataset.shares[row, dataset.fibres.index(fibre)])
        for row, composition in enumerate(compositions)
        for fibre in pair
    ]
    return float(np.mean(errors))


def _share(composition: Composition, fibre: str) -> float:
    share = composition.share_of(fibre)
    return 0.0 if share is None else share.percent / 100.0


def _pair_name(pair: Sequence[str]) -> str:
    return "mill_" + "_".join(pair)


def _line(row: EvaluationRow) -> str:
    interval = "" if row.coverage is None else f" coverage {row.coverage:.3f} width {row.width_pp:.1f} pp"
    return (
        f"{row.model:16s} {row.split:9s} accuracy {row.accuracy:.3f} error {row.mae_pp:.2f} pp{interval} "
        f"({row.n_specimens} specimens, {row.n_rows} rows)"
    )


def lay_out(data: Path, work: Path) -> None:
    """Write every training and test set as a dataset folder under `work`; a folder that exists is kept."""
    lay_out_recorded(data, work)
    write_once(work / "mill_test", lambda folder: write_mill(folder, MILL_TEST_SPECIMENS, MILL_TEST_SEED))
    for number, pair in enumerate(PAIRS):
        write = partial(write_mill, specimens=PAIR_SPECIMENS, seed=PAIR_SEED + number, fibres=pair)
        write_once(work / _pair_name(pair), write)
    write_once(work / "mill", lambda folder: write_mill(folder, MILL_SPECIMENS, SEED))


if __name__ == "__main__":
    main()
