"""Make the released ISiC-Net anew: lay out the data, train, evaluate on what was held back.

    python -m models.training.release --data FOLDER --work FOLDER --out FOLDER

``--data`` holds the recorded sets that docs/models.md names; they are not part of the project.
``--work`` keeps the laid-out sets and what an interrupted training resumes from.
"""

import argparse
import sys
from pathlib import Path

from models.checkpoint import load_checkpoint
from models.composition_predictor import IsicPredictor
from models.image_cleaner import ClassicalImageCleaner
from models.runtimes.opening import open_runtime
from models.training.datasets import read_dataset
from models.training.evaluate import EvaluationRow, evaluate
from models.training.recorded_sets import lay_out_recorded, write_once
from models.training.train_isic_net import train_isic_net
from models.virtual_mill.specimens import write_mill

SEED = 20261
EPOCHS = 25
MILL_SPECIMENS, MILL_TEST_SPECIMENS, MILL_TEST_SEED = 4000, 400, 990001

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
    cleaner = ClassicalImageCleaner("fsr")
    for name in TEST_SETS:
        dataset = read_dataset(arguments.work / name)
        for row in evaluate(predictor, cleaner, dataset):
            sys.stdout.write(f"{name:14s} {_line(row)}\n")


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
    write_once(work / "mill", lambda folder: write_mill(folder, MILL_SPECIMENS, SEED))


if __name__ == "__main__":
    main()
